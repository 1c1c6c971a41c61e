"""One episode of one skill: run it, time it, decide whether it succeeded."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np

from daneel.agents import Performer
from daneel.envs import make_single
from daneel.envs.suites import Instructed, Skill
from daneel.errors import NonFiniteError, PolicyError
from daneel.evaluation.suites.acting import Policy, checked_action
from daneel.evaluation.suites.record import Episode
from daneel.training.seeding import evaluation_seed


@dataclass(frozen=True)
class Timed:
    """An episode, and how its time was spent."""

    episode: Episode
    """What happened."""
    env_seconds: float
    """Seconds in the environment; in a skill's first episode, those of making it too."""
    policy_seconds: float
    """Seconds in the policy."""


def episode_seed(seed: int, skill: str, number: int) -> int:
    """Seed of episode `number` of a skill: whoever runs it, in whatever order."""
    return evaluation_seed(seed ^ zlib.crc32(skill.encode()), number)


class Stage:
    """A skill's environment, kept open for its episodes.

    Args:
        skill: What is to be done.
        policy: Who does it.
        seed: Of the evaluation; each episode's own is derived from it.
        render: (height, width) to film, None to make no renderer.

    Raises:
        MissingExtraError: The skill's package is not installed.
        NotRunError: The policy cannot act in it.
    """

    def __init__(
        self, skill: Skill, policy: Policy, seed: int, render: tuple[int, int] | None = None
    ) -> None:
        """Makes the environment."""
        self.skill, self._policy, self._seed = skill, policy, seed
        began = time.perf_counter()
        config = skill.config(policy.action_repeat(skill))
        self.env = Instructed(make_single(config, render=render), skill.instructions)
        self._making = time.perf_counter() - began

    def close(self) -> None:
        """Closes the environment."""
        self.env.close()

    def run(self, number: int, watch: Callable[[gym.Env], None] | None = None) -> Timed:
        """Runs episode `number`; `watch` is called after the reset and after each decision.

        Raises:
            PolicyError: The policy raised, or its action has the wrong size or is not finite.
            NonFiniteError: The environment's reward is not finite.
        """
        seed = episode_seed(self._seed, self.skill.name, number)
        performer = self._performer(seed)
        making, self._making = self._making, 0.0  # counts as the first episode's
        timed = _Run(self, performer, number, seed, watch).result()
        return replace(timed, env_seconds=timed.env_seconds + making)

    def _performer(self, seed: int) -> Performer:
        spaces: Any = self.env.observation_space
        return self._policy.performer(self.skill, spaces, self.env.action_space, seed)

    @property
    def who(self) -> str:
        """Name of the policy, for messages."""
        return self._policy.name


class _Run:
    """An episode under way."""

    def __init__(
        self,
        stage: Stage,
        performer: Performer,
        number: int,
        seed: int,
        watch: Callable[[gym.Env], None] | None,
    ) -> None:
        self._stage, self._performer, self._number, self._seed = stage, performer, number, seed
        self._watch = watch or (lambda env: None)
        self._env_seconds = self._policy_seconds = self._return = 0.0
        self._decisions = self._steps = 0
        self._signals: list[bool] = []

    def result(self) -> Timed:
        began = time.perf_counter()
        obs, _ = self._stage.env.reset(seed=self._seed)
        self._env_seconds += time.perf_counter() - began
        self._watch(self._stage.env)
        state, over = None, False
        while not over:
            action, state = self._decide(obs, state)
            obs, over = self._step(action)
            self._watch(self._stage.env)
        seconds = time.perf_counter() - began
        return Timed(self._episode(seconds), self._env_seconds, self._policy_seconds)

    def _decide(self, obs: dict[str, np.ndarray], state: Any) -> tuple[Any, Any]:
        began = time.perf_counter()
        batch = {key: value[None] for key, value in obs.items()}
        when = f"at decision {self._decisions + 1} of {self._stage.skill.name!r}"
        try:
            action, state = self._performer.act(batch, state, explore=False)
        except Exception as error:
            raise PolicyError(
                f"The policy {self._stage.who!r} failed {when} with {type(error).__name__}: {error}"
                f". It was shown {', '.join(obs)}. Mend it and type the same command again."
            ) from error
        self._policy_seconds += time.perf_counter() - began
        space = self._stage.env.action_space
        return checked_action(action, space, self._stage.who, when), state

    def _step(self, action: Any) -> tuple[dict[str, np.ndarray], bool]:
        began = time.perf_counter()
        obs, reward, terminated, truncated, info = self._stage.env.step(action)
        self._env_seconds += time.perf_counter() - began
        if not np.isfinite(reward):
            raise NonFiniteError(f"The reward at decision {self._decisions + 1} is {reward}.")
        self._return += float(reward)
        self._decisions += 1
        self._steps += int(info["frames"])
        self._signals.append(bool(info.get("success", False)))
        return obs, terminated or truncated

    def _episode(self, seconds: float) -> Episode:
        return Episode(
            skill=self._stage.skill.name,
            number=self._number,
            seed=self._seed,
            success=self._stage.skill.success.fulfilled(self._signals, self._return),
            return_=self._return,
            decisions=self._decisions,
            steps=self._steps,
            seconds=seconds,
            instruction=self._stage.env.instruction,
        )
