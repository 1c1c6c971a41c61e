"""The layers composed: every layer judges every record, and the gravest verdict counts.

A layer that raises does not let a record pass: its answer is `unsure`, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from daneel.alignment.judging.deliberation import DeliberativeAligner
from daneel.alignment.judging.record import Judgement, Layer, Record
from daneel.alignment.judging.text import TextLayer

GRAVITY = {"allow": 0, "unsure": 1, "refuse": 2}
"""Verdicts from the mildest to the gravest."""


def judge(records: Sequence[Record], layers: Sequence[Layer] | None = None) -> list[Judgement]:
    """Return one judgement for each record, in order: the gravest that any layer gave.

    Args:
        records: What to judge.
        layers: Who judges; the default layers when None.
    """
    given = default_layers() if layers is None else layers
    answers = [answers_of(layer, records) for layer in given]
    return (
        [compose(row) for row in zip(*answers, strict=True)]
        if answers
        else [Judgement("unsure", 0.5, "", "", ("No layer judged.",)) for _ in records]
    )


@cache
def default_layers() -> tuple[Layer, ...]:
    """Return the layers that come with the package and run offline: the words, and the effects.

    Raises:
        MissingExtraError: The extra `judge`, which has the sentence encoder, is not installed.
    """
    words = TextLayer()
    words.score(["May I?"])  # a missing encoder is said here, and not record by record
    return (words, DeliberativeAligner())


def answers_of(layer: Layer, records: Sequence[Record]) -> list[Judgement]:
    """Return a layer's answers; one by one, and `unsure`, where it raises or miscounts."""
    try:
        answers = layer.judge(records)
        if len(answers) == len(records):
            return answers
    except Exception as error:  # a layer that crashes must not let anything pass
        if len(records) == 1:
            return [_failed(layer, f"{type(error).__name__}: {error}")]
    if len(records) == 1:
        return [_failed(layer, "it did not give one answer for each record")]
    return [answer for record in records for answer in answers_of(layer, [record])]


def compose(answers: Sequence[Judgement]) -> Judgement:
    """Return the gravest answer; among equals the highest score; traces of all that objected."""
    worst = max(answers, key=lambda answer: (GRAVITY[answer.verdict], answer.score))
    others = [
        line
        for answer in answers
        if answer is not worst and answer.verdict != "allow"
        for line in (f"Also {answer.layer}: {answer.verdict}.", *answer.trace)
    ]
    trace = (*worst.trace, *others)
    return Judgement(worst.verdict, worst.score, worst.clause, worst.layer, trace)


def _failed(layer: Layer, reason: str) -> Judgement:
    return Judgement("unsure", 0.5, "", layer.name, (f"The layer failed: {reason}.",))
