"""Entries of several modalities in one store, with encoders whose space is known by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from daneel.errors import UnknownNameError
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.multimodal import CrossModalMemory

THINGS = ("cup", "lamp", "door", "chair")


def words(items: Sequence[str]) -> np.ndarray:
    """A word is the axis of its thing."""
    return np.eye(4)[[THINGS.index(item) for item in items]]


def pictures(items: Sequence[np.ndarray]) -> np.ndarray:
    """A picture is four brightnesses, a little off the axes."""
    return np.stack(list(items)) + 0.05


def tones(items: Sequence[int]) -> list[list[float]]:
    """A tone is the number of its thing; an encoder may return plain lists."""
    return [[float(at == item) - 0.05 for at in range(4)] for item in items]


@pytest.fixture
def memory() -> Iterator[CrossModalMemory]:
    """Four things in each of three modalities."""
    with InMemoryStore(4) as store:
        made = CrossModalMemory(store, {"text": words, "image": pictures, "audio": tones}, batch=2)
        ids = list("abcd")
        made.add("text", ids, THINGS, [{"room": "hall"}] * 2 + [{"room": "attic"}] * 2)
        made.add("image", ids, list(np.eye(4)))
        made.add("audio", ids, range(4))
        yield made


def test_the_same_id_may_be_used_in_each_modality(memory: CrossModalMemory) -> None:
    """Ids are the callers' own."""
    assert len(memory) == 12
    for modality in ("text", "image", "audio"):
        rows = memory.get(modality, ["d", "a", "z"])
        assert rows.ids == ["d", "a"]
        assert [entry["modality"] for entry in rows.metadata] == [modality] * 2


@pytest.mark.parametrize(
    ("asked", "items"),
    [("text", THINGS), ("image", list(np.eye(4))), ("audio", [0, 1, 2, 3])],
)
@pytest.mark.parametrize("among", ["text", "image", "audio"])
def test_each_modality_finds_each(
    memory: CrossModalMemory, asked: str, items: Sequence[object], among: str
) -> None:
    """In all nine directions."""
    hits = memory.search(asked, items, 1, among=[among])
    assert hits.ids[:, 0].tolist() == list("abcd")
    assert [row[0] and row[0]["modality"] for row in hits.metadata] == [among] * 4


def test_a_query_without_a_choice_finds_all_modalities(memory: CrossModalMemory) -> None:
    """One collection."""
    hits = memory.search("text", ["lamp"], 3)
    assert hits.ids[0].tolist() == ["b"] * 3
    assert {row["modality"] for row in hits.metadata[0] if row} == {"text", "image", "audio"}


def test_other_conditions_hold_too(memory: CrossModalMemory) -> None:
    """Modality and metadata together."""
    hits = memory.search("image", [np.eye(4)[0]], 4, among=["text"], where={"room": "attic"})
    assert [found for found in hits.ids[0] if found] == ["c", "d"]
    assert hits.ids[0, 2:].tolist() == [None, None]


def test_ids_may_hold_the_separator(memory: CrossModalMemory) -> None:
    """Only the modality's name may not."""
    memory.add("text", ["kitchen:1"], ["cup"])
    assert "kitchen:1" in memory.search("text", ["cup"], 9).ids[0].tolist()


def test_adding_replaces_and_deleting_removes_in_one_modality(memory: CrossModalMemory) -> None:
    """The other modalities keep theirs."""
    memory.add("text", ["a"], ["door"])
    assert memory.get("text", ["a"]).vectors.argmax() == 2
    assert memory.get("image", ["a"]).vectors.argmax() == 0
    assert memory.delete("text", ["a", "z"]) == 1
    assert len(memory) == 11


def test_a_call_is_stored_whole_or_not_at_all(memory: CrossModalMemory) -> None:
    """The last item of the second batch is no word: nothing of the first batch stays."""
    with pytest.raises(ValueError, match="not in tuple"):
        memory.add("text", ["e", "f", "g"], ["cup", "lamp", "spoon"])
    assert len(memory) == 12


def test_bad_input_says_what_was_expected(memory: CrossModalMemory) -> None:
    """Every refusal names the value seen."""
    with pytest.raises(UnknownNameError, match=r"'images'\. Nearest: image"):
        memory.search("images", [np.eye(4)[0]], 1)
    with pytest.raises(UnknownNameError, match="Unknown modality 'txt'"):
        memory.search("text", ["cup"], 1, among=["txt"])
    with pytest.raises(UnknownNameError, match="Unknown modality 'smell'"):
        memory.delete("smell", ["a"])
    with pytest.raises(ValueError, match="Expected a list"):
        memory.search("text", ["cup"], 1, among="text")
    with pytest.raises(ValueError, match="both ask for the modality"):
        memory.search("text", ["cup"], 1, among=["text"], where={"modality": "image"})
    with pytest.raises(ValueError, match="2 ids for 1 items"):
        memory.add("text", ["e", "f"], ["cup"])
    with pytest.raises(ValueError, match="field 'modality'"):
        memory.add("text", ["e"], ["cup"], [{"modality": "song"}])
    with pytest.raises(ValueError, match="encoders are named"):
        CrossModalMemory(memory.store, {"a:b": words})
    with pytest.raises(ValueError, match="encoders are named"):
        CrossModalMemory(memory.store, {})
    with pytest.raises(ValueError, match="batch is 0"):
        CrossModalMemory(memory.store, {"text": words}, batch=0)


def test_an_encoder_that_does_not_fit_is_named(memory: CrossModalMemory) -> None:
    """Nothing of it is stored."""
    memory.encoders["text"] = lambda items: np.ones((len(items), 5))
    with pytest.raises(ValueError, match=r"output of the text encoder has shape \(1, 5\)"):
        memory.add("text", ["e"], ["cup"])
    memory.encoders["text"] = lambda items: np.ones((len(items) + 1, 4))
    with pytest.raises(ValueError, match="gave 2 vectors for 1 items"):
        memory.add("text", ["e"], ["cup"])
    memory.encoders["text"] = lambda items: np.full((len(items), 4), np.nan)
    with pytest.raises(ValueError, match="NaN"):
        memory.add("text", ["e"], ["cup"])
    assert len(memory) == 12
