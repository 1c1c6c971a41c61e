"""The twin: the same task in PyBullet, in a process of its own, with parameters nobody is told.

It stands in for a machine that a policy was not trained on. It is a second simulator, and is never
called anything else. Every observation that it sends costs a sample, resets too; what is counted
and refused is counted and refused in the other process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np

from daneel.envs.twins.episode import Observation, action_space, observation_space
from daneel.envs.twins.tasks import load_task
from daneel.errors import ConfigError, DaneelError


class SampleBudgetError(DaneelError):
    """The twin has given as many samples as it was allowed to."""


class DeployedTwin(gym.Env[dict[str, Any], np.ndarray]):
    """One task in the engine to deploy to; what it holds does not lead to its parameters."""

    def __init__(
        self,
        task: str,
        hidden: int = 0,
        budget: int | None = None,
        decisions: int | None = None,
    ) -> None:
        """Starts the process of a twin.

        Args:
            task: Name of the task.
            hidden: Seed of its parameters; whoever is to learn must not know it.
            budget: Samples it will give; None gives any number.
            decisions: Time limit of an episode; None keeps the task's own.

        Raises:
            UnknownNameError: There is no such task.
            ConfigError: The seed or the budget is negative.
        """
        spec = load_task(task)
        for name, value in (("hidden", hidden), ("budget", budget)):
            if value is not None and value < 0:
                raise ConfigError(f"{name} is {value}. Expected a whole number, 0 or more.")
        self.observation_space, self.action_space = observation_space(spec), action_space(spec)
        self.metadata = {"render_modes": [], "render_fps": 1 / spec.decision_seconds}
        self.budget = budget
        self.samples = 0
        """How many samples it has given."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "daneel.envs.twins.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        order = {"task": task, "hidden": hidden, "budget": budget, "decisions": decisions}
        self._ask(order)

    @property
    def samples_left(self) -> int | None:
        """How many it will give yet; None for any number."""
        return None if self.budget is None else self.budget - self.samples

    def score_only(self) -> None:
        """Makes this a connection for scores: it gives any number of samples and counts none.

        Raises:
            DaneelError: It has given samples already; a budget is not lifted on the way.
        """
        if self._ask({"score": True}).get("refused"):
            raise DaneelError(
                f"The twin has given {self.samples} samples. Expected a connection for scores to "
                "be one from its beginning. Make the environment again."
            )
        self.budget = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode; its first observation is a sample.

        Raises:
            SampleBudgetError: The budget is spent.
        """
        super().reset(seed=seed)
        return _observation(self._ask({"reset": seed})), {}

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Takes one decision; its observation is a sample.

        Raises:
            SampleBudgetError: The budget is spent.
        """
        reply = self._ask({"step": np.asarray(action, float).tolist()})
        info = {"is_success": reply["success"]}
        return _observation(reply), reply["reward"], False, reply["over"], info

    def close(self) -> None:
        """Ends the process."""
        if self._process.poll() is None:
            self._process.communicate()  # it ends with its input

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        sender, receiver = self._process.stdin, self._process.stdout
        assert sender is not None and receiver is not None  # both are pipes
        try:
            sender.write(json.dumps(request) + "\n")
            sender.flush()
            line = receiver.readline()
        except (BrokenPipeError, ValueError):
            line = ""
        if not line:
            raise DaneelError(
                "The process of the twin has ended. Expected it to run until close(). "
                "Make the environment again."
            )
        reply = json.loads(line)
        self.samples = reply["used"]
        if reply.get("refused") and "score" not in request:
            raise SampleBudgetError(
                f"The twin has given {self.samples} samples, its whole budget. Expected no more "
                "requests. Make the environment with a larger `budget`, or use fewer samples."
            )
        return reply


def _observation(reply: dict[str, Any]) -> Observation:
    return {name: np.array(row, np.float32) for name, row in reply["observation"].items()}
