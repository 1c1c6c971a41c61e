"""Wording: telegrams."""

from __future__ import annotations

import pytest

from daneel.alignment.traces.wording import is_telegram, rewritten

READ = [
    ("lamp off", "the lamp is off"),
    ("pump - running", "the pump is running"),
    ("valve status: closed", "the valve is closed"),
    ("load: 3 kg", "the load is 3 kg"),
    ("inlet pressure 4 bar", "the pressure of inlet is 4 bar"),
    ("cup on the shelf", "the cup is on the shelf"),
    ("rod: 3 cm longer than the beam", "the rod is 3 cm longer than the beam"),
    ("roughly 40 nuts are left", "about 40 nuts are left"),
]
LEFT = [
    "the ant walks on the shelf",
    "ann sold 4 nuts",
    "the robot goes to room 4",
    "neither on the shelf",
    "more heavier than the rod",
]


@pytest.mark.parametrize(("said", "meant"), READ)
def test_it_is_read_in_the_words_of_the_rules(said: str, meant: str) -> None:
    """A thing and its state become a sentence."""
    assert rewritten(said) == meant


@pytest.mark.parametrize("said", LEFT)
def test_what_says_something_else_stays_as_it_is(said: str) -> None:
    """A text with a verb of its own stays."""
    assert rewritten(said) == said


def test_a_telegram_is_a_thing_and_its_state_alone() -> None:
    """A telegram is a thing and its state, with no verb."""
    assert is_telegram("lights off") and is_telegram("alarm: armed")
    assert is_telegram("the back door not locked")
    assert not is_telegram("the guard walks open") and not is_telegram("lights")
    assert not is_telegram("ann is off")
