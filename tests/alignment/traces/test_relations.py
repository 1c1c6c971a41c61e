"""Attributes with one value, relations that run both ways, the active voice."""

from __future__ import annotations

import pytest

from tests.alignment.traces.judged import clash

pytest.importorskip("z3", reason="z3 is not installed (extra verify)")


def test_a_definite_attribute_has_one_value() -> None:
    """A definite attribute has one value, an indefinite one may have more."""
    assert clash("The capital of Norway is Oslo.", "Bergen is the capital of Norway.")
    assert clash("Ivy is Jon's mother.", "Mia is Jon's mother.")
    assert not clash("Ivy is Jon's sister.", "Mia is Jon's sister.")
    assert not clash("One part of Norway is Oslo.", "One part of Norway is Bergen.")


def test_a_marriage_is_that_of_both() -> None:
    """A marriage is that of both."""
    assert clash("Ann is married to Ben.", "Ben is not married to Ann.")


def test_what_somebody_mended_was_mended() -> None:
    """The active voice also says the passive."""
    assert clash("Ann replaced the fuse.", "The fuse was not replaced.")
    assert not clash("Ann replaced the fuse.", "The lamp was not replaced.")
