"""Who says what, who is right, and who it was."""

from __future__ import annotations

import pytest

from tests.alignment.traces.judged import clash, fit

pytest.importorskip("z3", reason="z3 is not installed (extra verify)")


def test_what_somebody_says_counts_once_it_is_said_whether_it_is_true() -> None:
    """What somebody says counts once it is said whether it is true."""
    told = ["Lea says the shop is closed.", "The shop is open."]
    assert clash(*told, "Lea is right.") and clash(*told, "Lea is not lying.")
    assert fit(*told) and fit(*told, "Lea is wrong.")


def test_an_instrument_is_no_witness() -> None:
    """What an instrument or a report says is so."""
    assert clash("The report says that the shop is closed.", "The shop is open.")


def test_a_letter_is_a_statement() -> None:
    """A letter is a statement."""
    assert clash("If p then q.", "p", "not q") and fit("If p then q.", "not p", "q is true")
