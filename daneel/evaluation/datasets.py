"""Real data sets by name: where they come from, what they must hash to, where they lie here.

None of the data is in the repository. `DANEEL_DATA` names a folder with one folder for each set,
under the names below; whoever needs a set calls `locate`.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from daneel.errors import DaneelError, unknown_name
from daneel.evaluation.dataset import Dataset
from daneel.evaluation.robot_logs import REAL_ROBOT

VARIABLE = "DANEEL_DATA"
"""Environment variable that names the folder with the data."""


DATASETS: Mapping[str, Dataset] = {
    item.name: item
    for item in (
        Dataset(
            "text/public_domain",
            "tiny-shakespeare (1.1 MB) and the King James Bible (4.4 MB, one verse a line)",
            "github karpathy/char-rnn data/tinyshakespeare/input.txt; Debian bible-kjv-text 4.38",
            "public domain",
            {
                "tinyshakespeare.txt": (
                    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
                ),
                "kjv_bible.txt": "cd45f0c9cedab8e4439bd6486c8952c77cc8b0ecc5d1f6ae3513f2039f47229d",
            },
        ),
        Dataset(
            "text/wikitext2",
            "WikiText-2, validation and test, tokenised with <unk> (Merity et al. 2016)",
            "github pytorch/examples word_language_model/data/wikitext-2",
            "CC BY-SA 3.0",
            {
                "valid.txt": "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
                "test.txt": "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
            },
        ),
        Dataset(
            "scaling/porian_isoflop",
            "1,264 IsoFLOP runs of 11 settings, 12 budgets (Porian et al. 2024)",
            "github formll/resolving-scaling-law-discrepancies, commit 0dc60d9",
            "MIT",
            {
                "isoflop.csv": "4d7e4bc3831c87225f306396776baa9baaf1a50ea4a179ff3ff634ec3542e35d",
                "published_fits.csv": (
                    "32fb04e201807da927268c50087edd378c0a1a5c69d5b93ccfd5828b45c87b47"
                ),
            },
        ),
        Dataset(
            "scaling/gadre_overtraining",
            "104 runs, 11M to 6.9B parameters, three training sets (Gadre et al. 2024)",
            "github mlfoundations/scaling, commit a003c49",
            "MIT",
            {"runs.csv": "98cfc502f92df312a9d15e52da4c919272de12077d379197996df034433444d9"},
        ),
        Dataset(
            "scaling/alabdulmohsin_nmt",
            "53 translation runs with the authors' held-out flag (Alabdulmohsin et al. 2022)",
            "github google-research/google-research revisiting_neural_scaling_laws",
            "CC BY 4.0",
            {"nmt.csv": "450b0fc41a799cdfd8193d66facd3287a82a0448ef20e9cdf9a552867db4aad6"},
        ),
        Dataset(
            "scaling/obs_scaling",
            "148 public base models: size, tokens, FLOPs, benchmarks (Ruan et al. 2024)",
            "github ryoungj/ObsScaling, commit 4d6e1e4",
            "Apache-2.0",
            {
                "base_llm_benchmark_eval.csv": (
                    "511996815735a4c46251dc585dcc525e370d148201f86561e6f927f9df2d0db8"
                ),
                "base_llm_benchmark_eval_sub_10b.csv": (
                    "6a5fe6143b1fd86c2c10368de05e204c89ab6652b0f7e97c4965c37bff360d1d"
                ),
                "base_llm_emergent_capability_eval.csv": (
                    "a156beee73c39b7833c3c53535c473939105512d85e90b0143be7325e516ef7c"
                ),
                "base_llm_leaderboard_v2_eval.csv": (
                    "ace728c962dfb2b9133fe92081c818e3fba01391694c9590fa0198f850062563"
                ),
            },
        ),
        *REAL_ROBOT,
    )
}
"""Every data set the project knows."""


def locate(name: str) -> Path:
    """The folder of a data set on this machine; every file of the set is there.

    Raises:
        UnknownNameError: No data set has this name.
        DaneelError: `DANEEL_DATA` is not set, or a file is missing; the message says what to do.
    """
    dataset = _entry(name)
    root = os.environ.get(VARIABLE, "")
    if not root:
        raise DaneelError(
            f"The data set {name!r} is asked for, but {VARIABLE} is not set. "
            f"Expected a folder that holds {name}/{next(iter(dataset.sha256))} ({dataset.source}). "
            f"Type `export {VARIABLE}=FOLDER`."
        )
    folder = Path(root) / name
    missing = [file for file in dataset.sha256 if not (folder / file).is_file()]
    if missing:
        raise DaneelError(
            f"The data set {name!r} has no {', '.join(missing)} in {str(folder)!r}. "
            f"Expected the files of {dataset.source}. "
            f"Put them there, or type `export {VARIABLE}=FOLDER` with the folder that has them."
        )
    return folder


def verify(name: str) -> Path:
    """As `locate`, and every file is the one that the project's figures were measured on.

    Raises:
        UnknownNameError: No data set has this name.
        DaneelError: A file is missing or differs.
    """
    folder = locate(name)
    for file, expected in _entry(name).sha256.items():
        found = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        if found != expected:
            raise DaneelError(
                f"{str(folder / file)!r} has the sha256 {found}. Expected {expected}. "
                f"Fetch the file again from {_entry(name).source}."
            )
    return folder


def read_csv(name: str, file: str) -> list[dict[str, str]]:
    """The rows of a table of a data set, each a mapping from column to text.

    Raises:
        DaneelError: As `locate`.
    """
    with (locate(name) / file).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def _entry(name: str) -> Dataset:
    if name not in DATASETS:
        raise unknown_name("data set", name, DATASETS)
    return DATASETS[name]
