"""The process in which a twin lives: `python -m daneel.envs.twins.server`, one JSON a line.

The parameters are drawn here and never leave. The first line says which twin:
{"task", "hidden", "budget", "decisions"}; then {"reset": seed} and {"step": action}. Every
observation that is sent is a sample; beyond the budget none is. {"score": true} before the first
makes the connection one for scores, whose samples are not counted.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from typing import IO, Any

import numpy as np

from daneel.envs.twins.episode import Episode, Observation
from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.task import Task
from daneel.envs.twins.tasks import load_task


def hidden_parameters(task: Task, hidden: int) -> Floats:
    """The parameters [1, P] of the twin with the seed `hidden`."""
    return task.space.draw(np.random.default_rng([hidden, zlib.crc32(task.name.encode())]), 1)


class Server:
    """Answers requests, and counts samples."""

    def __init__(self, order: dict[str, Any]) -> None:
        """Makes the twin that was ordered."""
        from daneel.envs.twins.bullet_engine import BulletEngine  # prints as it is imported

        task = load_task(order["task"])
        parameters = hidden_parameters(task, order["hidden"])
        engine = BulletEngine(task, parameters)
        self._episode = Episode(task, engine, parameters, order["decisions"])
        self._budget: int | None = order["budget"]
        self._used = 0
        self._scores = False  # whether this connection only scores, and costs nothing
        self._rng = np.random.default_rng()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to one request."""
        if "score" in request:
            return self._begin_scoring()
        if self._budget is not None and self._used >= self._budget:
            return {"refused": True, "used": self._used}
        self._used += not self._scores
        if "reset" in request:
            if request["reset"] is not None:
                self._rng = np.random.default_rng(request["reset"])
            return {"observation": _plain(self._episode.reset(self._rng)), "used": self._used}
        step = self._episode.step(np.asarray(request["step"], float))
        return {
            "observation": _plain(step.observation),
            "reward": step.reward,
            "success": step.success,
            "over": step.over,
            "used": self._used,
        }

    def _begin_scoring(self) -> dict[str, Any]:
        if self._used:
            return {"refused": True, "used": self._used}
        self._scores, self._budget = True, None
        return {"used": 0}


def _plain(observation: Observation) -> dict[str, list[float]]:
    return {name: values.tolist() for name, values in observation.items()}


def serve(requests: IO[str], replies: IO[str]) -> None:
    """Answers line by line until there are no more."""
    server: Server | None = None
    for line in requests:
        request = json.loads(line)
        if server is None:
            server, reply = Server(request), {"used": 0}
        else:
            reply = server.answer(request)
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def main() -> None:
    """Serves on the standard streams, where PyBullet's own prints must not go."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    serve(sys.stdin, replies)


if __name__ == "__main__":
    main()
