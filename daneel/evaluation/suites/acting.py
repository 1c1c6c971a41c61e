"""What a policy is to the runner, and adapters that make one of a function or an agent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces

from daneel.agents import AgentState, Performer
from daneel.envs.suites import Skill
from daneel.errors import ConfigError, PolicyError


class NotRunError(ConfigError):
    """A skill cannot be run with this policy; the message is the reason in the table."""


class Policy(Protocol):
    """Something to be scored."""

    @property
    def name(self) -> str:
        """What the record calls it."""
        ...

    @property
    def sha256(self) -> str | None:
        """Hash of its weights; None where it has none."""
        ...

    @property
    def trained_on(self) -> tuple[str, ...] | None:
        """Labels of the environments it was trained in; None where nobody recorded them."""
        ...

    def action_repeat(self, skill: Skill) -> int:
        """Environment steps per decision that it was made for."""
        ...

    def performer(
        self, skill: Skill, observations: spaces.Dict, actions: spaces.Space[Any], seed: int
    ) -> Performer:
        """What acts in an episode with this seed.

        Raises:
            NotRunError: It cannot act in this skill.
        """
        ...


class Stateless:
    """A Performer from a function of one observation."""

    def __init__(self, call: Callable[[dict[str, np.ndarray]], Any]) -> None:
        """Calls `call` for each row."""
        self._call = call

    def act(
        self, obs: dict[str, np.ndarray], state: AgentState | None = None, explore: bool = False
    ) -> tuple[np.ndarray, AgentState]:
        """Actions `[N, A]`, or `[N]`."""
        rows = len(next(iter(obs.values())))
        single = ({key: value[row] for key, value in obs.items()} for row in range(rows))
        return np.stack([np.asarray(self._call(one)) for one in single]), {}

    def reset_state(self, state: AgentState, mask: np.ndarray) -> AgentState:
        """Nothing is remembered."""
        return state


class Fitted:
    """A Performer that sees only what it was made to see.

    Raises:
        NotRunError: A modality or the action has another shape than it was made for.
    """

    def __init__(
        self,
        performer: Performer,
        wants: spaces.Dict,
        does: spaces.Space[Any],
        observations: spaces.Dict,
        actions: spaces.Space[Any],
    ) -> None:
        """Compares the spaces it was made for with those of the skill."""
        self._performer, self._keys = performer, list(wants.spaces)
        for key, space in wants.spaces.items():
            found = observations.spaces.get(key)
            if found is None or found.shape != space.shape:
                seen = "nothing" if found is None else list(found.shape or ())
                raise NotRunError(
                    f"the policy observes {key!r} {list(space.shape or ())}, the task shows {seen}"
                )
        if type(does) is not type(actions) or does.shape != actions.shape:
            raise NotRunError(f"the policy acts in {does}, the task takes {actions}")

    def act(
        self, obs: dict[str, np.ndarray], state: AgentState | None = None, explore: bool = False
    ) -> tuple[np.ndarray, AgentState]:
        """Acts on the modalities it knows."""
        return self._performer.act({key: obs[key] for key in self._keys}, state, explore)

    def reset_state(self, state: AgentState, mask: np.ndarray) -> AgentState:
        """As the performer does."""
        return self._performer.reset_state(state, mask)


def checked_action(action: np.ndarray, space: spaces.Space[Any], who: str, when: str) -> Any:
    """The single action of a batch of one, for the environment.

    Raises:
        PolicyError: It has another size, or is NaN or infinite.
    """
    one = np.asarray(action)[0]
    if one.shape != space.shape:
        raise PolicyError(
            f"The policy {who!r} gave an action of shape {list(one.shape)} {when}. Expected "
            f"{list(space.shape or ())}. Mend the policy and type the same command again."
        )
    if not np.isfinite(one).all():
        raise PolicyError(
            f"The policy {who!r} gave the action {one} {when}. Expected finite numbers. Mend the "
            "policy and type the same command again."
        )
    return one
