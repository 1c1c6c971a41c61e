"""Collection: seeds, the filter, instructions, films, resuming, refusals."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daneel.envs.suites import SuccessRule
from daneel.errors import ConfigError, DaneelError, NonFiniteError, SpaceError
from daneel.training.demos import (
    CollectConfig,
    DatasetError,
    DatasetWriter,
    DemoDataset,
    Demonstration,
    collect,
    collect_skill,
    find_problems,
)
from daneel.training.demos.origin import read_origin
from tests.training.demos import made
from tests.training.demos.followers import STEPS, Broken, Turner, skill, turner

THREE = CollectConfig(episodes=3)
KILLED_WRITER = """
import os, sys
from pathlib import Path
import numpy as np
from daneel.training.demos import DatasetWriter
from tests.training.demos import made
writer = DatasetWriter(Path(sys.argv[1]), 12)
writer.add(made.random_episode(np.random.default_rng(0), 3))
print(os.getpid(), flush=True)
os._exit(0)
"""
"""A process of its own: a fork of this one may hold a lock that nobody gives back."""


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_skill_becomes_a_sound_dataset(tmp_path: Path) -> None:
    """Columns of all modalities, rewards, ends; what was executed, not what was asked for."""
    found = collect_skill(skill(), Turner(), THREE, tmp_path)
    assert (found.path, found.episodes, found.attempts) == (tmp_path / "turn-dial", 3, 3)
    assert find_problems(found.path) == []
    dataset = DemoDataset(found.path)
    assert (dataset.info.fps, dataset.info.robot_type, found.steps) == (12, "dial", 3 * STEPS)
    for episode in dataset:
        columns = episode.columns
        assert len(episode) == STEPS
        assert columns["action"].shape == (STEPS, 2) and columns["action"].dtype == np.float32
        assert np.abs(columns["action"]).max() <= 1
        state, at = columns["observation.state"], columns["observation.achieved"]
        np.testing.assert_array_equal(state[:, :1], at)
        np.testing.assert_array_equal(state[:, 1:2], columns["observation.goal"])
        moved = at[:-1] + np.float32(0.5) * columns["action"][:-1, :1]
        np.testing.assert_allclose(at[1:], moved, atol=1e-6)
        assert columns["next.done"].tolist() == columns["next.truncated"].tolist()
        assert columns["next.done"].tolist() == [False] * (STEPS - 1) + [True]
        assert columns["next.success"][-1] and (columns["next.reward"] <= 0).all()
        assert "observation.text" not in columns


def test_same_seed_same_files(tmp_path: Path) -> None:
    """Byte for byte; another seed has other episodes; instructions vary within the skill's."""
    config = CollectConfig(episodes=8, seed=5)
    for name in ("a", "b"):
        collect_skill(skill(), Turner(), config, tmp_path / name)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    collect_skill(skill(), Turner(), replace(config, seed=6), tmp_path / "c")
    states = [DemoDataset(tmp_path / n / "turn-dial").columns() for n in ("a", "c")]
    assert (states[0]["observation.goal"] != states[1]["observation.goal"]).all()
    said = {episode.instruction for episode in DemoDataset(tmp_path / "a/turn-dial")}
    assert said <= set(skill().instructions) and len(said) > 1


def test_failures_are_left_out(tmp_path: Path) -> None:
    """And counted; the successes are those of an expert that never fails, by their seeds."""
    found = collect_skill(skill(), Turner(least=0.0), THREE, tmp_path / "half")
    whole = CollectConfig(episodes=found.attempts)
    collect_skill(skill(), Turner(), whole, tmp_path / "whole")
    goals = {episode.columns["observation.goal"][0, 0] for episode in DemoDataset(found.path)}
    all_goals = [
        e.columns["observation.goal"][0, 0] for e in DemoDataset(tmp_path / "whole/turn-dial")
    ]
    assert found.attempts > 3 and min(goals) >= 0
    assert goals == {goal for goal in all_goals if goal >= 0}
    assert len(read_origin(found.path)["failed_seeds"]) == found.attempts - 3


