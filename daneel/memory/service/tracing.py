"""OpenTelemetry spans of engine batches: sampled before they are made.

A span costs tens of microseconds, also one that a sampler drops later, so there is none per query:
a share of the engine's batches, each of many queries, is chosen by a random number first.
"""

from __future__ import annotations

import random
import time
from typing import Any

from daneel.memory.service.extra import require


class BatchTracer:
    """Makes spans of a share of the batches, through a tracer provider."""

    def __init__(self, ratio: float, seed: int | None = None, provider: Any = None) -> None:
        """Trace that share of batches.

        Args:
            ratio: 0 (none; OpenTelemetry is not imported) to 1 (all).
            seed: Of the choice; None takes entropy.
            provider: OpenTelemetry's tracer provider; None is that of the process.

        Raises:
            ValueError: The ratio is outside 0 .. 1.
            MissingExtraError: OpenTelemetry is not installed and the ratio is above 0.
        """
        if not 0 <= ratio <= 1:
            raise ValueError(f"trace_ratio is {ratio}. Expected a share from 0 to 1.")
        self._ratio, self._random, self._tracer = ratio, random.Random(seed), None
        if ratio:
            require("opentelemetry.trace")
            from opentelemetry import trace

            self._tracer = trace.get_tracer("daneel.memory.service", tracer_provider=provider)

    def observe(self, kind: str, rows: int, seconds: float) -> None:
        """Record a batch that just ended, if it is one of the chosen."""
        if self._tracer is None or self._random.random() >= self._ratio:
            return
        end = time.time_ns()
        began = end - int(seconds * 1e9)
        span = self._tracer.start_span(f"memory.{kind}", start_time=began)
        span.set_attribute("rows", rows)
        span.end(end)
