"""Environments to score in: what a policy is worth is looked at, and nothing is learned of it.

Some environments count what they give, because on a machine every sample would cost. A connection
that only scores is not part of that account: it has to be free, or a small budget would forbid long
evaluations, and nothing that comes through it may reach whoever learns.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import gymnasium as gym

from daneel.envs.config import EnvConfig
from daneel.envs.making import make_single


@runtime_checkable
class Metered(Protocol):
    """What an environment has whose samples are counted."""

    def score_only(self) -> None:
        """Gives any number of samples from now on; asked for before the first."""
        ...


def make_for_scores(config: EnvConfig, *, render: tuple[int, int] | None = None) -> gym.Env:
    """Make one environment for evaluations; arguments and errors are those of `make_single`."""
    env = make_single(config, render=render)
    if isinstance(env.unwrapped, Metered):
        env.unwrapped.score_only()
    return env
