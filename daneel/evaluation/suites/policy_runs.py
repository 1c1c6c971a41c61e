"""Policies that Daneel trained: one run, or a folder with a run for each skill."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from gymnasium import spaces

from daneel.agents import Performer
from daneel.alignment import weights_hash
from daneel.envs.suites import Skill
from daneel.errors import ConfigError
from daneel.evaluation import alignment_figures
from daneel.evaluation.suites.acting import Fitted, NotRunError, Policy
from daneel.training import agent_weights, load_agent

CONFIG = "config.yaml"


def open_folder(folder: Path, which: str | None = None) -> Policy:
    """The policy in a folder: a run, or one run for each skill, named like it.

    Raises:
        ConfigError: It holds neither.
    """
    if (folder / CONFIG).exists():
        return RunPolicy(folder, which)
    if any(folder.glob(f"*/{CONFIG}")):
        return SpecialistsPolicy(folder, which)
    raise ConfigError(
        f"{str(folder)!r} holds no run. Expected a run folder, or a folder with a run for each "
        "task, named like it. Type `daneel train` to make one."
    )


class RunPolicy:
    """A trained agent from its run folder."""

    def __init__(self, run: Path, which: str | None = None) -> None:
        """Loads the checkpoint."""
        self._agent, self._config, found = load_agent(run, which)
        self.name = f"{run.name} ({found})"
        self.sha256 = weights_hash(agent_weights(self._agent))
        self.trained_on = (self._config.env.label,)
        self.gates = {run.name: alignment_figures.judged(run, self.sha256)}

    def action_repeat(self, skill: Skill) -> int:
        """The rate it was trained at."""
        return self._config.env.action_repeat

    def performer(
        self, skill: Skill, observations: spaces.Dict, actions: spaces.Space[Any], seed: int
    ) -> Performer:
        """The agent, shown the modalities it knows."""
        agent: Any = self._agent
        return Fitted(agent, agent.observation_space, agent.action_space, observations, actions)


class SpecialistsPolicy:
    """One agent for each skill: `folder/<skill>` is the run that trained it."""

    def __init__(self, folder: Path, which: str | None = None) -> None:
        """Loads every agent."""
        runs = sorted(path.parent for path in folder.glob(f"*/{CONFIG}"))
        self._agents = {run.name: RunPolicy(run, which) for run in runs}
        self.name = f"{folder.name} (one agent a task)"
        hashes = "".join(agent.sha256 for agent in self._agents.values())
        self.sha256 = hashlib.sha256(hashes.encode()).hexdigest()
        every = (env for agent in self._agents.values() for env in agent.trained_on)
        self.trained_on = tuple(dict.fromkeys(every))
        self.gates = {
            name: report for agent in self._agents.values() for name, report in agent.gates.items()
        }

    def action_repeat(self, skill: Skill) -> int:
        """The rate that the skill's agent was trained at."""
        return self._agent(skill).action_repeat(skill)

    def performer(
        self, skill: Skill, observations: spaces.Dict, actions: spaces.Space[Any], seed: int
    ) -> Performer:
        """The skill's agent."""
        return self._agent(skill).performer(skill, observations, actions, seed)

    def _agent(self, skill: Skill) -> RunPolicy:
        if skill.name not in self._agents:
            raise NotRunError(f"no agent was trained for this task in {self.name}")
        return self._agents[skill.name]
