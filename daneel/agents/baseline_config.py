"""Settings of the Stable-Baselines3 baselines, checked against the library's own constructors."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field

import sb3_contrib
import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from daneel.errors import ConfigError, nearest

ALGORITHMS: dict[str, type[BaseAlgorithm]] = {
    "sac": stable_baselines3.SAC,
    "td3": stable_baselines3.TD3,
    "ddpg": stable_baselines3.DDPG,
    "dqn": stable_baselines3.DQN,
    "ppo": stable_baselines3.PPO,
    "a2c": stable_baselines3.A2C,
    "tqc": sb3_contrib.TQC,
    "trpo": sb3_contrib.TRPO,
    "crossq": sb3_contrib.CrossQ,
    "qrdqn": sb3_contrib.QRDQN,
}
"""The library's class for each agent name."""

CONTINUOUS_ONLY = frozenset({"sac", "td3", "ddpg", "tqc", "crossq"})
DISCRETE_ONLY = frozenset({"dqn", "qrdqn"})

NAMED_FIELDS = (
    "learning_rate",
    "batch_size",
    "buffer_size",
    "gamma",
    "gradient_steps",
    "train_freq",
    "learning_starts",
)
"""Fields of `SB3Config` that go to the algorithm's constructor under the same name."""

OURS = frozenset(
    "self policy env seed device verbose tensorboard_log action_noise replay_buffer_class "
    "rollout_buffer_class rollout_buffer_kwargs stats_window_size optimize_memory_usage "
    "policy_kwargs replay_buffer_kwargs _init_setup_model".split()
)
"""Constructor arguments that Daneel sets, or that plain configuration cannot express."""


@dataclass(frozen=True)
class SB3Config:
    """Settings of a Stable-Baselines3 algorithm; None keeps the library's own default."""

    name: str
    """Algorithm: one of the names that `daneel list agents` shows."""

    learning_rate: float | None = None
    """Step size of every optimiser; above 0."""

    batch_size: int | None = None
    """Transitions in a minibatch; at least 1."""

    buffer_size: int | None = None
    """Transitions that the replay holds (off-policy algorithms); at least 1."""

    gamma: float | None = None
    """Discount of a reward one decision away; above 0 and at most 1."""

    gradient_steps: int | None = None
    """Updates after each round of collecting (off-policy); -1 means one per decision collected."""

    train_freq: int | None = None
    """Decisions in a round of collecting (off-policy); at least 1."""

    learning_starts: int | None = None
    """Random decisions before learning begins (off-policy); at least 0."""

    net_arch: tuple[int, ...] | None = None
    """Widths of the hidden layers, of actor and critic alike."""

    action_noise: float | None = None
    """Standard deviation of Gaussian noise on the scaled action in [-1, 1] (off-policy, continuous
    actions). The library's default is none, also for td3 and ddpg; its examples use 0.1."""

    kwargs: dict[str, int | float | bool | str] = field(default_factory=dict)
    """Other arguments of the algorithm's constructor, name and value in turn:
    `--agent.kwargs n_steps 512 ent_coef 0.01`."""

    def __post_init__(self) -> None:
        """Checks each value, and that the algorithm has the argument at all.

        Raises:
            ConfigError: A value is out of range, or the algorithm knows no such argument.
        """
        if self.name not in ALGORITHMS:
            raise ConfigError(
                f"agent.name is {self.name!r}. Expected one of {', '.join(ALGORITHMS)}. "
                "Type `daneel list agents`."
            )
        for name, (holds, expected) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not holds(value):
                raise ConfigError(
                    f"agent.{name} is {value!r}. Expected {expected}. "
                    "Leave it out to keep the default of Stable-Baselines3."
                )
        self._refuse_absent_arguments()

    def _refuse_absent_arguments(self) -> None:
        known = set(inspect.signature(ALGORITHMS[self.name].__init__).parameters)
        for name in NAMED_FIELDS:
            if getattr(self, name) is not None and name not in known:
                raise self._absent(f"agent.{name}", self._settable(known))
        if self.action_noise is not None and not self._takes_noise():
            raise self._absent("agent.action_noise", self._settable(known))
        free = known - OURS - set(NAMED_FIELDS)
        for name in self.kwargs:
            if name in NAMED_FIELDS:
                raise ConfigError(
                    f"agent.kwargs sets {name!r}, which has a flag of its own. Expected only "
                    f"arguments without one. Type `--agent.{name} {self.kwargs[name]}`."
                )
            if name not in free:
                raise self._absent(f"agent.kwargs[{name!r}]", nearest(name, free) or sorted(free))

    def _takes_noise(self) -> bool:
        algorithm = ALGORITHMS[self.name]
        return issubclass(algorithm, OffPolicyAlgorithm) and self.name not in DISCRETE_ONLY

    def _settable(self, known: set[str]) -> list[str]:
        return [name for name in NAMED_FIELDS if name in known]

    def _absent(self, setting: str, choices: list[str]) -> ConfigError:
        return ConfigError(
            f"{setting} is set, but {self.name} has no such argument. "
            f"It has {', '.join(choices)}. Leave it out, or choose another --agent."
        )


_RANGES = {
    "learning_rate": (lambda value: value > 0, "a number above 0"),
    "batch_size": (lambda value: value >= 1, "a whole number from 1"),
    "buffer_size": (lambda value: value >= 1, "a whole number from 1"),
    "gamma": (lambda value: 0 < value <= 1, "a number above 0 and at most 1"),
    "gradient_steps": (lambda value: value >= 0 or value == -1, "-1, 0 or a whole number above"),
    "train_freq": (lambda value: value >= 1, "a whole number from 1"),
    "learning_starts": (lambda value: value >= 0, "a whole number from 0"),
    "net_arch": (lambda value: all(width >= 1 for width in value), "widths from 1"),
    "action_noise": (lambda value: value >= 0, "a number from 0"),
}
