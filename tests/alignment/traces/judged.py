"""What the finder makes of a few sentences."""

from __future__ import annotations

from daneel.alignment.traces import ReasoningDebugger


def clash(*steps: str) -> bool:
    """Whether they contradict each other."""
    return bool(ReasoningDebugger().debug(steps).conflicts)


def fit(*steps: str) -> bool:
    """Whether all are read and none contradicts the others."""
    return ReasoningDebugger().debug(steps).consistent is True
