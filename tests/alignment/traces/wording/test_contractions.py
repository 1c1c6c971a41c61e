"""Wording: contractions."""

from __future__ import annotations

import pytest

from daneel.alignment.traces.wording import rewritten

READ = [
    ("the lamp can't ring", "the lamp can not ring"),
    ("it's not broken", "it is not broken"),
    ("the door's open", "the door is open"),
    ("they're late", "they are late"),
    ("the bell won't ring", "the bell does not ring"),
]
LEFT = [
    "ann's hat is red",
    "the captain's log is wet",
    "the cant of the roof is steep",
]


@pytest.mark.parametrize(("said", "meant"), READ)
def test_it_is_read_in_the_words_of_the_rules(said: str, meant: str) -> None:
    """What is written short is written in full."""
    assert rewritten(said) == meant


@pytest.mark.parametrize("said", LEFT)
def test_what_says_something_else_stays_as_it_is(said: str) -> None:
    """A possessive stays."""
    assert rewritten(said) == said
