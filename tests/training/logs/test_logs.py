"""Logs of every layout become the same transitions; what does not fit is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gymnasium import spaces

from daneel.envs import EnvConfig
from daneel.training import train
from daneel.training.logs import LogError, Logs, logged_env, read_logs
from tests.training.children import tiny_config
from tests.training.demos import made
from tests.training.logs import hand_made
from tests.training.logs.hand_made import BOX, SPACE


def read(*paths: Path, space: spaces.Dict = SPACE, action: Any = BOX, seed: int = 0) -> Logs:
    """The logs at `paths`."""
    return read_logs(list(map(str, paths)), space, action, np.random.default_rng(seed))


def transitions(logs: Logs) -> set[tuple[float, float, float, float]]:
    """Every transition that batches are drawn from: first of obs, of the next, reward, the end."""
    batch = logs.replay.sample(400, 1)
    state = batch.obs["state"][..., 0]
    columns = state[:, 0], state[:, 1], batch.reward[:, 0], batch.terminated[:, 0]
    return {tuple(row) for row in np.stack([c.numpy() for c in columns], 1).tolist()}


def test_lerobot_without_the_last_observation(tmp_path: Path) -> None:
    """Of an episode that was cut off the last decision is left out: nobody saw what it led to."""
    logs = read(hand_made.lerobot(tmp_path / "set", (4, 3)))
    expected = {(t, t + 1, t, 0) for t in range(3)} | {(100 + t, 101 + t, t, 0) for t in range(2)}
    assert transitions(logs) == expected and logs.lengths == (3, 2)
    assert logs.returns == (3.0, 1.0) and logs.has_rewards and logs.clipped == 0
    assert logs.low["state"].tolist() == [0] * 3 and logs.high["state"].tolist() == [102] * 3
    assert "2 episodes, 5 transitions, mean return 2.0" in logs.line()


def test_lerobot_that_terminated(tmp_path: Path) -> None:
    """The last decision counts, with its reward and its end."""
    logs = read(hand_made.lerobot(tmp_path / "set", (3,), terminated=True))
    assert transitions(logs) == {(0, 1, 0, 0), (1, 2, 1, 0), (2, 2, 2, 1)}


@pytest.mark.parametrize("version", ["v3.0", "v2.1"])
def test_lerobot_of_others(tmp_path: Path, version: str) -> None:
    """Both versions, a robot's own recorder: no column says when an episode is done."""
    root = made.foreign_v30(tmp_path / "set") if version == "v3.0" else None
    if root is None:
        root = made.foreign_v21(tmp_path / "set")
        info = json.loads((root / "meta/info.json").read_text())
        del info["features"]["observation.images.front"]
        (root / "meta/info.json").write_text(json.dumps(info))
    space = spaces.Dict({"state": spaces.Box(-9, 9, (1,), np.float32)})
    logs = read(root, space=space, action=spaces.Box(-20, 20, (2,), np.float32))
    assert logs.lengths == (3, 2, 4) and logged_env([str(root)]) is None


def test_films_are_the_modality_image(tmp_path: Path) -> None:
    """A dataset with a camera for an environment that sees."""
    root = made.foreign_v30(tmp_path / "set", films=True)
    space = spaces.Dict({"image": spaces.Box(0, 255, (16, 32, 3), np.uint8)})
    logs = read(root, space=space, action=spaces.Box(-20, 20, (2,), np.float32))
    image = logs.replay.sample(8, 1).obs["image"]
    assert image.shape == (8, 2, 16, 32, 3) and image.dtype.itemsize == 1 and image.max() > 100


def test_minari(tmp_path: Path) -> None:
    """Every transition, the true last observation, ends, the environment."""
    path = hand_made.minari(tmp_path / "set", (3, 2))
    logs = read(path)
    first = {(0, 1, 0, 0), (1, 2, 1, 0), (2, 3, 2, 1)}
    assert transitions(logs) == first | {(100, 101, 0, 0), (101, 102, 1, 0)}
    assert logged_env([str(path)]) == {"id": "Pendulum-v1", "kwargs": {"g": 9.0}}
    assert transitions(read(path / "data")) == transitions(logs)


