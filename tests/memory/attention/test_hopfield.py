"""Hopfield memories against formulas written out, the energy, and the nearest neighbour."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from daneel.memory.attention.hopfield import (
    HopfieldMemory,
    Rule,
    exact_recall,
    flipped,
    nearest_recall,
    random_signs,
)
from daneel.memory.attention.hopfield_classical import ClassicalRule, hebb
from daneel.memory.attention.hopfield_modern import ModernRule


def made(seed: int = 0) -> torch.Generator:
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def filled(patterns: Tensor, rule: Rule | None = None) -> HopfieldMemory:
    """A memory that holds the patterns."""
    memory = HopfieldMemory(patterns.shape[1], rule)
    memory.store(patterns)
    return memory


def test_modern_update_is_the_sum_written_out() -> None:
    """Equation 3, pattern by pattern."""
    patterns, state = torch.randn(5, 3, generator=made()), torch.randn(3, generator=made(1))
    weights = [math.exp(0.7 * float(pattern @ state)) for pattern in patterns]
    mixed = sum(weight * pattern for weight, pattern in zip(weights, patterns, strict=True))
    found = filled(patterns, ModernRule(beta=0.7, steps=1)).recall(state[None])
    torch.testing.assert_close(found[0], mixed / sum(weights))


def test_modern_energy_is_the_formula_written_out() -> None:
    """Equation 2, pattern by pattern."""
    patterns, state = torch.randn(5, 3, generator=made()), torch.randn(3, generator=made(1))
    total = sum(math.exp(0.7 * float(pattern @ state)) for pattern in patterns)
    largest = max(float(pattern @ pattern) for pattern in patterns)
    wanted = -math.log(total) / 0.7 + float(state @ state) / 2 + math.log(5) / 0.7 + largest / 2
    found = filled(patterns, ModernRule(beta=0.7)).energy(state[None])
    torch.testing.assert_close(found, torch.tensor([wanted]))


@pytest.mark.parametrize("beta", [0.01, 0.3, 4.0, 50.0])
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
def test_modern_energy_never_rises(beta: float, spread: float) -> None:
    """Theorem 1, for flat and for sharp softmaxes."""
    patterns = spread * torch.randn(20, 6, generator=made(), dtype=torch.float64)
    rule, states = ModernRule(beta), torch.randn(50, 6, generator=made(1), dtype=torch.float64)
    for _ in range(20):
        after = rule.update(patterns, states)
        rise = rule.energy(patterns, after) - rule.energy(patterns, states)
        assert float(rise.max()) < 1e-9
        states = after


def test_modern_energy_is_never_negative() -> None:
    """Lemma of the paper: 0 <= E <= 2 M^2 for states within the patterns' ball."""
    patterns = torch.randn(20, 6, generator=made(), dtype=torch.float64)
    states = ModernRule(1.0).update(patterns, torch.randn(50, 6, dtype=torch.float64))
    energy = ModernRule(1.0).energy(patterns, states)
    assert float(energy.min()) >= 0
    assert float(energy.max()) <= 2 * float(patterns.square().sum(-1).max())


def test_gradients_reach_queries_and_patterns() -> None:
    """By finite differences, through two updates."""
    patterns = torch.randn(4, 3, generator=made(), dtype=torch.float64, requires_grad=True)
    states = torch.randn(2, 3, generator=made(1), dtype=torch.float64, requires_grad=True)
    rule = ModernRule(0.5, steps=2)
    assert torch.autograd.gradcheck(rule.recall, (patterns, states))


def test_a_tie_is_left_with_a_generator_only() -> None:
    """Two patterns equally near: without noise the state stays between them."""
    patterns = torch.tensor([[1.0, 1, 1, 1], [1, 1, -1, -1]])
    probe = torch.tensor([[1.0, 1, 1, -1]])
    memory = filled(patterns, ModernRule(steps=8))
    assert memory.recall(probe)[0, 2:].abs().max() < 1e-6
    found = memory.recall(probe, made())
    torch.testing.assert_close(found[0].abs(), torch.ones(4), atol=1e-3, rtol=0)


def one_by_one(patterns: Tensor, state: list[float], sweeps: int) -> list[float]:
    """The classical network neuron by neuron, in plain Python."""
    dim = len(state)
    for _ in range(sweeps):
        for i in range(dim):
            field = sum(
                float(x[i]) * float(x[j]) * state[j] for x in patterns for j in range(dim) if j != i
            )
            state[i] = state[i] if field == 0 else math.copysign(1.0, field)
    return state


def test_classical_agrees_with_the_loop() -> None:
    """The rows at once give what one gives alone."""
    patterns, probes = random_signs(3, 12, made()), random_signs(8, 12, made(1))
    found = filled(patterns, ClassicalRule(sweeps=4)).recall(probes)
    wanted = [one_by_one(patterns, probe.tolist(), 4) for probe in probes]
    assert found.tolist() == wanted


