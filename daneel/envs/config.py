"""What it takes to make an environment: one frozen dataclass."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from tyro.constructors import PrimitiveConstructorSpec

from daneel.config import parse_value
from daneel.errors import ConfigError


def _read_arguments(words: Sequence[str]) -> dict[str, Any]:
    """Names and values in turn, as typed after `--env.kwargs`."""
    if len(words) % 2:
        raise ValueError(f"{words[-1]!r} has no value. Expected names and values in turn.")
    return {name: parse_value(text) for name, text in zip(words[::2], words[1::2], strict=True)}


def _show_arguments(arguments: dict[str, Any]) -> list[str]:
    return [word for name, value in arguments.items() for word in (name, json.dumps(value))]


# Without it the command line would leave out a mapping to values of any type.
_Arguments = Annotated[
    dict[str, Any],
    PrimitiveConstructorSpec(
        nargs="*",
        metavar="[NAME VALUE ...]",
        instance_from_str=_read_arguments,
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=_show_arguments,
    ),
]


@dataclass(frozen=True)
class EnvConfig:
    """An environment and how an agent meets it.

    A decision is one action of the agent; the environment runs `action_repeat` steps for it.
    """

    id: str = "InvertedPendulum-v5"
    """Gymnasium id, `dm_control/<domain>-<task>-v0` or `Meta-World/<task>-v3`."""

    num_envs: int = 1
    """Environments that step together."""

    action_repeat: int = 1
    """Environment steps per decision; their rewards are summed, an end of episode stops them."""

    max_episode_steps: int | None = None
    """Time limit in decisions; None keeps the environment's own."""

    kwargs: _Arguments = field(default_factory=dict)
    """Further arguments of the environment's constructor, name and value in turn:
    `--env.kwargs g 9.81`; values are read as in YAML."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: A field is outside its range.
        """
        if not isinstance(self.id, str) or not self.id:
            raise ConfigError(f"env.id is {self.id!r}. Expected text. Type `daneel list envs`.")
        for name in ("num_envs", "action_repeat", "max_episode_steps"):
            self._check_count(name)

    @property
    def label(self) -> str:
        """The id, followed by the constructor's arguments where there are any."""
        return f"{self.id} {json.dumps(self.kwargs, sort_keys=True)}" if self.kwargs else self.id

    def _check_count(self, name: str) -> None:
        value = getattr(self, name)
        if value is None and name == "max_episode_steps":
            return
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(
                f"env.{name} is {value!r}. Expected a whole number of at least 1. "
                f"Pass for example `--env.{name} 1`."
            )