def test_minari_of_a_goal_environment(tmp_path: Path) -> None:
    """Its three keys get our names."""
    box = spaces.Box(-np.inf, np.inf, (3,), np.float64)
    space = spaces.Dict({"state": box, "achieved": box, "goal": box})
    logs = read(hand_made.minari(tmp_path / "set", goal=True), space=space)
    assert set(logs.replay.sample(2, 1).obs) == {"state", "achieved", "goal"}


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_minari_in_tables(tmp_path: Path, kind: str) -> None:
    """A folder an episode; actions and rewards have a row of padding."""
    path = tmp_path / "set" / "data"
    (path / "0").mkdir(parents=True)
    (path / "metadata.json").write_text(json.dumps({"data_format": kind}))
    table = pa.table(
        {
            "observations": hand_made.rows(4).tolist(),
            "actions": [[0.5, 0.5]] * 4,
            "rewards": [0.0, 1.0, 2.0, 0.0],
            "terminations": [False, False, True, False],
        }
    )
    if kind == "parquet":
        pq.write_table(table, path / "0" / "part-0.parquet")
    else:
        with pa.OSFile(str(path / "0" / "part-0.arrow"), "wb") as sink:
            with pa.ipc.new_file(sink, table.schema) as file:
                file.write_table(table)
    assert transitions(read(tmp_path / "set")) == {(0, 1, 0, 0), (1, 2, 1, 0), (2, 3, 2, 1)}


@pytest.mark.parametrize("capacity", [None, 30], ids=["whole", "ring that went round"])
def test_a_run_folder_is_a_log(tmp_path: Path, capacity: int | None) -> None:
    """What the run's replay holds, of both its streams, is what the log holds."""
    env = EnvConfig("daneel/IdentityBox-v0", num_envs=2)
    train(tiny_config(tmp_path / "run", env, eval_every=0, replay_capacity=capacity))
    assert logged_env([str(tmp_path / "run")]) == {
        "id": "daneel/IdentityBox-v0", "num_envs": 1, "action_repeat": 1,
        "max_episode_steps": None, "kwargs": {},
    }  # fmt: skip
    from daneel.envs import make_single
    from daneel.training import Replay, checkpoint

    single = make_single(env)
    space: Any = single.observation_space
    logs = read(tmp_path / "run", space=space, action=single.action_space)
    kept = Replay(space, single.action_space, capacity or 144, 2, np.random.default_rng(0))
    kept.load_state_dict(checkpoint.load(tmp_path / "run/checkpoints/step-90")["replay"])
    assert len(logs.replay) == len(kept)

    def numbers(replay: Replay) -> set[tuple[float, ...]]:
        batch = replay.sample(2000, 1)
        parts = [batch.obs["state"].flatten(1), batch.action.flatten(1), batch.reward]
        return {tuple(row) for row in np.concatenate([p.numpy() for p in parts], 1).tolist()}

    assert numbers(logs.replay) == numbers(kept)


def test_several_logs_are_one(tmp_path: Path) -> None:
    """Datasets next to each other, and a folder of datasets."""
    one = hand_made.lerobot(tmp_path / "all" / "a", (3,))
    other = hand_made.lerobot(tmp_path / "all" / "b", (4,))
    logs = read(one, other)
    assert logs.lengths == (2, 3) and read(tmp_path / "all").sha256 == logs.sha256
    assert read(other, one).sha256 != logs.sha256


