"""A step of a trace cut into claims."""

from __future__ import annotations

import pytest

from daneel.alignment.traces import cutting


def test_sentences_end_at_full_stops_only() -> None:
    """Sentences end at full stops and semicolons, not in numbers or titles."""
    assert cutting.sentences("Step 2: It is 3.5 m long; Dr. No left. So what") == [
        "It is 3.5 m long", "Dr No left", "So what",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("the bell rings, so the gate is open", ["the bell rings", "the gate is open"]),
        ("since it is hot, the ice melts", ["it is hot", "the ice melts"]),
        ("the hat is red, not blue", ["the hat is red", "the hat is not blue"]),
        ("alarm armed, lights off", ["alarm armed", "lights off"]),
        ("hold on", []),
        ("if it is hot, the ice melts", ["if it is hot, the ice melts"]),
        ("ann, ben and kim left", ["ann, ben and kim left"]),
    ],
)
def test_one_sentence_may_claim_several_things(text: str, claims: list[str]) -> None:
    """One sentence may claim several things; a condition claims none of its parts."""
    assert cutting.claims(text) == claims


def test_a_thing_with_a_code_is_what_it_is_called() -> None:
    """`valve v3 is shut`: v3 is a valve, and is shut."""
    assert cutting.coded("valve v3 is shut") == ["v3 is a valve", "v3 is shut"]
    assert cutting.coded("half of the 40 seats are free") == [
        "there are 40 seats", "half of the seats are free",
    ]  # fmt: skip
    assert cutting.coded("the gate is shut") == ["the gate is shut"]


def test_a_letter_that_is_a_name_is_no_article() -> None:
    """A letter that is a name is no article."""
    assert cutting.lettered("A is older than B") == "Aa is older than B"
    assert cutting.lettered("A guard is older than B") == "A guard is older than B"


def test_names_are_what_is_written_with_a_capital() -> None:
    """Names are what is written with a capital, save where it only begins a sentence."""
    assert cutting.proper_words("The guard saw Kim.\nEvery guard saw Oslo") == {"kim", "oslo"}


def test_first_and_then_are_an_order() -> None:
    """First and then are an order; a sentence between them ends it."""
    assert cutting.ordered(None, "first wash it", "first wash it") == (None, "wash it")
    assert cutting.ordered("wash it", "then dry it", "dry it") == (
        "wash it before dry it", "dry it",
    )  # fmt: skip
    assert cutting.ordered("wash it", "it is wet", "it is wet") == (None, None)
    assert cutting.ordered(None, "then dry it", "dry it") == (None, None)


def test_the_time_of_the_day_is_dropped_where_things_are() -> None:
    """The time of the day is dropped where things are, and kept where things happen."""
    assert cutting.timeless("at noon the cup was in the sink") == "the cup was in the sink"
    assert cutting.timeless("the bus left at noon") == "the bus left at noon"
    assert cutting.moments("at noon, and again at noon, and at 3 pm") == 2
