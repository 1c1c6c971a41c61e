"""A layer with rules on top: what a rule matches is refused, the rest is the layer's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from daneel.alignment.judging.record import Judgement, Layer, Record
from daneel.alignment.judging.remembered import Readings, Seen
from daneel.alignment.judging.rules import Rule

SHOWN = 80
"""Characters of an example that a trace quotes."""


class RuledLayer:
    """A layer with rules on top.

    Args:
        inner: The layer below; it is not changed.
        rules: Matched against every reading of an instruction.
        readings: Remembered readings of the layer; new ones when left out.
    """

    def __init__(
        self, inner: Layer, rules: Sequence[Rule] = (), readings: Readings | None = None
    ) -> None:
        """Keep the layer and its rules."""
        self.inner, self.rules = inner, tuple(rules)
        self.readings = Readings(inner) if readings is None else readings
        self.name = inner.name

    def judge(self, records: Sequence[Record]) -> list[Judgement]:
        """Return the inner layer's judgements, refusals by rules among them."""
        found = self.inner.judge(records)
        open_ = [row for row, said in enumerate(found) if said.verdict != "refuse"]
        if not self.rules or not open_:
            return found
        seen, rows = self.readings.all_of(records[row].instruction for row in open_)
        scores = np.array([rule.scores(seen) for rule in self.rules])  # [rules, R]
        for row, said in zip(open_, rows, strict=True):
            found[row] = self._ruled(found[row], scores[:, said], seen, said)
        return found

    def _ruled(
        self,
        judged: Judgement,
        scores: NDArray[np.float64],
        seen: Seen,
        rows: NDArray[np.int64],
    ) -> Judgement:
        """The judgement of an instruction with the scores `[rules, readings]` of its readings."""
        which, reading = np.unravel_index(scores.argmax(), scores.shape)
        if scores[which, reading] < 0:
            return judged
        rule = self.rules[which]
        like = rule.nearest(seen.rows([rows[reading]]))
        how = "missed" if like.missed else "refused only narrowly"
        said = f"Rule {rule.id!r}, found by red-teaming, matches: like {_short(like.text)!r}, "
        score = max(judged.score, 1 / (1 + np.exp(-float(scores[which, reading]))))
        trace = (*judged.trace, f"{said}which was {how}.")
        clause = like.clause or rule.clause
        return replace(judged, verdict="refuse", score=score, clause=clause, trace=trace)


def _short(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
