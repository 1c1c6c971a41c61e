"""Logs of real robots: where they come from, and what each file must hash to."""

from __future__ import annotations

from daneel.evaluation.dataset import Dataset

REAL_ROBOT = (
    Dataset(
        "real_robot/dfki_double_pendulum",
        "DFKI double pendulum, three builds: excitation, closed loop, the authors' files",
        "github dfki-ric-underactuated-lab/double_pendulum, commit 1e8544e",
        "BSD-3-Clause",
        {
            "A0_closed_loop_20220819/174435-pendubot_tvlqr_lqr.csv.gz": (
                "0aebaa5f53e8ce6d1bae84955b55506cf6390fde6a04b826c651f96042c90e71"
            ),
            "A0_closed_loop_20220819/174932-pendubot_tvlqr_lqr.csv.gz": (
                "9270dfe1bbefb78a2d468729f338f038ec410e781fe14f81f89643f4615ffaad"
            ),
            "A0_closed_loop_20220819/175617-pendubot_tvlqr_lqr_VIDEO.csv.gz": (
                "6d29159e4429505dcfcd1527d9e5fe6a59fa5fef9444c3dbee2fbaa8cf17ba1f"
            ),
            "A0_sysid_20220812/055032.csv.gz": (
                "dfe4115a61b42d7470a2560df70402468e04d5b26717438c54a79d5f2cf2d41a"
            ),
            "A0_sysid_20220812/055640.csv.gz": (
                "1a903891c6a51f7213535a8facb9485c2cceaace093710fe7dba53dabcaba40b"
            ),
            "A0_sysid_20220812/055903.csv.gz": (
                "d88999fea3a959a7353a32a1f3366a916cc8511fd2ab34f8a39c294573d35d93"
            ),
            "A0_sysid_20220812/060143.csv.gz": (
                "ba86a56ed6e2cd5a2c7e06e66561dd00b7f1900cce6902908f80357a6a3f9105"
            ),
            "A0_sysid_20220812/060245.csv.gz": (
                "8d4e1a4302a89545c2a0b503a556a8c15a35837c784a5f2b905ad6fe8a7e3729"
            ),
            "A0_sysid_20220812/060329.csv.gz": (
                "efe93206d9a4f1bcb79631bae34b58362c033f549de4b5dadb3d8cf8530f295e"
            ),
            "A0_sysid_20220812/060440.csv.gz": (
                "15d89b0f61faabd4e2d47c86dc0d0b5f3759240ae51bb272281c1b88f4434fdb"
            ),
            "A0_sysid_20220812/061157.csv.gz": (
                "ce66c1372cd06f6c7dec8c999782066de100f0f8df628dde24b84d559cc4700a"
            ),
            "A0_sysid_20220812/061705.csv.gz": (
                "0c62131615461d5d7da4a409818bbec0effc2b7694e2899343bb081567f1fdb2"
            ),
            "C0_closed_loop_20220914/172144_acrobot_lqr_video.csv.gz": (
                "0bcdfd144e6d46fe5d0b1ff2931a9fc2906b687d71fd0a336435787e7ea0757b"
            ),
            "C0_sysid_20220914/trajectory_00.csv.gz": (
                "d8eef7811f6d3d771f4900aa5afacedfc2fd2334813c2aac5b91f968384ad675"
            ),
            "C0_sysid_20220914/trajectory_01.csv.gz": (
                "be9645aca64018a9410a2707a2258bf5f8b3bc449062b9bad09e31dff8a2aa8e"
            ),
            "C0_sysid_20220914/trajectory_02.csv.gz": (
                "9ef9750ebf101ad5d5281665022d0004210c73ebf4f2ab8a3bf9fdf6f77d05f5"
            ),
            "C0_sysid_20220914/trajectory_03.csv.gz": (
                "60eb86bb8be52640f6dfe140bb8c6ce57d63ee8e910918557aa78326b6e611fb"
            ),
            "C0_sysid_20220914/trajectory_04.csv.gz": (
                "07491cf614426b4d8bb00eec8e1bca43adac6dc833ac54ceb17f8c3ebc78394d"
            ),
            "C0_sysid_20220914/trajectory_05.csv.gz": (
                "725fb2502625cc329e5e94b804daee3289689a046cceda89d71d06f761d8a0dc"
            ),
            "C0_sysid_20220914/trajectory_06.csv.gz": (
                "69eabea7e3b0b7f7286727e6938dd39d54a3792c6793d7c87f108bc675065df3"
            ),
            "C1_sysid_20230629/143339.csv.gz": (
                "00feb67b20741d04952606c6bae2707f7a20287bc4295b974cfb23356b358a11"
            ),
            "C1_sysid_20230629/143524.csv.gz": (
                "ebfafd6993747c788907cc575466a379bfca0772bca9d25cd71c4bc95f91029a"
            ),
            "C1_sysid_20230629/143601.csv.gz": (
                "f0c989fd99085ca6f89e55d63f4837af4abafe2481dafb60665ef739d9e0f5bc"
            ),
            "C1_sysid_20230629/143704.csv.gz": (
                "679eaf34306f85a50eb1fc27c681dfb5b8f8f6b2b5ca7a6152f9fbc3e73eb01b"
            ),
            "C1_sysid_20230629/143747.csv.gz": (
                "5a8526d3830a82d2edc36a301ffd34cb4fd41b6a1626d12d692898266b13630b"
            ),
            "C1_sysid_20230629/143906.csv.gz": (
                "df61b3531fe54e3aa82722c44098ca1481c771bc61f56a85192997bcdebe179e"
            ),
            "C1_sysid_20230629/144003.csv.gz": (
                "6230d50f9e253a9d6e81bfd7694d912f5e21b1ffde035c0dbab19d1ab09b7e46"
            ),
            "C1_sysid_20230629/144115.csv.gz": (
                "9901b9925d4a505608a0d928539a4e0b464ccf2569a51f46ae2707409d499e6b"
            ),
            "identified_parameters/design_A.0_model_2.1.yml": (
                "43d14672611ad9cef17e8151d3df18499b140e03106c569490ab9e7a1caa7bef"
            ),
            "identified_parameters/design_C.0_model_3.0.yml": (
                "7834dc0872120bf3aa6e4d041ba7ce4e274f57c101f55d0dc3af67244b0c4feb"
            ),
            "identified_parameters/design_C.0_model_3.1.yml": (
                "51fb6e44b5809867f09a9b4f0981c3cc19ed3df2453ba16452643f80a5f927c8"
            ),
            "identified_parameters/design_C.1_model_1.0.yml": (
                "5e685ddd1f7c9b9d9c4f0d1b16c23d751ce5e8d55b661d63b1a010c8d174b5b2"
            ),
            "identified_parameters/design_C.1_model_1.1.yml": (
                "c7c69f2cdfcc54f472eb8c59ff1a28cce910b3e9620c1289db2b72cea56186c9"
            ),
            "identified_parameters/design_C.1_model_2.0.yml": (
                "54a864bd01c45ad865f917a738f5fdd2615c119faf0140f71f621aa25f60f47e"
            ),
            "identified_parameters/design_C.1_model_3.0.yml": (
                "a96a674d026db5d6a50b22ef3459efea44cdb1780c63679dfce94cce1b9aae4e"
            ),
        },
    ),
    Dataset(
        "real_robot/dfki_simple_pendulum",
        "DFKI torque-limited simple pendulum",
        "github dfki-ric-underactuated-lab/torque_limited_simple_pendulum, commit ed17ea2",
        "BSD-3-Clause",
        {
            "ddp__data_measured.csv.gz": (
                "f2aaec35e8e8bf2cb08568a217c5dba3305d1b79ea2c4f415e3bf4a72e434b7d"
            ),
            "direct_collocation__data_measured.csv.gz": (
                "bc70a2e04da878f041cff00aac0f1b1d2aec2370b360c5266d4bf7e337b09086"
            ),
            "identified_parameters.txt": (
                "46eb281078d8642ac46ff1292a78eecb0807de838afaad98f1d0379580fd33a5"
            ),
        },
    ),
    Dataset(
        "real_robot/iit_go2_joint_chirp",
        "Unitree Go2 held in the air, chirps of twelve joints (IIT Go2 chirp log)",
        "github iit-DLSLab/sim2real-robot-identification, commit 06739ea",
        "BSD-3-Clause",
        {
            "traj_0.npz": ("6b32cbb219ee3a20dbf26e4b1ab6bf44702d0970b950f180ad0806d8f2a17839"),
        },
    ),
    Dataset(
        "real_robot/multiarm_pendulum",
        "Single, double and triple pendulum swinging freely",
        "github dynamicslab/MultiArm-Pendulum, commit e99a7e1",
        "MIT",
        {
            "DoublePendulumDataForParameterEstimation.mat": (
                "4bf9e4006aa83b2b003295ac1b1946717eec87d76873834d6248683aca419902"
            ),
            "EstimatedParameters_DoublePendulum.mat": (
                "786fb808d6ecfd770cf89d770778cb473a66223a5e63790bbc94277f2e5b3517"
            ),
            "EstimatedParameters_SinglePendulum.mat": (
                "64108f0f69a202f8893a376bd87b69cd54ed13664aed33db085766639a5b0962"
            ),
            "EstimatedParameters_TriplePendulum.mat": (
                "3fca5c83c28c98704e9c266da3d8c783ceef4c4555f75701bb279c905a4441ef"
            ),
            "SinglePendulumDataForParameterEstimation.mat": (
                "f3b8cdda4a6e86405ec37ff32b98be76fd37806a609cba7870628c1e40377a98"
            ),
            "TriplePendulumDataForParameterEstimation.mat": (
                "c92e7ad880b9977c47842b54697dbcb4bc2183672af94a18a592449e89cfd81c"
            ),
        },
    ),
    Dataset(
        "real_robot/rhoban_bam_xl330",
        "Dynamixel XL330 servo on a pendulum bench",
        "github Rhoban/bam, parent of commit 2f67dc6",
        "Apache-2.0",
        {
            "identified_m1.json": (
                "c925e15c9d8e7ca69b9401c39c269b520c1f3c14bb7bf4a5d3e485e4fcf8ce24"
            ),
            "identified_m4.json": (
                "6daa67ea0a094b5758aa555d26c8b9d59bea6d81e49b656bc107bd68a58ea7e7"
            ),
            "identified_m6.json": (
                "61c699362fb3fabdde93eeba5e1ad3bf4ef9ca2f71d03e316b1924ff005b20d3"
            ),
            "processed/2026-01-15_10h28m10.json.gz": (
                "ae9182e5b705fb2d0575a3dfe1b25203ec0e6bedb76de8aa4be155289406e7bd"
            ),
            "processed/2026-01-15_10h28m17.json.gz": (
                "8494ed4a895faf087645896197a21578fa83b86d3089ff5b409e818237e0bf2e"
            ),
            "processed/2026-01-15_10h28m24.json.gz": (
                "adb5b4f5c0380a46f9545f68468b53685fb3ec84b28ccecc2199232a7f301a0c"
            ),
            "processed/2026-01-15_10h28m32.json.gz": (
                "198edefe8a8521273ce86de58016061564df5179f776b5d14a5912313a77aae8"
            ),
            "processed/2026-01-15_10h28m42.json.gz": (
                "761ac064cf1321581690050e18ebb42eb31a0fd1008b0d89c705099f1ca63e93"
            ),
            "processed/2026-01-15_10h28m49.json.gz": (
                "72af28954ffd42986c74f65a846734ee66f8d1903dde198b9bfc3a14a5e6c4dc"
            ),
            "processed/2026-01-15_10h28m57.json.gz": (
                "f741ef9b9a07083b370fe41f5c7b2dd3d0fdc34ee6a6f8fe0c35120de5f88c3a"
            ),
            "processed/2026-01-15_10h29m04.json.gz": (
                "1bdbd2ba51c1128d754f031c386927df3893d43821424aaedf066bd20f6e64e9"
            ),
            "processed/2026-01-15_10h29m47.json.gz": (
                "7bbfa1edd019364ce35bb8108cb19c6b89801173401ff3d7599d8e0c030140b0"
            ),
            "processed/2026-01-15_10h29m54.json.gz": (
                "7eae3211ebbbe5352707b99e8bd8a43e6363991ca3937bbf0a024452aca23fb2"
            ),
            "processed/2026-01-15_10h30m02.json.gz": (
                "87162c812c8abeb52f33e1e9964531e3af3f25747f623de7fc7ce5b39366579b"
            ),
            "processed/2026-01-15_10h30m10.json.gz": (
                "61c392d89b1daddbba390d04ace607f7af16c1610331ffe3d2fce90f9b3401be"
            ),
        },
    ),
)
"""Each as in its README; hashes of the files that benches read."""
