"""The gate inside a training: every checkpoint is judged before it is saved.

What passes is released; what does not pass is not saved either: the agent goes back to the last
release of this run, with its optimisers, and learns on from there. Replay, environments and
counters stay, so the time is not lost, only what was learned since. Before the first release there
is nothing to go back to, and the training goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gymnasium import spaces

from daneel.agents import Agent
from daneel.alignment import (
    Candidate,
    GateReport,
    is_released,
    load_gate,
    release,
    run_gate,
    save_report,
    verify_released,
    weights_hash,
)
from daneel.training import checkpoint
from daneel.training.candidates import NOT_NEEDED_TO_ACT, agent_weights, build_candidate
from daneel.training.rollout import EpisodeResult
from daneel.training.run_folder import RunFolder


@dataclass(frozen=True)
class Judged:
    """A candidate and what the gate said."""

    candidate: Candidate
    report: GateReport


class CheckpointGate:
    """Judges, releases and goes back, in one run folder.

    Args:
        name: The list of checks: a shipped one or the path of a .yaml file.
        run: The run folder.

    Raises:
        ConfigError: There is no such list.
    """

    def __init__(self, name: str, run: RunFolder) -> None:
        """Read the list."""
        self._name, self._checks, self._run = name, load_gate(name), run

    def judge(
        self,
        agent: Agent,
        spaces_: tuple[spaces.Dict, spaces.Space[Any]],
        seen: Mapping[str, Mapping[str, Any]],
        results: Sequence[EpisodeResult],
        step: int,
    ) -> Judged:
        """Put the agent as it is now to the gate and write `gate.json`.

        Args:
            agent: The agent.
            spaces_: Observation and action space of its environment.
            seen: Its observations' ends in training, `low` and `high` by modality.
            results: Episodes that it just did without exploration.
            step: Environment steps so far; its checkpoint will bear that number.

        Raises:
            SpaceError: No box can be declared for it.
        """
        ranges = {key: (low, seen["high"][key]) for key, low in seen["low"].items()}
        evidence = _evidence(results, agent, step)
        path = self._run.checkpoints / f"step-{step}"
        candidate = build_candidate(agent, *spaces_, ranges, evidence, path)
        report = run_gate(candidate, self._checks, self._name)
        save_report(report, self._run.path)
        return Judged(candidate, report)

    def release(self, judged: Judged, path: Path) -> None:
        """Release a checkpoint that passed, now that it is on disk."""
        release(self._run.path, path, judged.candidate.weights, leave_out=NOT_NEEDED_TO_ACT)

    def last_released(self) -> dict[str, Any] | None:
        """State of the agent that was released last; None where nothing was.

        Raises:
            CheckpointError: The release was tampered with.
        """
        if not is_released(self._run.path):
            return None
        return checkpoint.load(verify_released(self._run.path), only=["agent"])["agent"]


def _evidence(results: Sequence[EpisodeResult], agent: Agent, step: int) -> dict[str, Any]:
    return {
        "checkpoint": f"step-{step}",
        "weights_sha256": weights_hash(agent_weights(agent)),
        "returns": [float(result.return_) for result in results],
        "lengths": [int(result.length) for result in results],
        "seeds": [int(result.seed) for result in results],
        "successes": [result.success for result in results],
    }