def test_logs_without_rewards(tmp_path: Path) -> None:
    """They are read, and said to be so; next to others they are refused."""
    bare = hand_made.lerobot(tmp_path / "bare", rewards=False)
    logs = read(bare)
    assert not logs.has_rewards and logs.returns == () and "no rewards" in logs.line()
    with pytest.raises(LogError, match="2 of 4 episodes have no rewards"):
        read(bare, hand_made.lerobot(tmp_path / "full"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"observation.state": None}, "no observation 'state'; it has none"),
        ({"observation.state": lambda n: np.zeros((n, 4), np.float32)}, r"shape \[4\].* has \[3\]"),
        ({"action": lambda n: np.zeros((n, 3), np.float32)}, r"actions have the shape \[3\]"),
        ({"action": lambda n: np.full((n, 2), 30, np.float32)}, "100% of the actions are beyond"),
        ({"action": None}, "no column 'action'"),
    ],
    ids=["no state", "wrong state", "wrong robot", "degrees", "no action"],
)
def test_what_does_not_fit_is_named(columns: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Key or size, both sides, and which episode."""
    path = hand_made.lerobot(tmp_path / "set", columns=columns)
    with pytest.raises(LogError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_broken_number_is_found(tmp_path: Path) -> None:
    """NaN with its episode and decision, in a layout whose writer does not refuse it."""
    path = hand_made.minari(tmp_path / "set")
    with h5py.File(path / "data" / "main_data.hdf5", "a") as file:
        file["episode_1/observations"][2, 1] = np.nan  # type: ignore[index]
    with pytest.raises(LogError, match=r"episode 1: 'state' is .*nan.* in decision 2"):
        read(path)


def test_a_few_actions_beyond_the_bounds_are_clipped(tmp_path: Path) -> None:
    """With a word about how many."""

    def action(length: int) -> np.ndarray:
        return np.linspace(-1.5, 0.9, 2 * length, dtype=np.float32).reshape(length, 2)

    path = hand_made.lerobot(tmp_path / "set", (10,), columns={"action": action})
    with pytest.warns(UserWarning, match=r"20.0% of the actions .* were clipped"):
        logs = read(path)
    assert logs.replay.sample(50, 1).action.min() == -1


def test_discrete_actions(tmp_path: Path) -> None:
    """Whole numbers in a column are choices; others are refused."""
    path = hand_made.lerobot(tmp_path / "set", columns={"action": lambda n: np.arange(n) % 2 + 1})
    logs = read(path, action=spaces.Discrete(2, start=1))
    assert set(logs.replay.sample(50, 1).action.flatten().tolist()) == {1, 2}
    with pytest.raises(LogError, match="whole numbers from 0 to 1"):
        read(path, action=spaces.Discrete(2))


def test_nothing_and_no_log(tmp_path: Path) -> None:
    """An absent folder, a foreign one, and a set of episodes too short to learn from."""
    with pytest.raises(LogError, match="There is no log at"):
        read(tmp_path / "absent")
    (tmp_path / "foreign").mkdir()
    with pytest.raises(LogError, match="no log that Daneel can read"):
        read(tmp_path / "foreign")
    with pytest.raises(LogError, match="holds no transition"):
        read(hand_made.lerobot(tmp_path / "short", (1, 1)))
    broken = hand_made.minari(tmp_path / "broken")
    (broken / "data" / "main_data.hdf5").write_bytes(b"\x89HDF")
    with pytest.raises(LogError, match="whole dataset in Minari's layout"):
        read(broken)


def test_windows_stay_in_their_episode(tmp_path: Path) -> None:
    """As in a replay that was filled step by step: padded and masked behind the end."""
    logs = read(hand_made.minari(tmp_path / "set", (3, 2)))
    batch = logs.replay.sample(200, 4)
    state, mask = batch.obs["state"][..., 0].numpy(), batch.mask.numpy()
    assert ((state >= 100).all(1) | (state < 100).all(1)).all()
    steps = np.diff(state, axis=1)
    assert (steps[mask == 1] == 1).all() and (steps[mask == 0] == 0).all()
    assert set(mask.sum(1)) == {1, 2, 3}
