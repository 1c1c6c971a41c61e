"""Wording: suppositions."""

from __future__ import annotations

import pytest

from daneel.alignment.traces.wording import rewritten

READ = [
    ("were the valve open, the bell would ring", "if the valve is open, the bell ring"),
    ("had it failed, the bell would have rung", "if it failed, the bell have rung"),
    (
        "if the tank had not leaked, the floor would be dry",
        "if the tank did not leaked, the floor is dry",
    ),
    ("the pump would not be wet", "the pump is not wet"),
    ("the gate will be shut", "the gate is shut"),
    ("the gate will not close", "the gate does not close"),
]
LEFT = [
    "the gate was shut",
    "ann had a hat",
    "the valves were open",
]


@pytest.mark.parametrize(("said", "meant"), READ)
def test_it_is_read_in_the_words_of_the_rules(said: str, meant: str) -> None:
    """What would be is written as what is, under its condition."""
    assert rewritten(said) == meant


@pytest.mark.parametrize("said", LEFT)
def test_what_says_something_else_stays_as_it_is(said: str) -> None:
    """What is said of the past stays."""
    assert rewritten(said) == said
