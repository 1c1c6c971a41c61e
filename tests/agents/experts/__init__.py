"""Skills made by hand, and one way to run an expert on them."""

from __future__ import annotations

import pytest

from daneel.agents.experts import EXPERTS
from daneel.envs.suites.skill import Skill, SuccessRule
from daneel.training import EpisodeResult, run_episodes

_PACKAGES = {
    "meta_world": "metaworld",
    "panda": "panda_gym",
    "fetch": "gymnasium_robotics",
    "kitchen": "gymnasium_robotics",
    "mazes": "gymnasium_robotics",
}
REACHED = SuccessRule("reached", "the package's own signal")


def skill(env: str, horizon: int, expert: str | None = None) -> Skill:
    """A skill with what experts look at."""
    says = ("do it", "please do it")
    return Skill("a-skill", "a-block", env, horizon, says, REACHED, "a-robot", expert=expert)


def need(module: str) -> None:
    """Skips the test where the package of the expert `module` is not installed."""
    package = _PACKAGES.get(module)
    if package is not None:
        pytest.importorskip(package)


def run(module: str, env: str, horizon: int, episodes: int = 2) -> list[EpisodeResult]:
    """Episodes of the expert of `module`, side by side; skipped where the package is missing."""
    need(module)
    task = skill(env, horizon)
    performer = EXPERTS.load(module)(task)
    config = task.config(performer.action_repeat)
    return run_episodes(performer, config, episodes, seed=5, num_envs=episodes)
