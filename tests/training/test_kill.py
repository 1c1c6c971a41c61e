"""A run that is killed and resumed writes what the uninterrupted run writes, record by record."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daneel.envs import EnvConfig
from daneel.training import TrainConfig, checkpoint
from daneel.training.run_folder import RunFolder
from tests.training.children import kill_when, metrics, tiny_config, train_in_child
from tests.training.tiny_envs import GOAL_POINT

CASES = {
    "continuous": (EnvConfig("daneel/IdentityBox-v0"), 0),
    "continuous, 3 envs": (
        EnvConfig("daneel/Probe-v0", num_envs=3, kwargs={"truncate_at": 7, "terminate_at": 11}),
        1,
    ),
    "simulator, repeated actions": (EnvConfig("InvertedPendulum-v5", action_repeat=2), 2),
    "discrete, 3 envs": (EnvConfig("daneel/IdentityDiscrete-v0", num_envs=3), 3),
    "goal, 3 envs": (EnvConfig(GOAL_POINT, num_envs=3), 4),
    "goal": (EnvConfig(GOAL_POINT), 5),
}


def whole(config: TrainConfig[Any], path: Path) -> list[dict[str, Any]]:
    """Records of the same run without interruption."""
    config = replace(config, out=str(path))
    child = train_in_child(config, resume=False)
    child.join()
    assert child.exitcode == 0
    return metrics(path)


@pytest.mark.parametrize("name", CASES)
def test_killed_again_and_again_equals_uninterrupted(name: str, tmp_path: Path) -> None:
    """Killed at random moments after random records, until a run gets through."""
    env, seed = CASES[name]
    config = tiny_config(tmp_path / "killed", env, seed=seed)
    expected = whole(config, tmp_path / "whole")
    rng, kills, resume = random.Random(seed), 0, False
    path = tmp_path / "killed" / "metrics.jsonl"
    for target in (rng.randint(3, 8), rng.randint(9, 14), rng.randint(12, 18)):
        child = train_in_child(config, resume)
        kills += kill_when(child, partial(has_lines, path, target))
        resume = True
    final = train_in_child(config, resume=True)
    final.join()
    assert final.exitcode == 0
    assert kills >= 2
    assert metrics(tmp_path / "killed") == expected
    assert_same_weights(tmp_path / "whole", tmp_path / "killed")


def has_lines(path: Path, count: int) -> bool:
    """Whether a file has at least `count` lines."""
    return path.exists() and path.read_bytes().count(b"\n") >= count


def assert_same_weights(one: Path, other: Path) -> None:
    """Compare every array of the two final checkpoints but the clocks."""
    first, second = (checkpoint.load(RunFolder.open(path).checkpoint()) for path in (one, other))
    for tree in (first, second):
        for key in ("config", "watch", "metrics_bytes"):
            del tree["progress"][key]
    assert describe(first) == describe(second)


def describe(tree: Any) -> Any:
    """A tree with arrays as bytes, so that == compares everything."""
    if isinstance(tree, dict):
        return {key: describe(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [describe(value) for value in tree]
    array = getattr(tree, "numpy", lambda: tree)()
    return array.tobytes() if hasattr(array, "tobytes") else array
