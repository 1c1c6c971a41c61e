"""Wording: what is said in other words is read in those of the rules; the rest stays."""

from __future__ import annotations

import pytest

from daneel.alignment.traces.wording import rewritten
from tests.alignment.traces.wording import (
    clefts,
    conditions,
    contractions,
    existence,
    first_person,
    measures,
    modality,
    openers,
    owning,
    quantities,
    states,
    suppositions,
    voice,
)

TABLES = (
    clefts,
    conditions,
    contractions,
    existence,
    first_person,
    measures,
    modality,
    openers,
    owning,
    quantities,
    states,
    suppositions,
    voice,
)
READ = [pair for table in TABLES for pair in table.READ]
LEFT = [said for table in TABLES for said in table.LEFT]


@pytest.mark.parametrize(("said", "meant"), READ)
def test_it_is_read_in_the_words_of_the_rules(said: str, meant: str) -> None:
    """Every table's `READ`."""
    assert rewritten(said) == meant


@pytest.mark.parametrize("said", LEFT)
def test_what_says_something_else_stays_as_it_is(said: str) -> None:
    """Every table's `LEFT`."""
    assert rewritten(said) == said
