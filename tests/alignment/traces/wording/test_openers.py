"""Wording: openers."""

from __future__ import annotations

import pytest

from daneel.alignment.traces.wording import rewritten

READ = [
    ("okay, so the gate is open", "the gate is open"),
    ("conclusion: the gate is open", "the gate is open"),
    ("i think that the gate is open", "the gate is open"),
    ("the note says that the gate is open", "the gate is open"),
    ("the gate is open, of course", "the gate is open"),
    ("the gate (made of oak) is open", "the gate is open"),
    ("fact 3: wait, clearly the gate is open again", "the gate is open"),
]
LEFT = [
    "right is left of the gate",
    "a result is open",
    "f(x + 1) is open",
]


@pytest.mark.parametrize(("said", "meant"), READ)
def test_it_is_read_in_the_words_of_the_rules(said: str, meant: str) -> None:
    """What surrounds a sentence goes."""
    assert rewritten(said) == meant


@pytest.mark.parametrize("said", LEFT)
def test_what_says_something_else_stays_as_it_is(said: str) -> None:
    """A sentence that begins alike stays."""
    assert rewritten(said) == said
