"""The text layer: harm that the words of an instruction show, read through its disguises.

Every reading of an instruction (`normalise.readings`) is scored by the shipped heads, and the worst
one counts, so words that are added around a request cannot lower its score. `ruled.RuledLayer`
puts rules on top. The layer sees words only: a hazard that lies in the scene or the plan is for
other layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from daneel.alignment.judging import heads
from daneel.alignment.judging.features import Encode, encode, marks
from daneel.alignment.judging.heads import Heads
from daneel.alignment.judging.normalise import clean, opaque, readings
from daneel.alignment.judging.record import Judgement, Record

REFUSED = 0.5
"""Scores from here on are refused."""
SHOWN = 80
"""Characters of a reading that a trace quotes."""


class TextLayer:
    """Judges the instruction of each record; scene and plan are not looked at.

    Args:
        trained: The heads; those that are shipped when left out.
        encode: Maps texts to embeddings; the packaged encoder when left out.
    """

    name = "text"

    def __init__(self, trained: Heads | None = None, encode: Encode = encode) -> None:
        """Read the heads; the encoder is loaded with the first judgement."""
        self.heads = heads.load() if trained is None else trained
        self.encode = encode

    def judge(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement for each record: the worst of what its instruction may say."""
        read = [readings(record.instruction) for record in records]
        unique = list(dict.fromkeys(text for texts in read for text in texts))
        scores, clauses = self.score(unique)
        at = {text: index for index, text in enumerate(unique)}
        found = []
        for record, texts in zip(records, read, strict=True):
            worst = max((at[text] for text in texts), key=lambda index: scores[index])
            plain = unique[worst] == clean(record.instruction)
            judged = self._judgement(plain, unique[worst], float(scores[worst]), clauses[worst])
            found.append(_unread(record, judged))
        return found

    def score(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], list[str]]:
        """Harm 0 .. 1 of each text as it stands, and the clause it would break."""
        if not texts:
            return np.zeros(0), []
        embedded = self.encode(texts)
        logits = self.heads.logits(texts, embedded, marks(texts))
        return np.exp(-np.logaddexp(0, -logits)), self.heads.clause_of(embedded)

    def _judgement(self, plain: bool, worst: str, score: float, clause: str) -> Judgement:
        """The judgement of the worst reading, which may be the instruction as it stands."""
        how = "" if plain else ", one reading of the instruction,"
        said = f"The words {_short(worst)!r}{how} score {score:.2f} of 1 for harm."
        if score < REFUSED:
            return Judgement("allow", score, "", self.name, (said,))
        reason = f"Clause {clause} comes nearest to what they ask."
        return Judgement("refuse", score, clause, self.name, (said, reason))


def _unread(record: Record, judged: Judgement) -> Judgement:
    """Say `unsure` where the text cannot be read: what the heads did not learn is not harmless."""
    if judged.verdict != "allow" or not opaque(record.instruction):
        return judged
    said = "The instruction cannot be read as English, so its score says little."
    return Judgement("unsure", REFUSED, "", judged.layer, (*judged.trace, said))


def _short(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
