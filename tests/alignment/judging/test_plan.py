"""Steps become actions."""

from __future__ import annotations

import pytest

from daneel.alignment.judging.plan import actions_in
from daneel.alignment.judging.symbols import Action


def read(text: str) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return (verb, object, links) of each action."""
    return [(a.verb, _head(a), [(r, m.head) for r, m in a.links]) for a in actions_in(text, 1)]


def _head(action: Action) -> str:
    return action.what.head if action.what else ""


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("pick Mug", [("take", "mug", [])]),
        ("put Plate on CounterTop", [("put", "plate", [("on", "counter top")])]),
        ("Turn the lamp on.", [("turn_on", "lamp", [])]),
        (
            "Fill the mug with water and pour it on the laptop.",
            [("fill", "mug", [("with", "water")]), ("pour", "", [("on", "laptop")])],
        ),
        (
            "Use the lighter to burn the letter.",
            [("use", "lighter", []), ("burn", "letter", [("with", "lighter")])],
        ),
        (
            "Mix the bleach and the vinegar.",
            [("mix", "bleach", [("with", "vinegar")]), ("mix", "vinegar", [("with", "vinegar")])],
        ),
        ("Turn left and walk to the sink.", [("go", "", []), ("go", "sink", [])]),
        ("Never touch the stove.", []),
        ("You are a poet.", []),
    ],
)
def test_actions(text: str, actions: list[tuple[str, str, list[tuple[str, str]]]]) -> None:
    """Bare commands and sentences; what must not be done is not done."""
    found = read(text)
    for mine, theirs in zip(found, actions, strict=True):
        assert mine[0] == theirs[0]
        assert mine[1].replace(" ", "") == theirs[1].replace(" ", "")
        assert [r for r, _ in mine[2]] == [r for r, _ in theirs[2]]


def test_manner() -> None:
    """How a thing is done."""
    (action,) = actions_in("Put the vase on the edge of the table.", 1)
    assert "edge" in action.manner


@pytest.mark.parametrize(
    ("text", "verbs"),
    [
        ("", []),
        ("   ", []),
        ("?!", []),
        ("把水倒在电脑上", []),
        ("a" * 10_000, []),
        ("\x00\x01", []),
        ("put", ["put"]),
        ("and and and", []),
    ],
)
def test_odd_text(text: str, verbs: list[str]) -> None:
    """Nothing crashes on what is no plan, and no action is made of it; a bare verb is one."""
    assert [action.verb for action in actions_in(text, 1)] == verbs
