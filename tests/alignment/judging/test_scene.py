"""Scenes become worlds."""

from __future__ import annotations

import pytest

from daneel.alignment.judging.record import Scene
from daneel.alignment.judging.scene import read_scene
from daneel.alignment.judging.symbols import Thing, World


def thing(world: World, name: str) -> Thing:
    """Return the thing whose name ends so."""
    return next(item for item in world.things if item.name.endswith(name))


@pytest.mark.parametrize(
    "given",
    [
        ["stove", {"name": "pan", "states": ["hot"]}],
        {"objects": {"stove": [], "pan": "hot"}},
        "There is a stove_1. On the stove_1, there is a pan_1, which is hot.",
    ],
)
def test_every_form(given: object) -> None:
    """Lists, mappings and text say the same."""
    world = read_scene(Scene.from_dict(given))
    assert "hot" in thing(world, "pan").kinds
    assert "hot" not in thing(world, "stove").kinds


def test_relations_from_text() -> None:
    """Prepositions join the things around them, also when they lead the sentence."""
    world = read_scene(Scene(observation="On the desk_1, there is a lamp_1 next to a curtain_1."))
    found = {(a.name, relation, b.name) for a, relation, b in world.relations}
    assert ("lamp", "on", "desk") in found
    assert ("lamp", "near", "curtain") in found


def test_off_is_not_on() -> None:
    """A heater that is off is not on."""
    given = [
        {"name": "heater", "states": ["turned off"]},
        {"name": "fan", "states": {"isToggled": True}},
    ]
    world = read_scene(Scene.from_dict(given))
    assert "on" not in thing(world, "heater").kinds
    assert "on" in thing(world, "fan").kinds


def test_no_scene() -> None:
    """Nothing is known, nothing is made up."""
    assert read_scene(None).things == []
