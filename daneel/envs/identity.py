"""Tiny environments with known answers, for tests of agents, replay and training loops.

Registered with Gymnasium as `daneel/IdentityBox-v0`, `daneel/IdentityDiscrete-v0` and
`daneel/Probe-v0`. The idea is Stable-Baselines3's (`tests/test_identity.py`): an agent that cannot
learn to repeat its observation cannot learn anything.
"""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class IdentityBox(gym.Env[np.ndarray, np.ndarray]):
    """Observation uniform in [-1, 1]^dim; reward 1 minus the mean absolute error of the action.

    The observation is drawn anew at every step. The best return of an episode is `episode_steps`.
    With a delay d the action is to repeat the observation of d steps before (zeros in the first d
    steps); without memory nothing is better than the action 0, which is worth 1 / 2 a step.
    """

    def __init__(self, dim: int = 1, episode_steps: int = 10, delay: int = 0) -> None:
        """Make an environment of `dim` dimensions that terminates after `episode_steps`."""
        self.observation_space = spaces.Box(-1.0, 1.0, (dim,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (dim,), np.float32)
        self._dim, self._episode_steps, self._delay = dim, episode_steps, delay

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        self._steps = 0
        self._shown = [np.zeros(self._dim)] * self._delay
        return self._draw(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Reward the closeness of `action` to the observation to repeat."""
        reward = 1.0 - float(np.abs(np.asarray(action) - self._shown.pop(0)).mean())
        self._steps += 1
        return self._draw(), reward, self._steps >= self._episode_steps, False, {}

    def _draw(self) -> np.ndarray:
        self._shown.append(self.np_random.uniform(-1.0, 1.0, self._dim))
        return self._shown[-1].astype(np.float32)


class IdentityDiscrete(gym.Env[np.int64, np.int64]):
    """Observation one of `n`; reward 1 when the action names it, else 0."""

    def __init__(self, n: int = 4, episode_steps: int = 10) -> None:
        """Make an environment of `n` observations that terminates after `episode_steps`."""
        self.observation_space = spaces.Discrete(n)
        self.action_space = spaces.Discrete(n)
        self._n, self._episode_steps = n, episode_steps

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        self._steps = 0
        return self._draw(), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Reward `action` when it equals the last observation."""
        reward = float(action == self._target)
        self._steps += 1
        return self._draw(), reward, self._steps >= self._episode_steps, False, {}

    def _draw(self) -> np.int64:
        self._target = self.np_random.integers(self._n)
        return self._target


class Probe(gym.Env[np.ndarray, np.ndarray]):
    """A clock with reward 1 per step, for targets that can be worked out by hand.

    The observation is [number of steps taken], so the terminal observation of an episode of T
    steps is [T]. With discount g an endless episode is worth 1 / (1 - g) from every state, also
    when it is truncated; one that terminates after T steps is worth (1 - g^T) / (1 - g).
    """

    def __init__(
        self,
        terminate_at: int | None = None,
        truncate_at: int | None = None,
        nan_reward_at: int | None = None,
        nan_observation_at: int | None = None,
    ) -> None:
        """Make a clock that terminates, truncates or yields NaN when it shows the number given."""
        self.observation_space = spaces.Box(0.0, np.inf, (1,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self._terminate_at, self._truncate_at = terminate_at, truncate_at
        self._nan_reward_at, self._nan_observation_at = nan_reward_at, nan_observation_at

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Set the clock to 0."""
        super().reset(seed=seed)
        self._clock = 0
        return self._observe(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Advance the clock by 1 whatever the action."""
        self._clock += 1
        reward = np.nan if self._clock == self._nan_reward_at else 1.0
        terminated = self._clock == self._terminate_at
        return self._observe(), reward, terminated, self._clock == self._truncate_at, {}

    def _observe(self) -> np.ndarray:
        shown = np.nan if self._clock == self._nan_observation_at else self._clock
        return np.array([shown], np.float32)


def register() -> None:
    """Register the environments of this module; once is enough."""
    for name in ("IdentityBox", "IdentityDiscrete", "Probe"):
        if f"daneel/{name}-v0" not in gym.registry:
            gym.register(f"daneel/{name}-v0", f"daneel.envs.identity:{name}")
