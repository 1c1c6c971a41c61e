"""Wording: voice."""

from __future__ import annotations

import pytest

from daneel.alignment.traces.wording import rewritten

READ = [
    ("the safe was opened by ann", "ann opened the safe"),
    ("the safe was not opened by ann", "ann did not opened the safe"),
    ("ben received the key from ann", "ann gave the key to ben"),
    ("ann is the wife of ben", "ann is married to ben"),
    ("ann and ben are neighbours", "ann is a neighbour of ben"),
    ("on the table is the cup", "the cup is on the table"),
    ("the cup can be found in the sink", "the cup is in the sink"),
    ("not open is the gate", "the gate is not open"),
]
LEFT = [
    "the safe was opened by noon",
    "the safe was opened",
    "ben got up",
]


@pytest.mark.parametrize(("said", "meant"), READ)
def test_it_is_read_in_the_words_of_the_rules(said: str, meant: str) -> None:
    """Who did what to whom, from the side of who did it."""
    assert rewritten(said) == meant


@pytest.mark.parametrize("said", LEFT)
def test_what_says_something_else_stays_as_it_is(said: str) -> None:
    """A place or a time does nothing."""
    assert rewritten(said) == said
