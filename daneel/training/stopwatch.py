"""Where the time of a training goes, measured without a tax on the steps."""

from __future__ import annotations

import time
from collections.abc import Mapping

PHASES = ("env", "act", "update", "replay", "logging", "eval", "checkpoint")
_WORK = ("env", "act", "update")  # the environment and torch; the rest is the loop's own


class Stopwatch:
    """Adds the time since the last lap to a phase; every moment belongs to exactly one phase."""

    def __init__(self) -> None:
        """Start at zero."""
        self.seconds: dict[str, float] = {phase: 0.0 for phase in PHASES}
        self._last = time.perf_counter()

    def start(self) -> None:
        """Forget the time since the last lap: it belonged to no training."""
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Credit the time since the last lap to `phase`."""
        now = time.perf_counter()
        self.seconds[phase] += now - self._last
        self._last = now

    def total(self) -> float:
        """Seconds of all phases, up to now."""
        return sum(self.seconds.values()) + time.perf_counter() - self._last

    def overhead(self) -> float:
        """Share of the loop's own work in the time spent on training (evaluations left out)."""
        spent = sum(seconds for phase, seconds in self.seconds.items() if phase != "eval")
        work = sum(self.seconds[phase] for phase in _WORK)
        return 1.0 - work / spent if spent else 0.0

    def state_dict(self) -> dict[str, float]:
        """Seconds of each phase."""
        return dict(self.seconds)

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Go on from `state`."""
        self.seconds = {phase: float(state.get(phase, 0.0)) for phase in PHASES}
        self.start()


def describe_time(seconds: Mapping[str, float]) -> str:
    """Where the time went, largest share first: "84 s: update 61 %, act 25 %, ..."."""
    total = sum(seconds.values())
    shares = sorted(((100 * s / total, phase) for phase, s in seconds.items() if s), reverse=True)
    listed = ", ".join(f"{phase} {share:.0f} %" for share, phase in shares if share >= 0.5)
    return f"{total:,.0f} s: {listed}"
