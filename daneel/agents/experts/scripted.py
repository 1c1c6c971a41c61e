"""Agents that follow a script: a fresh controller for every episode, no learning, no randomness."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from daneel.agents.protocol import AgentState
from daneel.envs.suites.skill import Skill
from daneel.errors import ConfigError

Controller = Callable[[dict[str, np.ndarray]], np.ndarray]
"""The script of one episode: called once a decision, observation of one environment (modalities
`[D]`) to action `[A]` in the environment's units. It may remember what it saw."""


class Scripted:
    """A `Performer` from a factory of controllers.

    Each row of a batch has a controller of its own, so a row's actions do not depend on its
    company. Controllers remember: `act` advances those in the state that it is given.
    """

    def __init__(self, make: Callable[[], Controller], action_repeat: int = 1) -> None:
        """A performer whose episodes each follow a new `make()`.

        Args:
            make: Returns a controller at the start of an episode.
            action_repeat: Environment steps per decision that the script was written for.
        """
        self.action_repeat = action_repeat
        self._make = make

    def act(
        self, obs: dict[str, np.ndarray], state: AgentState | None = None, explore: bool = False
    ) -> tuple[np.ndarray, AgentState]:
        """Actions float32 `[N, A]` for observations `[N, ...]`, and the state.

        `explore` changes nothing: a script has no noise.
        """
        rows = len(next(iter(obs.values())))
        controllers = self._fresh(rows) if state is None else state["controller"]
        actions = [
            controller({key: value[row] for key, value in obs.items()})
            for row, controller in enumerate(controllers)
        ]
        return np.asarray(actions, np.float32), {"controller": controllers}

    def reset_state(self, state: AgentState, mask: np.ndarray) -> AgentState:
        """`state` with new controllers in the rows where `mask [N]` is true."""
        kept = state["controller"]
        return {"controller": np.where(mask, self._fresh(len(kept)), kept)}

    def _fresh(self, rows: int) -> np.ndarray:
        """New controllers, object array `[N]`."""
        controllers = np.empty(rows, object)
        for row in range(rows):
            controllers[row] = self._make()
        return controllers


def no_expert(skill: Skill, module: str, known: Iterable[str]) -> ConfigError:
    """The error of a `module` asked for a skill that it has no script for."""
    return ConfigError(
        f"The expert {module!r} has no script for the skill {skill.name!r} ({skill.env}). "
        f"Expected one of the environments {', '.join(known)}. "
        "Type `daneel list tasks` to see which skills have an expert."
    )
