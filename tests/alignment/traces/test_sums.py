"""Sums and equations in words."""

from __future__ import annotations

import pytest

from tests.alignment.traces.judged import clash, fit

pytest.importorskip("z3", reason="z3 is not installed (extra verify)")


def test_sums_and_equations_in_words() -> None:
    """Sums and equations in words."""
    assert clash("The sum of n and m is 9.", "n is 4.", "m is 6.")
    assert fit("The sum of n and m is 9.", "n is 4.", "m is 5.")
    assert clash("2 n + m equals 9.", "n is 4.", "m is 2.")
    assert fit("2 n + m equals 9.", "n is 4.", "m is 1.")
