"""Runs an agent without learning: evaluation, videos, benches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from daneel.agents import Performer
from daneel.envs import EnvConfig, make_for_scores, scored_at_end
from daneel.errors import ConfigError, NonFiniteError
from daneel.training.seeding import evaluation_seed

Observation = dict[str, np.ndarray]


class RolloutStopped(Exception):
    """The caller asked to stop before all episodes were run."""


@dataclass(frozen=True)
class EpisodeResult:
    """One finished episode."""

    return_: float
    """Sum of rewards, undiscounted."""
    length: int
    """Decisions."""
    success: bool | None
    """Whether it succeeded; None where the environment has no such signal."""
    seed: int
    """Seed of the reset that began it."""
    frames: list[np.ndarray] | None = None
    """Images uint8 [H, W, 3], one per observation, when rendering was asked for."""


@dataclass
class _Running:
    """An episode under way in one environment."""

    env: gym.Env[Any, Any]
    episode: int
    obs: Observation
    seed: int
    frames: list[np.ndarray] | None
    return_: float = 0.0
    length: int = 0
    success: bool | None = None

    def result(self) -> EpisodeResult:
        return EpisodeResult(self.return_, self.length, self.success, self.seed, self.frames)


def run_episodes(
    agent: Performer,
    env_config: EnvConfig,
    episodes: int,
    seed: int,
    *,
    num_envs: int = 1,
    render: tuple[int, int] | None = None,
    max_steps: int | None = None,
    envs: Sequence[gym.Env[Any, Any]] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[EpisodeResult]:
    """Run `episodes` without exploration; the agent is not trained, but its generators advance.

    Every episode begins with a seed of its own, so results do not depend on `num_envs`, for an
    agent that decides each row of a batch by itself. (Agents that draw noise for the whole batch
    decide a little differently in company.)

    Args:
        agent: anything that acts.
        env_config: where to run; its `num_envs` is not used.
        episodes: how many, at least 1.
        seed: same seed, same episodes.
        num_envs: environments stepped side by side.
        render: (height, width) of the frames to keep, None to keep none.
        max_steps: cuts an episode after this many decisions.
        envs: environments of `env_config` to run in instead of new ones (then `num_envs` is their
            number); they stay open. Some suites take a second to make one.
        should_stop: asked at every decision.

    Returns:
        Results in the order of the episodes' numbers.

    Raises:
        ConfigError: `episodes`, `num_envs` or `max_steps` below 1.
        NonFiniteError: the agent's action, or the environment's reward or observation, is NaN or
            infinite.
        RolloutStopped: `should_stop` said so.
    """
    for name, value in (("episodes", episodes), ("num_envs", num_envs), ("max_steps", max_steps)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}. Expected a whole number of at least 1.")
    runner = _Runner(agent, env_config, episodes, seed, max_steps, render is not None)
    if envs is not None:
        return runner.run(envs[:episodes], should_stop)
    envs = [make_for_scores(env_config, render=render) for _ in range(min(num_envs, episodes))]
    try:
        return runner.run(envs, should_stop)
    finally:
        for env in envs:
            env.close()


class _Runner:
    """Keeps up to `len(envs)` episodes under way until all have run."""

    def __init__(
        self,
        agent: Performer,
        env_config: EnvConfig,
        episodes: int,
        seed: int,
        max_steps: int | None,
        films: bool,
    ) -> None:
        self._agent, self._env_id = agent, env_config.id
        self._episodes, self._seed = episodes, seed
        self._max_steps, self._films = max_steps, films
        self._next = 0
        self._results: dict[int, EpisodeResult] = {}

    def run(
        self, envs: Sequence[gym.Env[Any, Any]], should_stop: Callable[[], bool] | None
    ) -> list[EpisodeResult]:
        running = [self._begin(env) for env in envs]
        state = None
        while running:
            if should_stop is not None and should_stop():
                raise RolloutStopped
            obs = {key: np.stack([r.obs[key] for r in running]) for key in running[0].obs}
            action, state = self._agent.act(obs, state, explore=False)
            self._check_finite("action", action, running[0], running[0].length + 1)
            ended = np.array([self._step(r, a) for r, a in zip(running, action, strict=True)])
            if ended.any():
                running, state = self._replace_ended(running, ended, state)
        return [self._results[episode] for episode in range(self._episodes)]

    def _begin(self, env: gym.Env[Any, Any]) -> _Running:
        episode, self._next = self._next, self._next + 1
        seed = evaluation_seed(self._seed, episode)
        obs, _ = env.reset(seed=seed)
        running = _Running(env, episode, obs, seed, [self._frame(env)] if self._films else None)
        self._check_observation(running)
        return running

    def _step(self, running: _Running, action: np.ndarray) -> bool:
        """Take one decision; whether the episode ended."""
        obs, reward, terminated, truncated, info = running.env.step(action)
        running.obs = obs
        running.return_ += float(reward)
        running.length += 1
        self._check_finite("reward", reward, running, running.length)
        self._check_observation(running)
        if running.frames is not None:
            running.frames.append(self._frame(running.env))
        if "success" in info:
            now = bool(info["success"])
            running.success = now if scored_at_end(info) else now or bool(running.success)
        return terminated or truncated or running.length == self._max_steps

    def _replace_ended(
        self, running: list[_Running], ended: np.ndarray, state: Any
    ) -> tuple[list[_Running], Any]:
        """Store results, begin the next episodes, and drop the rows that have none left."""
        kept = np.ones(len(running), bool)
        for i in np.flatnonzero(ended):
            self._results[running[i].episode] = running[i].result()
            if self._next < self._episodes:
                running[i] = self._begin(running[i].env)
            else:
                kept[i] = False
        state = self._agent.reset_state(state, ended)
        if not kept.all():
            running = [r for r, keep in zip(running, kept, strict=True) if keep]
            state = {key: value[kept] for key, value in state.items()}
        return running, state

    def _check_observation(self, running: _Running) -> None:
        for key, value in running.obs.items():
            if value.dtype.kind == "f":  # images are whole numbers
                self._check_finite(f"observation {key!r}", value, running, running.length)

    def _check_finite(self, what: str, value: Any, running: _Running, decision: int) -> None:
        if not np.isfinite(value).all():
            when = f"at decision {decision}" if decision else "at the beginning"
            raise NonFiniteError(
                f"The {what} {when} of evaluation episode {running.episode} in {self._env_id} is"
                f" not finite ({value}). Every action, reward and observation must be finite;"
                " checkpoints are kept. Type `daneel play RUN` to look at"
                " the agent, or `daneel resume RUN` once the environment is mended."
            )

    def _frame(self, env: gym.Env[Any, Any]) -> np.ndarray:
        frame: Any = env.render()
        return np.asarray(frame)
