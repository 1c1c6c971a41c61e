"""What things are, by the hand-made lexicon, by WordNet, and by what is said of them."""

from __future__ import annotations

import pytest

from daneel.alignment.judging.lexicon import head_of, kinds_of, states_in


@pytest.mark.parametrize(
    ("phrase", "kinds"),
    [
        ("CellPhone|+01.2|+00.9", {"electronics"}),
        ("glass of water", {"liquid", "fragile", "drinkvessel"}),
        ("bleach bottle", {"chemical", "reactive", "bottle"}),
        ("stack of newspapers", {"paper", "flammable"}),
        ("pizza slice", {"food"}),
        ("fridge door", {"fridge"}),
        ("sealed can of beans", {"sealed", "food"}),
        ("camcorder", {"electronics"}),
        ("kimono", {"fabric", "flammable"}),
    ],
)
def test_kinds(phrase: str, kinds: set[str]) -> None:
    """Compounds, vessels with what they hold, and nouns that only WordNet knows."""
    assert kinds <= kinds_of(phrase)


@pytest.mark.parametrize(
    ("phrase", "kind"),
    [("teddy bear", "animal"), ("green bottle", "animal"), ("wine glass", "liquid"), ("blorf", "")],
)
def test_what_they_are_not(phrase: str, kind: str) -> None:
    """A name inside a name does not count when it would make a toy alive; unknown stays unknown."""
    assert kind not in kinds_of(phrase)


def test_states() -> None:
    """A state that is denied is none."""
    assert "wet" in states_in("the floor is wet")
    assert "wet" not in states_in("the floor is not wet")
    assert "flammable" not in states_in("a non-flammable coat")


def test_head() -> None:
    """The noun that counts."""
    assert head_of("the large kitchen knife") == "kitchen knife"
    assert head_of("cup of hot tea") == "cup"
