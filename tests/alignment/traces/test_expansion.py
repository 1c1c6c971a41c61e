"""Quantified sentences filled in for the things of a trace."""

from __future__ import annotations

import pytest

from tests.alignment.traces.judged import clash, fit

pytest.importorskip("z3", reason="z3 is not installed (extra verify)")


def test_what_holds_of_everything_holds_of_what_is_named() -> None:
    """What holds of everything holds of what is named, and of the named only."""
    assert clash("Every sensor is new.", "Sensor 7 is not new.")
    assert not clash("Every sensor is new.", "Lamp 7 is not new.")


def test_some_has_a_witness_of_which_all_rules_hold() -> None:
    """`Some` has a witness without a name, of which all rules hold."""
    assert clash("Some cats are black.", "All cats are animals.", "No animals are black.")
    assert fit("Some cats are black.", "Some cats are not black.")


def test_the_denial_of_all_is_that_one_is_not() -> None:
    """The denial of all is that one is not."""
    assert clash("Not every bird can fly.", "All birds can fly.")
    assert not clash("Not every bird can fly.", "Tweety is a bird.", "Tweety can fly.")
