"""Wording: modality."""

from __future__ import annotations

import pytest

from daneel.alignment.traces.wording import rewritten

READ = [
    ("it is impossible for the gate to open", "it is not the case that the gate to open"),
    ("it can not be that ann left", "it is not the case that ann left"),
    ("the claim that ann left is false", "it is not the case that ann left"),
    ("the claim that ann left was confirmed", "ann left"),
    ("the pump was unable to start", "the pump can not start"),
    ("the pump was not able to start", "the pump can not start"),
    ("ann failed to come", "ann did not come"),
    ("ann is required to pay", "ann is obliged to pay"),
    ("ann must pay", "ann is obliged to pay"),
    (
        "the gate and the hatch can not both be open",
        "it is not the case that the gate is open and the hatch is open",
    ),
]
LEFT = [
    "the test must happen before the launch",
    "ann can pay",
    "the pump is able",
]


@pytest.mark.parametrize(("said", "meant"), READ)
def test_it_is_read_in_the_words_of_the_rules(said: str, meant: str) -> None:
    """Denials and duties have one form each."""
    assert rewritten(said) == meant


@pytest.mark.parametrize("said", LEFT)
def test_what_says_something_else_stays_as_it_is(said: str) -> None:
    """What happens in an order is no duty."""
    assert rewritten(said) == said
