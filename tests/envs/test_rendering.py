"""Images show the state and change nothing."""

import os
import subprocess
import sys

import mujoco
import numpy as np
import pytest

from daneel import envs
from daneel.envs.rendering import INSTALL
from daneel.errors import RenderError

needs_gl = pytest.mark.skipif(envs.gl_backend() is None, reason=f"no OpenGL here: {INSTALL}")

MUJOCO = [
    ("HalfCheetah-v5", None),
    ("dm_control/ball_in_cup-catch-v0", None),
    ("Meta-World/drawer-close-v3", "metaworld"),
    ("FetchPush-v4", "gymnasium_robotics"),
    ("HandManipulateBlockRotateZ-v1", "gymnasium_robotics"),
    ("AntMaze_UMaze-v5", "gymnasium_robotics"),
    ("FrankaKitchen-v1", "gymnasium_robotics"),
]
OTHERS = [("PandaPush-v3", "panda_gym"), ("Pendulum-v1", "pygame")]
ALL = [pytest.param(*sample, marks=needs_gl) for sample in MUJOCO] + [
    pytest.param(*sample) for sample in OTHERS
]


def play(env, draw):
    """Observations and rewards of 8 decisions, and the frames if they are drawn."""
    env.action_space.seed(1)
    rows, frames = [env.reset(seed=[3])[0]], []
    for _ in range(8):
        observation, reward, *_ = env.step(env.action_space.sample())
        rows.append({**observation, "reward": reward})
        if draw:
            frames.append(env.render()[0])
    env.close()
    return [row[key].tobytes() for row in rows for key in sorted(row)], frames


@pytest.mark.parametrize(("env_id", "package"), ALL)
def test_drawing_changes_nothing(env_id, package):
    """Drawing changes nothing."""
    if package:
        pytest.importorskip(package)
    plain, _ = play(envs.make(env_id), draw=False)
    drawn, frames = play(envs.make(env_id, render=(48, 64)), draw=True)
    assert drawn == plain
    assert all(frame.shape == (48, 64, 3) and frame.dtype == np.uint8 for frame in frames)
    assert all(frame.std() > 5 for frame in frames)  # something is to be seen
    assert any((frame != frames[0]).any() for frame in frames)  # and it moves


@needs_gl
def test_the_model_is_left_as_it_was():
    """The model is left as it was."""
    env = envs.make_single(envs.EnvConfig("HalfCheetah-v5"), render=(600, 800))
    reference = envs.make_single(envs.EnvConfig("HalfCheetah-v5"))
    env.reset(seed=0)
    assert np.asarray(env.render()).shape == (600, 800, 3)  # larger than the model's own buffer
    for part in ("global_", "quality"):
        ours, theirs = (getattr(e.get_wrapper_attr("model").vis, part) for e in (env, reference))
        assert str(ours) == str(theirs)
    env.close()


@needs_gl
def test_markers_show_the_goal_and_the_simulator_keeps_its_own():
    """Markers show the goal and the simulator keeps its own."""
    pytest.importorskip("gymnasium_robotics")
    env = envs.make_single(envs.EnvConfig("FetchReach-v4"), render=(120, 160))
    env.reset(seed=0)
    model, data = (env.get_wrapper_attr(name) for name in ("model", "data"))
    site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, "target0")  # pyright: ignore
    before = (model.site_pos[site].copy(), data.site_xpos[site].copy())
    first = np.asarray(env.render())
    env.unwrapped.goal += 0.2  # pyright: ignore[reportAttributeAccessIssue]
    assert (np.asarray(env.render()) != first).any()
    np.testing.assert_array_equal(before, (model.site_pos[site], data.site_xpos[site]))
    env.close()


@needs_gl
def test_every_environment_draws_itself():
    """Every environment draws itself."""
    env = envs.make("HalfCheetah-v5", num_envs=2, render=(48, 64))
    env.reset(seed=[0, 1])
    left, right = map(np.asarray, env.render() or ())
    assert (left != right).any()
    env.close()


