"""Parts of a whole: so many of them, a share, the rest, so many in each."""

from __future__ import annotations

import pytest

from tests.alignment.traces.judged import clash, fit

pytest.importorskip("z3", reason="z3 is not installed (extra verify)")


def test_parts_and_the_rest_make_the_whole() -> None:
    """Parts and the rest make the whole."""
    pupils = ["There are 30 pupils.", "18 of them are girls.", "The rest are boys."]
    assert clash(*pupils, "There are 13 boys.") and not clash(*pupils, "There are 12 boys.")
    assert clash("There are 30 pupils.", "31 of them are girls.")


def test_a_share_of_the_whole() -> None:
    """A share of the whole."""
    seats = ["There are 40 seats.", "Half of the seats are taken."]
    assert clash(*seats, "25 seats are taken.") and not clash(*seats, "20 seats are taken.")


def test_so_many_in_each_and_in_total() -> None:
    """So many in each, and in total."""
    eggs = ["There are 4 boxes.", "Each box holds 6 eggs."]
    assert clash(*eggs, "There are 25 eggs in total.") and fit(*eggs, "There are 24 eggs in total.")
