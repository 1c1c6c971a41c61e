"""A run that is killed and resumed writes what the uninterrupted run writes, record by record."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daneel.agents import AGENTS
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
    rng = random.Random(seed)
    targets = rng.randint(3, 8), rng.randint(9, 14), rng.randint(12, 18)
    check_kills(tiny_config(tmp_path / "killed", env, seed=seed), targets, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "core"),
    [
        (EnvConfig("InvertedPendulum-v5", num_envs=2), "identity"),
        (EnvConfig("CartPole-v1"), "identity"),
        (EnvConfig("InvertedPendulum-v5", num_envs=2), "retention"),
    ],
    ids=["continuous", "discrete", "with memory"],
)
def test_the_planner_is_killed_and_resumed(env: EnvConfig, core: str, tmp_path: Path) -> None:
    """The agent of this project, with its planner memory, optimisers and schedules."""
    config = tiny_config(tmp_path / "killed", replace(env, max_episode_steps=20), steps=80)
    agent = AGENTS.load("planner").Config(size="tiny", warmup=30, core=core, context=4)
    check_kills(replace(config, agent=agent), (6, 9), tmp_path)


def check_kills(config: TrainConfig[Any], targets: Sequence[int], folder: Path) -> None:
    """Kill after each of these numbers of records, resume, and compare with the whole run."""
    expected = whole(config, folder / "whole")
    assert config.out is not None
    kills, killed = 0, Path(config.out)
    for attempt, target in enumerate(targets):
        child = train_in_child(config, resume=attempt > 0)
        kills += kill_when(child, partial(has_lines, killed / "metrics.jsonl", target))
    final = train_in_child(config, resume=True)
    final.join()
    assert final.exitcode == 0
    assert kills >= len(targets) - 1  # the last one may have come too late
    assert metrics(killed) == expected
    assert_same_weights(folder / "whole", killed)


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