@needs_gl
def test_the_pen_is_in_the_picture():
    """The model's default camera looks at the table beside the hand, where nothing moves."""
    pytest.importorskip("gymnasium_robotics", reason="the extra 'suites' is not installed")
    env = envs.make_single(envs.EnvConfig("AdroitHandPenSparse-v1"), render=(48, 64))
    env.reset(seed=0)
    first = np.asarray(env.render())
    for _ in range(5):
        env.step(np.ones(24, np.float32))
    assert (np.asarray(env.render()) != first).mean() > 0.02
    env.close()


@needs_gl
def test_asynchronous_environments_draw_in_their_own_processes():
    """Asynchronous environments draw in their own processes."""
    env = envs.make("HalfCheetah-v5", num_envs=2, vectorization="async", render=(48, 64))
    env.reset(seed=[0, 1])
    left, right = map(np.asarray, env.render() or ())
    assert left.shape == (48, 64, 3)
    assert (left != right).any()
    env.close()


@needs_gl
def test_terrain_drawn_anew_is_shown():
    """Terrain drawn anew is shown."""
    env = envs.make_single(envs.EnvConfig("dm_control/quadruped-escape-v0"), render=(48, 64))
    env.reset(seed=0)
    first = np.asarray(env.render())
    env.reset(seed=1)
    env.reset(seed=0)
    np.testing.assert_array_equal(env.render(), first)
    env.close()


def test_without_opengl_the_error_has_the_line_to_type(monkeypatch):
    """Without opengl the error has the line to type."""
    monkeypatch.setenv("MUJOCO_GL", "disable")
    assert envs.gl_backend() is None
    with pytest.raises(RenderError) as caught:
        envs.make("HalfCheetah-v5", render=(48, 64))
    assert "sudo apt-get install -y libegl1 libgl1-mesa-dri libosmesa6" in str(caught.value)
    assert "'HalfCheetah-v5'" in str(caught.value)
    envs.make("HalfCheetah-v5").reset()  # all else works


def test_sizes_and_modes_that_cannot_be_drawn():
    """Sizes and modes that cannot be drawn."""
    with pytest.raises(RenderError, match="0 x 64"):
        envs.make("Pendulum-v1", render=(0, 64))
    with pytest.raises(RenderError, match="no render mode 'rgb_array'"):
        envs.make("daneel/IdentityBox-v0", render=(48, 64))


@needs_gl
def test_a_process_that_forgets_to_close_ends_quietly():
    """A process that forgets to close ends quietly."""
    code = (
        "from daneel import envs\n"
        "env = envs.make('HalfCheetah-v5', num_envs=2, render=(48, 64))\n"
        "env.reset(seed=0); env.render()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


@needs_gl
@pytest.mark.parametrize("chosen", ["egl", "osmesa"])
def test_the_users_choice_of_library_is_kept(chosen):
    """The users choice of library is kept."""
    code = (
        f"import os; os.environ['MUJOCO_GL'] = '{chosen}'\n"
        "from daneel import envs\n"
        "print(envs.gl_backend(), os.environ['MUJOCO_GL'])\n"
        "if envs.gl_backend():\n"
        "    env = envs.make('InvertedPendulum-v5', render=(48, 64)); env.reset(seed=0)\n"
        "    print(env.render()[0].shape)\n"
    )
    environ = {key: os.environ[key] for key in os.environ if key != "PYOPENGL_PLATFORM"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    first, *rest = done.stdout.splitlines() or [""]
    if done.returncode:  # that library is not installed here: the message has the line to type
        last = done.stderr.splitlines()[-1]
        assert first == ""
        assert "RenderError" in last
        assert f"MUJOCO_GL={chosen}" in last
        assert "`unset MUJOCO_GL`" in last
    else:
        assert first in (f"{chosen} {chosen}", f"None {chosen}")
        assert rest == ([] if first.startswith("None") else ["(48, 64, 3)"])


def test_a_choice_that_mujoco_does_not_know_is_named():
    """A choice that MuJoCo does not know is named, by the command line in one message."""
    done = subprocess.run(
        [sys.executable, "-m", "daneel", "calibrate", "--help"],
        env={**os.environ, "MUJOCO_GL": "cathode-ray"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("MuJoCo cannot be loaded with MUJOCO_GL=cathode-ray")
    assert "Traceback" not in done.stderr
