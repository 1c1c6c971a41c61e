"""Writes what happens in a run: `metrics.jsonl` always, and the tracker that was chosen.

Records, one JSON object each; `step` counts environment steps, `seconds` the time of the run:

- an episode ended: `episode_return`, `episode_length`, `success` where there is such a signal
- an evaluation: `eval/return` (mean), `eval/returns`, `eval/lengths`, `eval/success` (share),
  `eval/seconds`
- a checkpoint was put to the gate: `gate/passed`, `gate/holds` of `gate/checks`, and whether the
  agent was taken back to the last release, `gate/rolled_back`
- ten times while learning from logs: `offline/updates` and the same means; their step is 0
- every `log_every` steps: `train/<metric>`, means since the last one, and `time/<phase>`, seconds
  of each phase so far

Everything but `seconds`, `eval/seconds` and `time/*` is the same whenever the same run is repeated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from daneel.alignment import GateReport
from daneel.errors import NonFiniteError
from daneel.training.collector import FinishedEpisode
from daneel.training.rollout import EpisodeResult
from daneel.training.run_folder import RunFolder
from daneel.training.stopwatch import Stopwatch
from daneel.training.tracking import Tracker


class Recorder:
    """Turns events of a run into records."""

    def __init__(self, run: RunFolder, tracker: Tracker, watch: Stopwatch) -> None:
        """Write to `run` and `tracker`; `watch` tells the time."""
        self._run, self._tracker, self._watch = run, tracker, watch
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def episode(self, step: int, decisions: int, episode: FinishedEpisode) -> None:
        """An episode of training ended."""
        record: dict[str, Any] = {
            "episode_return": episode.return_,
            "episode_length": episode.length,
        }
        if episode.success is not None:
            record["success"] = episode.success
        self._write(step, decisions, record)

    def evaluation(
        self, step: int, decisions: int, results: Sequence[EpisodeResult], seconds: float
    ) -> float:
        """An evaluation was run; returns the mean return."""
        returns = [result.return_ for result in results]
        record: dict[str, Any] = {
            "eval/return": float(np.mean(returns)),
            "eval/returns": returns,
            "eval/lengths": [result.length for result in results],
            "eval/seconds": seconds,
        }
        successes = [result.success for result in results if result.success is not None]
        if successes:
            record["eval/success"] = float(np.mean(successes))
        self._write(step, decisions, record)
        return record["eval/return"]

    def gate(self, step: int, decisions: int, report: GateReport, rolled_back: bool) -> None:
        """A checkpoint was judged."""
        verdicts = [finding.verdict for finding in report.findings]
        record = {
            "gate/passed": int(report.passed),
            "gate/holds": verdicts.count("holds"),
            "gate/checks": len(verdicts),
            "gate/rolled_back": int(rolled_back),
        }
        self._write(step, decisions, record)

    def update(self, metrics: Mapping[str, float], step: int) -> None:
        """The agent learned; metrics are averaged until the next `means`.

        Raises:
            NonFiniteError: a metric is NaN or infinite.
        """
        for name, value in metrics.items():
            value = float(value)
            if not math.isfinite(value):
                raise NonFiniteError(
                    f"The agent's metric {name!r} became {value} at environment step {step}."
                    " Losses and gradients must stay finite. The last checkpoint is kept: lower"
                    " the agent's learning rate, or type `daneel resume RUN` to try from there."
                )
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def offline(self, updates: int) -> None:
        """Learning from logs went on, to so many updates; writes the means since the last call."""
        self._means(0, 0, {"offline/updates": updates})

    def means(self, step: int, decisions: int) -> None:
        """Write the means since the last call, and where the time went."""
        self._means(step, decisions, {})

    def _means(self, step: int, decisions: int, first: Mapping[str, Any]) -> None:
        record = {**first} | {
            f"train/{k}": total / self._counts[k] for k, total in self._sums.items()
        }
        self._sums, self._counts = {}, {}
        times = {f"time/{phase}": round(s, 3) for phase, s in self._watch.seconds.items()}
        self._write(step, decisions, {**first, **record, **times})

    def _write(self, step: int, decisions: int, record: Mapping[str, Any]) -> None:
        seconds = round(self._watch.total(), 3)
        self._run.append({"step": step, "decisions": decisions, "seconds": seconds, **record})
        scalars = {k: float(v) for k, v in record.items() if isinstance(v, int | float)}
        self._tracker.log({**scalars, "seconds": seconds}, step)

    def state_dict(self) -> dict[str, Any]:
        """Means under way."""
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._sums, self._counts = dict(state["sums"]), dict(state["counts"])
