"""Wording: clefts."""

from __future__ import annotations

import pytest

from daneel.alignment.traces.wording import rewritten

READ = [
    ("it was ann who opened the safe", "ann opened the safe"),
    ("it was not ann who opened the safe", "it is not the case that ann opened the safe"),
    ("both of them, ann and ben, left", "ann and ben left"),
    ("the pump no longer works", "the pump does not works"),
    ("the bell only rings if the gate opens", "the bell rings only if the gate opens"),
    ("ben is not one of the pilots", "ben is not a pilot"),
    ("of the three, ann is old", "ann is old"),
    ("ann quickly opened the safe", "ann opened the safe"),
]
LEFT = [
    "it is true that the gate is open",
    "it is not the case that the gate is open",
    "first ann opened the safe",
]


@pytest.mark.parametrize(("said", "meant"), READ)
def test_it_is_read_in_the_words_of_the_rules(said: str, meant: str) -> None:
    """Words out of their place go where the rules look for them."""
    assert rewritten(said) == meant


@pytest.mark.parametrize("said", LEFT)
def test_what_says_something_else_stays_as_it_is(said: str) -> None:
    """Plain denials stay."""
    assert rewritten(said) == said
