"""One skill: an environment, what to do in it in words, and when it counts as done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from daneel.config import require
from daneel.envs.config import EnvConfig
from daneel.envs.suites.text import encode_text


@dataclass(frozen=True)
class SuccessRule:
    """When an episode succeeded. It is never the reward of the task, with one exception, `return`.

    "reached": the package's own signal was true in some step; "held": it was true in the last step;
    "return": the package has no signal, and the undiscounted return is at least `at_least`.
    """

    kind: Literal["reached", "held", "return"]
    """How the signal becomes one answer for an episode."""

    source: str
    """Where the rule comes from: package and signal, or the publication of the return."""

    at_least: float | None = None
    """The return, for "return"."""

    def __post_init__(self) -> None:
        """Checks that a return is given exactly where it is asked for.

        Raises:
            ConfigError: It is not.
        """
        given = self.at_least is not None
        expected = "a number for the kind 'return', else nothing"
        require(given == (self.kind == "return"), "success.at_least", self.at_least, expected)

    def fulfilled(self, signals: Sequence[bool], return_: float) -> bool:
        """Whether an episode with these signals, one a decision, and this return succeeded."""
        if self.at_least is not None:
            return return_ >= self.at_least
        return signals[-1] if self.kind == "held" else any(signals)


@dataclass(frozen=True)
class Embodiment:
    """A robot as an action space: what each number of an action means."""

    name: str
    """What skills call it."""

    actions: tuple[str, ...]
    """Name of each dimension of the action, in order."""

    units: tuple[str, ...]
    """Unit of each dimension."""

    def __post_init__(self) -> None:
        """Checks that each dimension has a name and a unit.

        Raises:
            ConfigError: It has not.
        """
        same = len(self.actions) == len(self.units)
        require(same, "units", self.units, f"one for each of {len(self.actions)} actions")


@dataclass(frozen=True)
class Skill:
    """A task that a policy either does or does not."""

    name: str
    """What users type, unique in the project: "drawer-close"."""

    block: str
    """The package's group of skills, for means by block: "meta_world"."""

    env: str
    """Id of the environment."""

    horizon: int
    """Environment steps of an episode."""

    instructions: tuple[str, ...]
    """The task in words, several ways of saying the same; the first is the plainest."""

    success: SuccessRule
    """When an episode succeeded."""

    embodiment: str
    """The robot; its action space has names and units."""

    action_repeat: int = 1
    """Environment steps per decision, unless the policy was made for another rate."""

    expert: str | None = None
    """Where demonstrations come from, by name in the registry of experts; None: nowhere yet."""

    expert_source: str = "none"
    """Who wrote the expert: "metaworld 3.1.1 scripted policy", "daneel script", ..."""

    extra: str | None = None
    """Extra of this project that installs the package."""

    kwargs: dict[str, Any] = field(default_factory=dict)
    """Arguments of the environment's constructor."""

    def __post_init__(self) -> None:
        """Checks numbers and words.

        Raises:
            ConfigError: A field is out of range.
        """
        require(self.horizon >= 1, "horizon", self.horizon, "at least 1")
        require(self.action_repeat >= 1, "action_repeat", self.action_repeat, "at least 1")
        enough = len(set(self.instructions)) == len(self.instructions) >= 2
        require(enough, "instructions", self.instructions, "two or more different sentences")
        for text in self.instructions:
            encode_text(text)  # refuses what does not fit the observation

    def config(self, action_repeat: int | None = None) -> EnvConfig:
        """The environment at the skill's own decision rate, or at a policy's.

        The horizon stays the same number of environment steps (rounded up to whole decisions).
        """
        repeat = action_repeat or self.action_repeat
        return EnvConfig(
            id=self.env,
            action_repeat=repeat,
            max_episode_steps=-(-self.horizon // repeat),
            kwargs=self.kwargs,
        )
