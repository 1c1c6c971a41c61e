"""Who holds, takes, drops and gives what."""

from __future__ import annotations

import pytest

from tests.alignment.traces.judged import clash, fit

pytest.importorskip("z3", reason="z3 is not installed (extra verify)")


def test_what_one_takes_is_where_one_goes() -> None:
    """What one takes is where one goes."""
    walk = ["Daniel picks up the ball.", "Daniel goes to the hall."]
    assert clash(*walk, "The ball is in the garden.") and fit(*walk, "The ball is in the hall.")
    dropped = ["Daniel drops the ball.", "Daniel goes to the garden."]
    assert clash(*walk, *dropped, "The ball is in the garden.")


def test_a_thing_has_one_owner() -> None:
    """What was given away is with the other."""
    assert clash("Ann gives the key to Ben.", "Ann has the key.")
    assert fit("Ann has the key.", "Ann gives the key to Ben.", "Ben has the key.")


def test_who_holds_something_is_not_empty() -> None:
    """Who holds something is not empty."""
    assert clash("The gripper is holding a cup.", "The gripper is empty.")
    assert clash("To open the safe you need a key.", "Ann can open the safe.", "Ann has no key.")


def test_what_is_carried_somewhere_has_moved() -> None:
    """To carry the drill to the workshop is an event; to have the key to the workshop is none."""
    assert clash(
        "The drill is in the attic.",
        "The robot carries the drill to the workshop.",
        "The drill is in the attic.",
    )
    assert fit("Ann has the key to the workshop.", "Ben carries the lamp.")
