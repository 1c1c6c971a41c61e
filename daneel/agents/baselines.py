"""Stable-Baselines3 and sb3-contrib algorithms as agents: the peers Daneel is measured against.

Nothing is re-implemented. An agent here holds the library's own algorithm object, built with the
library's defaults unless the configuration says otherwise, and `daneel.training.baseline_loop`
calls its own `learn`. Goal environments get hindsight experience replay (Andrychowicz et al. 2017,
arXiv 1707.01495) with the off-policy algorithms.

Sources: Raffin et al. 2021, "Stable-Baselines3: Reliable Reinforcement Learning Implementations",
JMLR 22(268); each algorithm's paper stands at its class.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.her import HerReplayBuffer
from torch import nn

from daneel.agents import baseline_state
from daneel.agents.baseline_actor import plain_actor
from daneel.agents.baseline_config import ALGORITHMS, NAMED_FIELDS, SB3Config
from daneel.agents.baseline_spaces import check_spaces, is_goal, native_space, to_native
from daneel.agents.protocol import AgentState
from daneel.errors import ConfigError, DaneelError, NonFiniteError
from daneel.world_models import Batch


class SB3Agent:
    """A Stable-Baselines3 algorithm behind the agent protocol; it learns by its own `learn`.

    Args:
        config: Which algorithm, and its settings.
        observation_space: Dict of modalities, of one environment.
        action_space: Of one environment: Box with finite bounds, or Discrete.
        seed: Seeds the networks, and in training everything (see `baseline_state`).
        device: Where the networks live.
        env: The training environments, with native observations. Without them the agent can
            act, be loaded and saved, but not learn, and the process's generators stay untouched.
        buffer_size: Capacity of the replay where the configuration has none.

    Raises:
        SpaceError: The algorithm cannot handle these observations or actions.
    """

    Config: ClassVar[type[SB3Config]] = SB3Config
    native_learn: ClassVar[bool] = True
    """Tells the training loop to hand over to `daneel.training.baseline_loop`."""

    horizon = 1

    def __init__(
        self,
        config: SB3Config,
        observation_space: spaces.Dict,
        action_space: spaces.Space[Any],
        *,
        seed: int,
        device: str = "cpu",
        env: VecEnv | None = None,
        buffer_size: int | None = None,
    ) -> None:
        """Builds the library's algorithm."""
        self.config = config
        self.algorithm_class = ALGORITHMS[config.name]
        self.observation_space, self.action_space = observation_space, action_space
        self.native_observation_space, policy = native_space(observation_space)
        check_spaces(config.name, policy, action_space)
        settings = self._settings(buffer_size, learns=env is not None)
        stand_in = _SpacesOnly(self.native_observation_space, action_space)
        with nullcontext() if env is not None else baseline_state.untouched_generators():
            self.model: BaseAlgorithm = self.algorithm_class(
                policy, env or stand_in, seed=seed, device=device, **settings
            )
        self.policy = self.model.policy

    def _settings(self, buffer_size: int | None, learns: bool) -> dict[str, Any]:
        """Arguments of the algorithm's constructor."""
        config = self.config
        named = {name: getattr(config, name) for name in NAMED_FIELDS}
        settings: dict[str, Any] = {k: v for k, v in named.items() if v is not None}
        settings |= config.kwargs
        if config.net_arch is not None:
            settings["policy_kwargs"] = {"net_arch": list(config.net_arch)}
        if config.action_noise is not None and isinstance(self.action_space, spaces.Box):
            zeros = np.zeros(self.action_space.shape)
            settings["action_noise"] = NormalActionNoise(zeros, zeros + config.action_noise)
        if self.off_policy:
            settings |= self._replay_settings(buffer_size, learns)
        return settings

    def _replay_settings(self, buffer_size: int | None, learns: bool) -> dict[str, Any]:
        if not learns:
            return {"buffer_size": 1}
        settings: dict[str, Any] = {}
        if self.config.buffer_size is None and buffer_size is not None:
            settings["buffer_size"] = buffer_size
        if is_goal(self.observation_space):
            settings["replay_buffer_class"] = HerReplayBuffer
        return settings

    @property
    def off_policy(self) -> bool:
        """Whether the algorithm learns from a replay."""
        return issubclass(self.algorithm_class, OffPolicyAlgorithm)

    @property
    def batch_size(self) -> int:
        """Transitions in a minibatch; of A2C, which has none, those of a rollout."""
        return int(getattr(self.model, "batch_size", getattr(self.model, "n_steps", 1)))

    @property
    def warmup_decisions(self) -> int:
        """Random decisions before learning begins."""
        return int(getattr(self.model, "learning_starts", 0))

    def act(
        self, obs: dict[str, np.ndarray], state: AgentState | None = None, explore: bool = False
    ) -> tuple[np.ndarray, AgentState]:
        """Actions `[N, A]` float32 (or `[N]` int64) for observations `[N, ...]`; keeps no state.

        Raises:
            NonFiniteError: An observation or a weight is NaN or infinite.
        """
        with self.explained():
            action, _ = self.model.predict(to_native(obs), deterministic=not explore)
        if isinstance(self.action_space, spaces.Box):  # rescaling can round to beyond a bound
            bounded = np.clip(action, self.action_space.low, self.action_space.high)
            return bounded.astype(np.float32, copy=False), {}
        return np.asarray(action, np.int64), {}

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns torch's complaint about NaN in a distribution into an error a user can act on."""
        try:
            yield
        except ValueError as error:
            if isinstance(error, DaneelError) or "invalid values" not in str(error):
                raise
            finite = all(bool(p.isfinite().all()) for p in self.policy.parameters())
            what = "observation given to" if finite else "networks of"
            raise NonFiniteError(
                f"The {what} {self.config.name} became NaN or infinite at decision "
                f"{self.model.num_timesteps}. Observations, losses and weights must stay finite. "
                "The last checkpoint is kept: lower --agent.learning_rate and train again, or type "
                "`daneel resume RUN` to try from there."
            ) from error

    def reset_state(self, state: AgentState, mask: np.ndarray) -> AgentState:
        """`state` as it is: these policies remember nothing between decisions."""
        return state

    def updates_due(self, decisions: int) -> int:
        """None: updates happen inside the library's `learn`."""
        return 0

    def update(self, batch: Batch) -> dict[str, float]:
        """Not for this agent.

        Raises:
            ConfigError: Always; these algorithms learn in `daneel.training.train` only.
        """
        raise ConfigError(
            f"{self.config.name} was asked for a single update. It learns by the `learn` of "
            "Stable-Baselines3. Type `daneel train ENV --agent " + self.config.name + "`."
        )

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimisers and counters. The replay and the generators belong to the run."""
        return baseline_state.pack_model(self.config.name, self.model)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned.

        Raises:
            CheckpointError: The state is of another algorithm, or of networks of another shape.
        """
        baseline_state.unpack_model(self.config.name, self.model, state)

    def actor(self) -> tuple[nn.Module, dict[str, Any]]:
        """The deterministic policy as plain layers, `[B, D]` to action `[B, A]` or logits.

        D counts the vector modalities joined in the order of their sorted keys.

        Raises:
            SpaceError: The policy reads images, which no flat vector stands for.
        """
        return plain_actor(self.model, self.action_space)


