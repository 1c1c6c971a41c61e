"""First and last, tallest and oldest, and what is between two others."""

from __future__ import annotations

import pytest

from tests.alignment.traces.judged import clash, fit

pytest.importorskip("z3", reason="z3 is not installed (extra verify)")


def test_nobody_is_above_the_first() -> None:
    """Nobody is above the first."""
    assert clash("Kim is the tallest.", "Lee is taller than Kim.")
    assert clash("Kim is the second oldest.", "Kim is older than Lee.", "Kim is older than Moe.")
    assert not clash("Kim is the tallest.", "Lee is older than Kim.")


def test_who_came_last_came_before_nobody() -> None:
    """Who came last came before nobody."""
    assert clash("Lee arrived last.", "Lee arrived before Kim.")
    assert not clash("Lee arrived last.", "Kim arrived before Lee.")


def test_between_is_left_of_one_and_right_of_the_other() -> None:
    """Between is left of one and right of the other."""
    row = ["The cup is between the jug and the pot.", "The cup is left of the jug."]
    assert clash(*row, "The cup is left of the pot.") and fit(*row, "The pot is left of the cup.")