def test_classical_energy_never_rises_neuron_by_neuron() -> None:
    """Each single update, and any order of them comes to rest."""
    patterns, states = random_signs(6, 20, made()), random_signs(40, 20, made(1))
    rule, weights = ClassicalRule(), hebb(patterns)
    for neuron in [*range(20), *range(20)]:
        before = rule.energy(patterns, states)
        field = states @ weights[neuron]
        states[:, neuron] = torch.where(field == 0, states[:, neuron], field.sign())
        assert bool((rule.energy(patterns, states) <= before).all())
    assert torch.equal(rule.recall(patterns, states, made()), rule.recall(patterns, states))


def test_classical_energy_of_a_recall_never_rises() -> None:
    """From the probe to the end."""
    patterns, probes = random_signs(6, 20, made()), random_signs(40, 20, made(1))
    memory = filled(patterns, ClassicalRule())
    after = memory.energy(memory.recall(probes, made(2)))
    assert bool((after <= memory.energy(probes)).all())


def test_classical_recall_comes_to_rest() -> None:
    """What was recalled is recalled as itself."""
    patterns, probes = random_signs(6, 20, made()), random_signs(40, 20, made(1))
    memory = filled(patterns, ClassicalRule())
    rest = memory.recall(probes, made(2))
    assert torch.equal(memory.recall(rest, made(3)), rest)


@pytest.mark.parametrize(("rule", "least"), [(ModernRule(), 1.0), (ClassicalRule(), 0.9)])
def test_two_patterns_are_found_by_either_rule(rule: Rule, least: float) -> None:
    """A load that both can carry."""
    patterns = random_signs(2, 32, made())
    wanted = patterns.repeat(50, 1)
    probes = flipped(wanted, 6, made(1))
    assert exact_recall(filled(patterns, rule), probes, wanted, made(2)) >= least


def test_a_hundred_patterns_as_often_as_the_nearest_neighbour() -> None:
    """Row C-9: 32 bits of which 6 (20 %) are turned; 40 memories of 100 patterns."""
    found, ceiling = [], []
    for seed in range(40):
        generator = made(seed)
        patterns = random_signs(100, 32, generator)
        probes = flipped(patterns, 6, generator)
        found.append(exact_recall(filled(patterns), probes, patterns, generator))
        ceiling.append(nearest_recall(patterns, probes, patterns, generator))
    assert sum(found) / 40 >= 0.95
    assert sum(found) / 40 >= sum(ceiling) / 40 - 0.01


def test_flipped_turns_exactly_so_many() -> None:
    """And different ones in each copy."""
    patterns = random_signs(50, 32, made())
    probes = flipped(patterns, 6, made(1))
    assert set((probes != patterns).sum(-1).tolist()) == {6}
    assert len({tuple(row) for row in (probes != patterns).tolist()}) > 40


def test_nearest_recall_decides_ties_by_lot() -> None:
    """Neither of two equally near patterns is preferred."""
    patterns = torch.tensor([[1.0, 1, 1, 1], [1, 1, -1, -1]])
    probes = torch.tensor([[1.0, 1, 1, -1]]).repeat(1000, 1)
    share = nearest_recall(patterns, probes, patterns[:1].repeat(1000, 1), made())
    assert 0.4 < share < 0.6


def test_store_adds_and_keeps_the_first_dtype() -> None:
    """Later patterns join the earlier ones."""
    memory = HopfieldMemory(4)
    memory.store(torch.ones(1, 4, dtype=torch.float64))
    memory.store(-torch.ones(2, 4))
    assert len(memory) == 3
    assert memory.patterns.dtype == torch.float64


def test_bad_input_says_what_was_expected() -> None:
    """Every refusal names the value seen."""
    memory = HopfieldMemory(4)
    with pytest.raises(ValueError, match="No pattern is stored"):
        memory.recall(torch.ones(1, 4))
    with pytest.raises(ValueError, match=r"patterns have shape \(1, 3\)"):
        memory.store(torch.ones(1, 3))
    with pytest.raises(ValueError, match="NaN"):
        memory.store(torch.full((1, 4), torch.nan))
    with pytest.raises(ValueError, match=r"dtype torch\.int64"):
        memory.store(torch.ones(1, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="patterns hold 2"):
        filled(torch.full((1, 4), 2.0), ClassicalRule()).recall(torch.ones(1, 4))
    for wrong in (lambda: ModernRule(beta=0), lambda: ModernRule(steps=0)):
        with pytest.raises(ValueError, match="Expected"):
            wrong()
    with pytest.raises(ValueError, match="sweeps is 0"):
        ClassicalRule(sweeps=0)
    with pytest.raises(ValueError, match="dim is 0"):
        HopfieldMemory(0)
