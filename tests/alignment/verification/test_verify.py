"""Verdicts: proofs, witnesses that replay, and honest ignorance."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from daneel.alignment.verification import (
    Budget,
    Case,
    FormalVerifier,
    Polyhedron,
    Property,
    from_torch,
    stay_within,
    verify,
)
from daneel.alignment.verification.intervals import Interval
from daneel.alignment.verification.relu_splitting import ReluSearch
from daneel.alignment.verification.search import Limits, cut_box
from daneel.errors import ConfigError
from daneel.evaluation.bench import verification_candidates as candidates
from daneel.evaluation.bench import verification_random as oracle

ONES = torch.ones(2, dtype=torch.float64)


def absolute() -> nn.Sequential:
    """|x0| + |x1|, which intervals of one box alone cannot bound from below by splitting once."""
    network = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    first, last = network[0], network[2]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]]))
        first.bias.zero_()
        last.weight.fill_(1.0)
        last.bias.zero_()
    return network


def above(limit: float, strict: bool = False) -> Property:
    """The output stays above a limit for inputs in [-1, 1]^2."""
    row = torch.ones(1, 1, dtype=torch.float64)
    part = Polyhedron(row, torch.tensor([limit], dtype=torch.float64), strict)
    return Property((Case(-ONES, ONES, (part,)),))


def test_a_property_that_holds_is_proved() -> None:
    """And leaves a tree of cells."""
    found = verify(absolute(), above(-1e-3))
    assert found.verdict == "holds"
    assert found.open == 0
    assert len(found.trees) == 1


def test_a_violation_comes_with_an_input_that_replays() -> None:
    """Inside the box, in the deployed network."""
    network = absolute()
    found = verify(network, above(0.05))
    assert found.verdict == "violated"
    assert found.witness is not None
    x = torch.tensor([found.witness.input])
    assert bool((x.abs() <= 1).all())
    assert network(x).item() <= 0.05


def test_what_touches_the_edge_is_never_called_proved() -> None:
    """Zero is reached: `y <= 0` is violated or unknown."""
    found = verify(absolute(), above(0.0), Budget(seconds=2, boxes=3000))
    assert found.verdict != "holds"


def test_a_budget_that_ends_says_unknown() -> None:
    """With the boxes that are left."""
    found = verify(absolute(), above(-1e-6), Budget(seconds=60, boxes=1, samples=1))
    assert found.verdict == "unknown"
    assert found.open > 0


def test_many_cases_share_one_budget() -> None:
    """One that is up is up for the rest; what was proved before does not make it hold."""
    ticks = iter(range(10**6))
    (case,) = above(-1e-3).cases
    wanted = Property((case,) * 200)
    budget = Budget(seconds=100, samples=2, steps=1, clock=lambda: float(next(ticks)))
    found = verify(from_torch(absolute(), 2), wanted, budget)
    assert found.verdict == "unknown"
    assert 0 < found.open < 200
    assert found.seconds < 130


def test_verdicts_agree_with_exhaustive_splitting() -> None:
    """The bench does this ten thousand times."""
    generator = torch.Generator().manual_seed(1)
    seen = set()
    for _ in range(60):
        network, box = oracle.draw(generator)
        low, high = oracle.exhaustive(network, box)
        offset = high + float(torch.randn((), generator=generator)) * 0.05 * (1 + abs(high))
        verdict = oracle.judge(network, box, offset)
        seen.add(verdict)
        assert not (verdict == "holds" and high <= offset)
        assert not (verdict == "violated" and low > offset)
    assert {"holds", "violated"} <= seen


def test_splitting_relus_proves_what_has_room_and_never_what_is_broken() -> None:
    """Against the least of many points: well below it, and well above."""
    for seed in range(3):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = nn.Sequential(
                nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1)
            )
        generator = torch.Generator().manual_seed(seed)
        x = 2 * torch.rand(4000, 2, generator=generator) - 1
        with torch.no_grad():
            least = float(network(x).min())
        graph = from_torch(network, 2)
        for offset, proved in ((least - 0.1, True), (least + 0.01, False)):
            (case,) = above(offset).cases
            found = ReluSearch(graph, case).run(Limits(torch.inf, 40))
            assert (found.open == 0 and found.witness is None) == proved


def test_many_inputs_are_verified() -> None:
    """By splitting ReLUs."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 1))
    centre = torch.zeros(40, dtype=torch.float64)
    with torch.no_grad():
        y = float(network(centre[None].float()))
    box = centre - 0.1, centre + 0.1
    assert verify(network, stay_within(*box, [y - 3], [y + 3])).verdict == "holds"
    assert verify(network, stay_within(*box, [y - 1e-3], [y + 1e-3])).verdict == "violated"


def test_inequalities_may_speak_of_the_inputs() -> None:
    """|x0| + |x1| is never below x0 - 0.01."""
    row = torch.tensor([[1.0, -1.0, 0.0]], dtype=torch.float64)
    part = Polyhedron(row, torch.tensor([-0.01], dtype=torch.float64))
    wanted = Property((Case(-ONES, ONES, (part,)),))
    assert verify(absolute(), wanted).verdict == "holds"


def test_a_planted_fault_is_found_and_the_same_policy_without_it_is_proved() -> None:
    """A unit that fires in one corner of four inputs."""
    network, limit = candidates.policy(0, 16, nn.Tanh)
    bad = candidates.poisoned(network, limit, 0)
    box = torch.ones(4, dtype=torch.float64)
    wanted = stay_within(-box, box, [-limit], [limit])
    verifier = FormalVerifier(Budget(seconds=30))
    assert verifier.verify(network, wanted).verdict == "holds"
    assert verifier.verify(bad, wanted).verdict == "violated"


def test_cutting_keeps_everything_that_satisfies_the_plane() -> None:
    """Random points below the plane stay inside the cut box."""
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(50, 3, generator=generator), torch.randn(50, generator=generator)
    box = Interval(-torch.ones(50, 3), torch.ones(50, 3))
    offset = torch.zeros(50, dtype=torch.float64)
    cut = cut_box(box, weight, bias, offset)
    x = 2 * torch.rand(500, 50, 3, generator=generator) - 1
    below = (weight * x).sum(2) + bias <= 0
    inside = ((x >= cut.low) & (x <= cut.high)).all(2)
    assert bool(inside[below].all())
    assert bool((cut.high - cut.low < 2).any())


def test_bad_properties_and_budgets_are_refused() -> None:
    """Before anything is computed."""
    with pytest.raises(ConfigError, match="empty box"):
        stay_within([1.0], [0.0], [0.0], [1.0])
    with pytest.raises(ConfigError, match="finite bounds"):
        stay_within([0.0], [torch.inf], [0.0], [1.0])
    with pytest.raises(ConfigError, match="2 inputs and inequalities over"):
        verify(nn.Linear(2, 3), above(0.0))
    with pytest.raises(ConfigError, match="seconds"):
        Budget(seconds=0)
