"""Runs one episode of a performer in a skill, and makes a demonstration of it if it succeeded."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from daneel.agents import Performer
from daneel.envs import make_single
from daneel.envs.suites import Instructed, Skill
from daneel.errors import ConfigError, NonFiniteError, SpaceError
from daneel.training.demos import layout
from daneel.training.demos.features import Demonstration

CAMERA = f"{layout.IMAGES}main"
FALLBACK_FPS = 30.0
"""Decisions a second of a world that does not say."""


class Attempts:
    """Episodes of one performer in one skill; a context manager, which closes the environment."""

    def __init__(self, skill: Skill, performer: Performer, images: int | None) -> None:
        """Make the environment.

        Args:
            skill: What to do.
            performer: Who does it, at the rate that its attribute `action_repeat` says, else 1.
            images: Height and width in pixels of the frames to keep; None keeps none.

        Raises:
            DaneelError: The environment cannot be made, or cannot be drawn.
        """
        self.action_repeat: int = getattr(performer, "action_repeat", 1)
        config = skill.config(self.action_repeat)
        render = None if images is None else (images, images)
        self._env = Instructed(make_single(config, render=render), skill.instructions)
        self._skill, self._performer, self._films = skill, performer, images is not None
        self._limit = config.max_episode_steps or skill.horizon

    def __enter__(self) -> Self:
        """Nothing more."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the environment."""
        self._env.close()

    def fps(self) -> int:
        """Decisions a second of the world's time, as the layout wants it: a whole number."""
        return max(1, round(float(self._env.metadata.get("render_fps") or FALLBACK_FPS)))

    def run(self, seed: int) -> Demonstration | None:
        """The episode that begins with `seed`; None when it failed.

        Raises:
            ConfigError: The skill's rule asks for a signal that its environment does not give.
            SpaceError: An action has the wrong size.
            NonFiniteError: An action, an observation or a reward is NaN or infinite.
        """
        log, state, terminated = _Log(), None, False
        obs, _ = self._env.reset(seed=seed)
        for decision in range(self._limit):
            batch = {key: value[None] for key, value in obs.items()}
            actions, state = self._performer.act(batch, state, explore=False)
            action = self._executable(np.asarray(actions), decision)
            frame: Any = self._env.render() if self._films else None
            seen = obs
            obs, reward, terminated, truncated, info = self._env.step(action)
            self._check_finite(reward, obs, decision)
            log.add(seen, action, float(reward), frame, info)
            if terminated or truncated:
                break
        if not self._is_success(log):
            return None
        return log.demonstration(self._env.instruction, seed, terminated)

    def _is_success(self, log: _Log) -> bool:
        rule = self._skill.success
        if rule.kind != "return" and not log.has_signal:
            raise ConfigError(
                f"The skill {self._skill.name!r} succeeds by the rule {rule.kind!r}, and "
                f"{self._skill.env} gives no info['success']. Expected a signal in every step. "
                "Give the skill the rule 'return', or choose another environment."
            )
        return rule.fulfilled(log.signals, log.return_)

    def _executable(self, actions: np.ndarray, decision: int) -> np.ndarray:
        """The action [A] as the environment takes it: in its bounds and of its type."""
        space: gym.Space[Any] = self._env.action_space
        expected = (1, *(space.shape or ()))
        if actions.shape != expected:
            raise SpaceError(
                f"The expert of {self._skill.name!r} acts with {list(actions.shape)}. Expected "
                f"{list(expected)}, one action for one environment. Mend the expert."
            )
        if not np.isfinite(actions).all():
            raise self._not_finite("action", actions[0], decision)
        if isinstance(space, spaces.Box):
            return np.clip(actions[0].astype(np.float32), space.low, space.high)
        return np.asarray(actions[0], np.int64)

    def _check_finite(self, reward: Any, obs: dict[str, np.ndarray], decision: int) -> None:
        for name, value in {"reward": np.asarray(reward), **obs}.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise self._not_finite(name, value, decision)

    def _not_finite(self, what: str, value: Any, decision: int) -> NonFiniteError:
        return NonFiniteError(
            f"{what!r} is {value} in decision {decision} of a demonstration of "
            f"{self._skill.name!r}. Expected finite numbers. Mend the expert or the environment."
        )


class _Log:
    """What happened in an episode under way."""

    def __init__(self) -> None:
        self._observations: list[dict[str, np.ndarray]] = []
        self._actions: list[np.ndarray] = []
        self._rewards: list[float] = []
        self._frames: list[np.ndarray] = []
        self.signals: list[bool] = []
        self.has_signal = False

    @property
    def return_(self) -> float:
        return sum(self._rewards)

    def add(
        self,
        obs: dict[str, np.ndarray],
        action: np.ndarray,
        reward: float,
        frame: np.ndarray | None,
        info: dict[str, Any],
    ) -> None:
        self._observations.append(obs)
        self._actions.append(action)
        self._rewards.append(reward)
        self.signals.append(bool(info.get("success", False)))
        self.has_signal = self.has_signal or "success" in info
        if frame is not None:
            self._frames.append(frame)

    def demonstration(self, instruction: str, seed: int, terminated: bool) -> Demonstration:
        """The successful episode. The instruction is the task of its rows, and no column."""
        last = np.zeros(len(self._actions), bool)
        last[-1] = True
        seen = {
            key: np.stack([obs[key] for obs in self._observations])
            for key in self._observations[0]
            if key != "text"
        }
        columns = {
            **{f"{layout.OBSERVATION}{key}": v for key, v in seen.items() if v.ndim == 2},
            layout.ACTION: np.stack(self._actions),
            layout.REWARD: np.array(self._rewards, np.float32),
            layout.DONE: last,
            layout.TRUNCATED: last & (not terminated),
            layout.SUCCESS: np.array(self.signals) if self.has_signal else last,
        }
        frames = {f"{layout.IMAGES}{key}": v for key, v in seen.items() if v.ndim == 4}
        if self._frames:
            frames[CAMERA] = np.stack(self._frames)
        facts = {"daneel/seed": seed, "daneel/return": self.return_}
        return Demonstration(instruction, columns, frames, facts)
