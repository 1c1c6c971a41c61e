"""Wording: owning."""

from __future__ import annotations

import pytest

from daneel.alignment.traces.wording import rewritten

READ = [
    ("ann owns the cart", "ann has the cart"),
    ("ann is in possession of a cart", "ann has a cart"),
    ("ann has got a cart", "ann has a cart"),
    ("ann ended up with 3 nuts", "ann has 3 nuts"),
    ("ann started with 3 nuts", "ann had 3 nuts"),
    ("ann scored 3 points", "ann has 3 points"),
    ("ann baked 2 more pies than ben", "ann has 2 more pies than ben"),
    ("ann and ben own a cart", "ann and ben have a cart"),
]
LEFT = [
    "ann baked 2 pies",
    "ann got a cart",
]


@pytest.mark.parametrize(("said", "meant"), READ)
def test_it_is_read_in_the_words_of_the_rules(said: str, meant: str) -> None:
    """Who has what, in one form."""
    assert rewritten(said) == meant


@pytest.mark.parametrize("said", LEFT)
def test_what_says_something_else_stays_as_it_is(said: str) -> None:
    """Doing something else with it is not having it."""
    assert rewritten(said) == said