class _SpacesOnly(gym.Env[Any, Any]):
    """Tells an algorithm its spaces; it is built to act, not to learn, so nothing is stepped."""

    def __init__(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]):
        self.observation_space = observation_space
        self.action_space = copy.deepcopy(action_space)  # the library seeds it


class SAC(SB3Agent):
    """Soft actor-critic (Haarnoja et al. 2018, arXiv 1801.01290)."""

    @dataclass(frozen=True)
    class Config(SB3Config):
        """Settings of SAC; None keeps the library's own default."""

        name: str = "sac"
        """Stands for the algorithm; leave it."""


class TD3(SB3Agent):
    """Twin delayed deep deterministic policy gradient (Fujimoto et al. 2018, arXiv 1802.09477)."""

    @dataclass(frozen=True)
    class Config(SB3Config):
        """Settings of TD3; None keeps the library's own default."""

        name: str = "td3"
        """Stands for the algorithm; leave it."""


class DDPG(SB3Agent):
    """Deep deterministic policy gradient (Lillicrap et al. 2015, arXiv 1509.02971)."""

    @dataclass(frozen=True)
    class Config(SB3Config):
        """Settings of DDPG; None keeps the library's own default."""

        name: str = "ddpg"
        """Stands for the algorithm; leave it."""


class DQN(SB3Agent):
    """Deep Q-network (Mnih et al. 2015, arXiv 1312.5602)."""

    @dataclass(frozen=True)
    class Config(SB3Config):
        """Settings of DQN; None keeps the library's own default."""

        name: str = "dqn"
        """Stands for the algorithm; leave it."""


class PPO(SB3Agent):
    """Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347)."""

    @dataclass(frozen=True)
    class Config(SB3Config):
        """Settings of PPO; None keeps the library's own default."""

        name: str = "ppo"
        """Stands for the algorithm; leave it."""


class A2C(SB3Agent):
    """Synchronous advantage actor-critic (Mnih et al. 2016, arXiv 1602.01783)."""

    @dataclass(frozen=True)
    class Config(SB3Config):
        """Settings of A2C; None keeps the library's own default."""

        name: str = "a2c"
        """Stands for the algorithm; leave it."""


class TQC(SB3Agent):
    """Truncated quantile critics (Kuznetsov et al. 2020, arXiv 2005.04269)."""

    @dataclass(frozen=True)
    class Config(SB3Config):
        """Settings of TQC; None keeps the library's own default."""

        name: str = "tqc"
        """Stands for the algorithm; leave it."""


class TRPO(SB3Agent):
    """Trust region policy optimisation (Schulman et al. 2015, arXiv 1502.05477)."""

    @dataclass(frozen=True)
    class Config(SB3Config):
        """Settings of TRPO; None keeps the library's own default."""

        name: str = "trpo"
        """Stands for the algorithm; leave it."""


class CrossQ(SB3Agent):
    """CrossQ: batch normalisation, no target networks (Bhatt et al. 2024, arXiv 1902.05605)."""

    @dataclass(frozen=True)
    class Config(SB3Config):
        """Settings of CrossQ; None keeps the library's own default."""

        name: str = "crossq"
        """Stands for the algorithm; leave it."""


class QRDQN(SB3Agent):
    """Quantile regression DQN (Dabney et al. 2017, arXiv 1710.10044)."""

    @dataclass(frozen=True)
    class Config(SB3Config):
        """Settings of QRDQN; None keeps the library's own default."""

        name: str = "qrdqn"
        """Stands for the algorithm; leave it."""
