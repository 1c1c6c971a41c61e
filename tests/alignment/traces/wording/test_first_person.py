"""Wording: first person."""

from __future__ import annotations

import pytest

from daneel.alignment.traces.wording import rewritten

READ = [
    ("i am in the kitchen", "the robot is in the kitchen"),
    ("we carry the box to the hall", "the robot carries the box to the hall"),
    ("i push the cart", "the robot pushes the cart"),
    ("my gripper is holding nothing", "the robot is empty"),
    ("i have the key", "the robot has the key"),
]
LEFT = [
    "you are in the hall",
    "ivy is in the kitchen",
    "the men push the cart",
]


@pytest.mark.parametrize(("said", "meant"), READ)
def test_it_is_read_in_the_words_of_the_rules(said: str, meant: str) -> None:
    """Whoever says I is the robot."""
    assert rewritten(said) == meant


@pytest.mark.parametrize("said", LEFT)
def test_what_says_something_else_stays_as_it_is(said: str) -> None:
    """Others who do the same are not."""
    assert rewritten(said) == said
