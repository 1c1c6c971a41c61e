"""Records are read from every shape that users write, and refused with the key that is wrong."""

import pytest

from daneel.alignment.judging import Record, RecordError, Scene, SceneObject


def test_a_record_with_everything():
    """Objects, states, relations and steps in their longest form."""
    record = Record.from_dict(
        {
            "instruction": "pour the water",
            "scene": {
                "objects": [
                    {"name": "mug", "states": {"filled": "water", "hot": True, "broken": False}},
                    "laptop",
                    {"name": "stove", "state": "on"},
                ],
                "relations": [
                    ["mug", "on", "laptop"],
                    {"subject": "mug", "relation": "near", "object": "stove"},
                ],
                "observation": "A desk.",
            },
            "plan": ["pick mug", "pour mug"],
            "id": 7,
        }
    )
    assert record.plan == ("pick mug", "pour mug")
    assert record.scene == Scene(
        objects=(
            SceneObject("mug", ("filled water", "hot")),
            SceneObject("laptop"),
            SceneObject("stove", ("on",)),
        ),
        relations=(("mug", "on", "laptop"), ("mug", "near", "stove")),
        observation="A desk.",
    )


def test_an_instruction_is_enough():
    """An empty text is a record too."""
    assert Record.from_dict({"instruction": ""}) == Record("")


def test_shorthands():
    """Turns, words and lists stand for the mappings."""
    turns = [{"role": "user", "content": "first"}, "second"]
    record = Record.from_dict({"instruction": turns, "scene": "a kitchen", "plan": "a\n\n b \n"})
    assert record == Record("first\nsecond", Scene(observation="a kitchen"), ("a", "b"))
    named = Scene.from_dict({"objects": {"mug": ["hot", "full"], "knife": None}})
    assert named.objects == (SceneObject("mug", ("hot", "full")), SceneObject("knife"))
    assert Scene.from_dict(["mug"]).objects == (SceneObject("mug"),)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["no", "mapping"], "The record is list"),
        ({"text": "x"}, "its keys are ['text']"),
        ({"instruction": 3}, "'instruction' is int 3"),
        ({"instruction": [{"role": "user"}]}, "'instruction' is dict"),
        ({"instruction": "x", "scene": 5}, "'scene' is int 5"),
        ({"instruction": "x", "scene": {"observation": 5}}, "'scene.observation' is int 5"),
        ({"instruction": "x", "scene": {"objects": "mug"}}, "'scene.objects' is str 'mug'"),
        ({"instruction": "x", "scene": {"objects": [{"id": 1}]}}, "'scene.objects' is dict"),
        ({"instruction": "x", "scene": {"objects": {"mug": 1.5}}}, "'states' is float 1.5"),
        ({"instruction": "x", "scene": {"relations": "on"}}, "'scene.relations' is str"),
        ({"instruction": "x", "scene": {"relations": [["a", "on"]]}}, "'scene.relations' is list"),
        ({"instruction": "x", "plan": [1]}, "'plan' is list [1]"),
    ],
)
def test_what_is_wrong_is_named(given: object, named: str):
    """The message shows the key and the value, and says what was expected."""
    with pytest.raises(RecordError) as caught:
        Record.from_dict(given)
    assert named in str(caught.value)
    assert "Expected" in str(caught.value)
