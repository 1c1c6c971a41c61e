"""Stable-Baselines3's SAC in a twin, its replay filled with the same logs: the peer.

The library's own algorithm, defaults and all (two layers of 256, batches of 256, an update per
decision), by its own `learn`; what is ours is the filling, the budget and the evaluations.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback

from daneel.envs import EnvConfig, make_single
from daneel.training import run_episodes
from daneel.training.logs import read_logs

if TYPE_CHECKING:
    from daneel.evaluation.bench.offline_arms import Sizes


def learn(
    env: EnvConfig, logs: Path, seed: int, sizes: Sizes, steps: int, target: float, in_a_row: int
) -> list[tuple[int, float]]:
    """Fine-tunes in `env` until evaluations `in_a_row` reach `target`, or for `steps` decisions.

    Returns:
        Decisions and mean return of every evaluation, from before the first decision on.
    """
    single = make_single(env)
    world = gym.wrappers.FlattenObservation(single)
    model = SAC("MlpPolicy", world, seed=seed, learning_starts=0, device="cpu")
    observation: Any = single.observation_space
    fill(model, read_logs([str(logs)], observation, single.action_space, np.random.default_rng(0)))
    follower = _Follower(env, seed, sizes, target, in_a_row)
    follower.points.append((0, follower.score(model)))
    model.learn(steps, callback=follower, log_interval=10**9)
    world.close()
    return follower.points


def fill(model: SAC, logs: Any) -> None:
    """Puts every logged transition into the algorithm's replay."""
    space = model.action_space
    assert isinstance(space, spaces.Box)
    for obs, action, reward, over, following in _transitions(logs):
        scaled = 2 * (action - space.low) / (space.high - space.low) - 1
        replay = model.replay_buffer
        assert replay is not None
        replay.add(obs[None], following[None], scaled[None], reward, over, [{}])


def _transitions(logs: Any) -> Any:
    """In the order of the log: flat observation, action, reward `[1]`, end `[1]`, the next one."""
    data = logs.replay.state_dict()["data"]
    flat = np.concatenate([data[f"obs.{key}"][0] for key in sorted(_keys(data))], 1)
    for row in np.flatnonzero(data["begins"][0]):
        reward, over = data["reward"][0, row : row + 1], data["terminated"][0, row : row + 1]
        yield flat[row], data["action"][0, row], reward, over, flat[row + 1]


def _keys(data: dict[str, np.ndarray]) -> list[str]:
    """Keys of the observation; Gymnasium flattens them in the order of their names."""
    return [key.removeprefix("obs.") for key in data if key.startswith("obs.")]


class _Performer:
    """The algorithm's deterministic policy for dictionary observations."""

    def __init__(self, model: SAC) -> None:
        self._model = model

    def act(
        self, obs: dict[str, np.ndarray], state: Any = None, explore: bool = False
    ) -> tuple[np.ndarray, dict[str, Any]]:
        flat = np.concatenate([obs[key] for key in sorted(obs)], 1)
        action, _ = self._model.predict(flat, deterministic=True)
        return action, {}

    def reset_state(self, state: Any, mask: np.ndarray) -> Any:
        return state


class _Follower(BaseCallback):
    """Evaluates now and then, and ends the training when it is good enough."""

    def __init__(
        self, env: EnvConfig, seed: int, sizes: Sizes, target: float, in_a_row: int
    ) -> None:
        super().__init__()
        self._env, self._seed, self._sizes = env, seed, sizes
        self._target, self._in_a_row = target, in_a_row
        self.points: list[tuple[int, float]] = []

    def score(self, model: SAC) -> float:
        count = self._sizes.eval_episodes
        found = run_episodes(_Performer(model), self._env, count, self._seed, num_envs=count)
        return float(np.mean([episode.return_ for episode in found]))

    def _on_step(self) -> bool:
        if self.num_timesteps % self._sizes.eval_every:
            return True
        assert isinstance(self.model, SAC)
        self.points.append((self.num_timesteps, self.score(self.model)))
        last = [value for _, value in self.points[-self._in_a_row :]]
        return len(last) < self._in_a_row or min(last) < self._target