def test_an_expert_that_never_succeeds_is_given_up(tmp_path: Path) -> None:
    """After `patience` failures in a row; nothing is left behind."""
    with pytest.raises(DatasetError, match=r"failed 4 times in a row; 0 of 4 .*--patience 40"):
        collect_skill(skill(), Turner(least=9), CollectConfig(3, patience=4), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_that_succeeds_too_rarely_is_given_up(tmp_path: Path) -> None:
    """The message says how many there would have been."""
    config = CollectConfig(episodes=50, patience=3)
    with pytest.raises(DatasetError, match=r"; (\d+) of \d+ episodes succeeded.*--episodes \1`"):
        collect_skill(skill(), Turner(least=0.2), config, tmp_path)


def test_films(tmp_path: Path) -> None:
    """A frame for each decision, seen before it; of the size asked for."""
    config = CollectConfig(episodes=2, images=16)
    found = collect_skill(skill(), Turner(), config, tmp_path)
    dataset = DemoDataset(found.path)
    assert dataset.cameras == ("observation.images.main",)
    frames = dataset.frames(1)
    assert frames.shape == (STEPS, 16, 16, 3)
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), 30 * np.arange(STEPS), atol=3)
    assert find_problems(found.path) == []


def test_whole_datasets_are_kept(tmp_path: Path) -> None:
    """Of the same arguments; others are not overwritten."""
    first = collect_skill(skill(), Turner(), THREE, tmp_path)
    before = contents(tmp_path)
    again = collect_skill(skill(), Broken(np.zeros(0)), THREE, tmp_path)
    assert (again.steps, again.attempts, again.seconds) == (first.steps, 3, 0.0)
    with pytest.raises(DatasetError, match=r"with episodes 3, not 4.*--out"):
        collect_skill(skill(), Turner(), CollectConfig(episodes=4), tmp_path)
    assert contents(tmp_path) == before


