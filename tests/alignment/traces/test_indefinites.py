"""Somebody, nobody, only one, all but one, one of the two."""

from __future__ import annotations

import pytest

from tests.alignment.traces.judged import clash, fit

pytest.importorskip("z3", reason="z3 is not installed (extra verify)")


def test_only_one_and_all_but_one() -> None:
    """Only one, and all but one."""
    assert clash("Only Kay has the code.", "Jo has the code.")
    assert clash("Everyone but Ian passed.", "Jo did not pass.", "Jo is tired.")
    assert clash("Everyone but Ian passed.", "Ian passed.")
    assert not clash("Everyone but Ian passed.", "Jo passed.", "Ian failed.")


def test_nobody_and_somebody() -> None:
    """Nobody, and somebody."""
    assert clash("Nobody is tired.", "Ann is tired.")
    assert clash("Someone is tired.", "Nobody is tired.")
    assert not clash("Someone is tired.", "Ann is thirsty.")


def test_one_of_two_counts_when_both_are_named() -> None:
    """`One of the two` is filled in when both are named, and claims nothing before."""
    one = "Exactly one of the two lamps is on."
    assert clash(one, "Lamp 1 is on.", "Lamp 2 is on.")
    assert not clash(one, "Lamp 1 is on.", "Lamp 2 is off.")
    assert not clash(one, "Lamp 1 is off.")


def test_what_somebody_does_changes_the_thing() -> None:
    """Somebody switches the heater on: it is on, whoever it was."""
    assert clash("The heater is off.", "Somebody turns on the heater.", "The heater is still off.")
    assert fit("The heater is off.", "Somebody turns on the heater.", "The heater is on.")
    assert clash("The door is open.", "Someone closes the door.", "The door is open.")
