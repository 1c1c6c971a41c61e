"""The parts of rules by likeness: memory, kernel, fit and held-out thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from daneel.alignment.judging.features import BUCKETS, marks
from daneel.alignment.judging.fitting import Fit, fit
from daneel.alignment.judging.grammar import Example
from daneel.alignment.judging.heads import Heads
from daneel.alignment.judging.record import Judgement, Record
from daneel.alignment.judging.remembered import Readings, Seen
from daneel.alignment.judging.rules import Learnt, Rule, kernel, likeness
from daneel.alignment.judging.safe_set import SafeSet


class Lengths:
    """Allows all; embeds a text by its length and its words, and its head reads the first."""

    name = "lengths"

    def __init__(self) -> None:
        """Heads that weigh the first number by two."""
        self.read: list[str] = []
        zeros = np.zeros(BUCKETS)
        self.heads = Heads(np.array([2.0, 0.0]), zeros, -1.0, ("c",), np.zeros((1, 3)), {})

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Two numbers for a text."""
        self.read += texts
        return np.array([[len(t), len(t.split())] for t in texts], np.float32)

    def judge(self, records: Sequence[Record]) -> list[Judgement]:
        """Allow."""
        return [Judgement("allow", 0.1, "", self.name) for _ in records]


TEXTS = ("bake some bread", "bake more bread", "walk the dog", "sing")


def test_texts_are_read_once_and_the_oldest_forgotten():
    """Features are those of a text alone, in the order asked for; memory has an end."""
    layer = Lengths()
    readings = Readings(layer, most=2)
    seen = readings.see(["sing", "walk the dog", "sing"])
    np.testing.assert_array_equal(seen.embedded, [[4, 1], [12, 3], [4, 1]])
    np.testing.assert_array_equal(seen.logits, [7.0, 23.0, 7.0])
    made = marks(["sing", "walk the dog", "sing"])
    np.testing.assert_array_equal(seen.marked.toarray(), made.toarray())
    readings.see(["sing", "walk the dog"])
    assert layer.read == ["sing", "walk the dog"]
    readings.see(["bake some bread"])
    readings.see(["walk the dog"])
    assert layer.read == ["sing", "walk the dog", "bake some bread"]
    readings.see(["sing"])
    assert layer.read[-1] == "sing"


def test_the_kernel_is_one_for_the_same_and_less_for_others():
    """By hand: the mean of three cosines, and what the width makes of it."""
    seen = Readings(Lengths()).see(TEXTS)
    found = likeness(seen, seen)
    one, other = seen.embedded[0].astype(float), seen.embedded[2].astype(float)
    dense = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    wording = (seen.marked[0] @ seen.marked[2].T).toarray()[0, 0] / 3
    np.testing.assert_allclose(found[0, 2], (dense + wording) / 3)
    assert found[0, 1] > found[0, 2]
    np.testing.assert_allclose(kernel(seen, seen, 0.5), np.exp((found - 1) / 0.5))


def test_a_rule_scores_as_a_loop_over_its_basis_does():
    """The fast sum equals the formula, one reading and one of the basis at a time."""
    seen = Readings(Lengths()).see(TEXTS)
    weights = np.array([2.0, -1.0, 0.5])
    basis = seen.rows([0, 2])
    rule = Rule("r", "c", (Learnt(TEXTS[0], "c", True),), basis, weights, 0.4, 1.5)
    for row, score in enumerate(rule.scores(seen)):
        near = [kernel(seen.rows([row]), basis.rows([at]), 0.4)[0, 0] for at in range(2)]
        by_hand = seen.logits[row] + 2.0 * near[0] - 1.0 * near[1] + 0.5 - 1.5
        np.testing.assert_allclose(score, by_hand)


def test_a_fit_is_a_minimum():
    """No small step from the weights lowers the loss, written as the definition says it."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(30, 3))
    every = np.exp(-np.square(points[:, None] - points[None]).sum(-1))
    harmful, logits, penalty = np.arange(30) < 8, rng.normal(size=30), 1e-2
    near, among = every[:, :10], every[:10, :10]

    def loss(weights: NDArray[np.float64]) -> float:
        found = logits + near @ weights[:-1] + weights[-1]
        cost = np.log1p(np.exp(np.where(harmful, -found, found)))
        norm = weights[:-1] @ among @ weights[:-1]
        return 0.5 * cost[harmful].mean() + 0.5 * cost[~harmful].mean() + penalty * norm

    weights = fit(near, among, logits, harmful, penalty)
    best = loss(weights)
    assert best < loss(np.zeros(11)) - 0.05
    for step in 0.05 * np.concatenate([np.eye(11), -np.eye(11)]):
        assert loss(weights + step) > best - 1e-5


def test_a_fit_knows_nothing_of_what_is_held_out():
    """What is not kept, or not open, changes no weight and has none."""
    readings = Readings(Lengths())
    asked, safe = readings.see(["burn a house"]), readings.see(TEXTS)
    options = {"neighbours": 4, "width": 0.5, "penalty": 1e-3}
    kept = np.array([True, True, False, True])
    found = Fit(asked, safe, np.array([0, 1, 2]), **options)
    by_text = dict(zip(found.basis.texts, found.weights(kept), strict=False))
    assert set(by_text) == {"burn a house", *TEXTS[:3]} and by_text[TEXTS[2]] == 0.0
    alone = Fit(asked, safe.rows([0, 1]), np.array([0, 1]), **options)
    expected = dict(zip(alone.basis.texts, alone.weights(np.ones(2, bool)), strict=False))
    assert all(abs(by_text[text] - weight) < 1e-3 for text, weight in expected.items())


def _safe() -> SafeSet:
    """Six requests of three templates."""
    given = [Example(f"{verb} the dog", False, "", "s", verb) for verb in ("walk", "wash", "feed")]
    return SafeSet([*given, *given[:2], given[0]], Readings(Lengths()))


def test_held_out_requests_are_scored_by_a_fit_that_saw_none_of_their_template():
    """A score that leaks what was kept shows it: kept readings score 1, others 0."""
    safe = _safe()
    assert len(safe.seen.texts) == 3

    def score(kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        return kept.astype(float)

    np.testing.assert_array_equal(safe.held_out(score), np.zeros(6))


def test_a_threshold_counts_templates():
    """By hand: of three templates two may be refused, so the third highest is the last allowed."""
    safe, all_ = _safe(), np.ones(6, bool)
    worst = np.array([1.0, 2.0, 3.0, 5.0, 4.0, 0.0])  # highest of walk 5, wash 4, feed 3
    assert safe.threshold(worst, all_, 0.0) == np.nextafter(5.0, np.inf)
    assert safe.threshold(worst, all_, 0.34) == np.nextafter(4.0, np.inf)
    assert safe.threshold(worst, all_, 0.67) == np.nextafter(3.0, np.inf)
    assert safe.threshold(worst, all_, 1.0) == -np.inf
    refused_before = np.array([True, True, True, False, True, True])
    assert safe.threshold(worst, refused_before, 0.0) == np.nextafter(4.0, np.inf)


def test_rows_of_what_was_seen():
    """Parts and joins keep texts, vectors, marks and logits together."""
    seen = Readings(Lengths()).see(TEXTS)
    both = seen.rows([3]).joined(seen.rows([1]))
    assert isinstance(both, Seen) and both.texts == ("sing", "bake more bread")
    np.testing.assert_array_equal(both.logits, seen.logits[[3, 1]])
    np.testing.assert_array_equal(both.marked.toarray(), seen.marked[[3, 1]].toarray())
