"""Memories that are a part of a model, and across modalities: rows C-9, R-1 and T-2."""

from __future__ import annotations

from daneel.evaluation.bench import (
    memory_crossmodal,
    memory_hopfield,
    memory_links,
    memory_retraining,
)
from daneel.evaluation.bench.memory import Options
from daneel.evaluation.evidence import Evidence

MEASURES = (memory_hopfield, memory_links, memory_retraining, memory_crossmodal)


def measure(options: Options) -> list[Evidence]:
    """Hopfield memories, link slots, retraining, a stream of three modalities."""
    return [item for part in MEASURES for item in part.measure(options)]