def test_what_a_killed_process_left_is_no_dataset(tmp_path: Path) -> None:
    """It is cleared away by the next; a living process is respected."""
    command = [sys.executable, "-c", KILLED_WRITER, str(tmp_path / "turn-dial")]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    left = tmp_path / f".turn-dial.partial-{pid}"
    assert list(tmp_path.iterdir()) == [left] and contents(left)
    alive = tmp_path / f".turn-dial.partial-{os.getppid()}"
    alive.mkdir()
    with pytest.raises(DatasetError, match=rf"Process {os.getppid()} is collecting"):
        collect_skill(skill(), Turner(), THREE, tmp_path)
    alive.rmdir()
    collect_skill(skill(), Turner(), THREE, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["turn-dial"]


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Files cannot grow beyond a kilobyte; the error is of the kind that a full disk gives."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("images", [None, 64])
def test_full_disk(tmp_path: Path, images: int | None) -> None:
    """A clear message, and nothing left."""
    with pytest.raises(DatasetError, match=r"Cannot write .*has room\. Type `df -h"):
        collect_skill(skill(), Turner(), CollectConfig(3, images=images), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("performer", "fields", "error", "message"),
    [
        (Broken(np.zeros((1, 3))), {}, SpaceError, r"acts with \[1, 3\]\. Expected \[1, 2\]"),
        (Broken(np.full((1, 2), np.nan)), {}, NonFiniteError, "'action' is .* in decision 0"),
        (Turner(), {"kwargs": {"nan_at": 2}}, NonFiniteError, "'reward' is nan in decision 1"),
        (
            Broken(np.zeros((1, 1))),
            {"env": "daneel/IdentityBox-v0"},
            ConfigError,
            r"rule 'held', and daneel/IdentityBox-v0 gives no info\['success'\]",
        ),
    ],
)
def test_broken_experts_and_worlds(
    tmp_path: Path, performer: Any, fields: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Each is named, and nothing is left."""
    with pytest.raises(error, match=message):
        collect_skill(skill(**fields), performer, THREE, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "fields", [{"episodes": 0}, {"patience": 0}, {"images": 33}, {"images": 2}]
)
def test_fields_out_of_range(fields: dict[str, int]) -> None:
    """Named with their range."""
    with pytest.raises(ConfigError, match=next(iter(fields))):
        CollectConfig(**fields)


def test_rules() -> None:
    """Reached in any step, held in the last, or a return."""
    reached, held = (SuccessRule(kind, "here") for kind in ("reached", "held"))
    enough = SuccessRule("return", "here", at_least=5.0)
    for signals, expected in (([True, False], (True, False)), ([False, True], (True, True))):
        assert (reached.fulfilled(signals, 0), held.fulfilled(signals, 0)) == expected
    assert enough.fulfilled([False], 5.0) and not enough.fulfilled([True], 4.9)


def test_a_return_counts_where_there_is_no_signal(tmp_path: Path) -> None:
    """An environment of the core, by its action repeat; `next.success` marks the last row."""
    repeats = Broken(np.zeros((1, 1), np.float32))
    repeats.action_repeat = 2
    pendulum = skill(kind="return", at_least=1.0, env="InvertedPendulum-v5", horizon=9)
    found = collect_skill(pendulum, repeats, CollectConfig(episodes=1), tmp_path)
    columns = DemoDataset(found.path).columns()
    assert found.steps == 5 and columns["next.success"].tolist() == [False] * 4 + [True]
    assert read_origin(found.path)["action_repeat"] == 2


@pytest.mark.slow
def test_workers_write_the_same(tmp_path: Path) -> None:
    """Whatever their number; one skill that crashes stops no other, and says why."""
    skills = [skill("turn-dial"), skill("crash-dial"), skill("half-dial")]
    outcomes = {}
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        found = list(collect(skills, CollectConfig(2), folder, workers, turner))
        outcomes[workers] = {one.skill: one.problem for one in found}
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert outcomes[1] == outcomes[2]
    assert outcomes[1] == {
        "turn-dial": None, "half-dial": None, "crash-dial": "RuntimeError: the simulator crashed",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"action": np.zeros((4, 2), np.float32)},
            r"'action' float32 \[2\].*'action' float32 \[1\]",
        ),
        ({"action": np.zeros((4, 1))}, "'action' float64"),
        ({"extra": np.zeros(4)}, "has 'extra' float64 .* had no 'extra'"),
        ({"action": np.zeros((3, 1), np.float32)}, "'action' has 3 rows in an episode of 4"),
        ({"next.reward": np.full(4, np.inf, np.float32)}, "'next.reward' is inf in decision 0"),
    ],
)
def test_episodes_that_do_not_fit(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """Refused by the writer; leaving it leaves nothing."""
    episode = made.random_episode(np.random.default_rng(0), 4)
    bad = Demonstration("go", {**episode.columns, **change})
    with pytest.raises(DatasetError, match=message), DatasetWriter(tmp_path / "set", 5) as writer:
        writer.add(episode)
        writer.add(bad)
    assert list(tmp_path.iterdir()) == []


def test_datasets_that_cannot_be(tmp_path: Path) -> None:
    """No episode, no place, no vector, an odd image."""
    with (
        pytest.raises(DatasetError, match="no episodes"),
        DatasetWriter(tmp_path / "a", 5) as writer,
    ):
        writer.finish()
    made.write(tmp_path / "a")
    with pytest.raises(DatasetError, match="exists already"):
        DatasetWriter(tmp_path / "a", 5)
    matrix = Demonstration("go", {"action": np.zeros((4, 2, 2))})
    odd = replace(made.random_episode(np.random.default_rng(0), 4, image=15))
    for episode, message in ((matrix, r"'action' is float64 \[2, 2\]"), (odd, "H and W even")):
        with pytest.raises(DaneelError, match=message), DatasetWriter(tmp_path / "b", 5) as writer:
            writer.add(episode)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
