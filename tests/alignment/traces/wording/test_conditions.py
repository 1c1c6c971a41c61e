"""Wording: conditions."""

from __future__ import annotations

import pytest

from daneel.alignment.traces.wording import rewritten

READ = [
    ("the bell rings so long as the gate is open", "the bell rings if the gate is open"),
    ("except if it rains, ann comes", "unless the rain is falling, ann comes"),
    ("without power, the pump stops", "if there is no power, the pump stops"),
    ("smoke triggers the alarm", "smoke implies the alarm"),
    ("it is not raining", "the rain is not falling"),
    ("it was snowing", "the snow is falling"),
    ("it snowed", "the snow is falling"),
    ("it did not rain", "the rain is not falling"),
    ("nobody can enter without a badge", "to enter you need a badge"),
    ("a key is needed to open the safe", "to open the safe you need a key"),
]
LEFT = [
    "the rain is falling",
    "ann comes if ben comes",
    "a train is late",
]


@pytest.mark.parametrize(("said", "meant"), READ)
def test_it_is_read_in_the_words_of_the_rules(said: str, meant: str) -> None:
    """Conditions in other words, needs and the weather."""
    assert rewritten(said) == meant


@pytest.mark.parametrize("said", LEFT)
def test_what_says_something_else_stays_as_it_is(said: str) -> None:
    """A sentence without a condition stays."""
    assert rewritten(said) == said
