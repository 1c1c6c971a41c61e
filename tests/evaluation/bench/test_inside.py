"""The bench that looks inside: its generators say what z3 says, its language is what it claims."""

from __future__ import annotations

import random

import pytest
import torch

from daneel.evaluation.bench import inside_fourth, inside_third
from daneel.evaluation.bench.inside_fresh import WORLDS, generate, satisfiable
from daneel.evaluation.bench.inside_language import LENGTH, beginnings, language, texts, write
from daneel.evaluation.bench.inside_policy import controller, returns
from daneel.evaluation.bench.inside_trained import recall_batch

z3 = pytest.importorskip("z3", reason="z3 is not installed (extra verify)")


@pytest.mark.parametrize("makes", [WORLDS, inside_third.WORLDS, inside_fourth.WORLDS], ids=len)
def test_every_world_has_claims_that_fit_and_claims_that_do_not(makes) -> None:
    """Over some seeds; and what is said first always fits."""
    for make in makes:
        found = set()
        for seed in range(12):
            world = make(random.Random(seed), z3)
            assert satisfiable(z3, world.premises)
            found |= {satisfiable(z3, [*world.premises, claim]) for claim in world.claims}
        assert found == {True, False}, make.__name__


def test_a_trace_is_the_same_for_a_seed_and_names_its_contradiction() -> None:
    """A trace is the same for a seed and names its contradiction."""
    trace = generate(3, True, inside_third.WORLDS, inside_third.IDLE)
    assert trace == generate(3, True, inside_third.WORLDS, inside_third.IDLE)
    assert trace.against is not None and 0 < trace.against < len(trace.steps) - 1
    assert trace.steps[0] in inside_third.IDLE and trace.steps[-1] in inside_third.IDLE
    assert generate(3, False).against is None


def test_texts_hold_facts_and_leave_one_out() -> None:
    """Texts hold facts and leave one out."""
    spoken, rng = language(0), random.Random(0)
    assert texts(spoken, rng, 3).shape == (3, LENGTH)
    fact = spoken.fact(7, 1, 0)
    wanted = [*fact.prompt[1:], *fact.target]
    said = [write(spoken, random.Random(i)) for i in range(3000)]
    kept = [write(spoken, random.Random(i), without=(7, 1)) for i in range(3000)]

    def holds(text: list[int]) -> bool:
        return any(text[i : i + len(wanted)] == wanted for i in range(len(text)))

    assert any(map(holds, said)) and not any(map(holds, kept))
    assert all(text[0] == 0 and len(text) < 20 for text in beginnings(spoken, rng, 5))


def test_the_controller_swings_the_pendulum_up() -> None:
    """Far better than no torque, and an attack of no size costs nothing."""
    idle = returns(lambda seen: torch.zeros(len(seen), 1), 16, 0, False)
    assert float(returns(controller, 16, 0, False).min()) > -450
    assert float(idle.mean()) < -900


def test_what_is_asked_stands_in_its_slot() -> None:
    """What is asked stands in its slot."""
    x, value, asked = recall_batch(5, torch.Generator().manual_seed(0))
    for row in range(5):
        pair = x[row, 4 * int(asked[row])]
        assert torch.equal(pair[:16], x[row, -1, :16]) and int(pair[16:].argmax()) == value[row]
