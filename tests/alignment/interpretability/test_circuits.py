"""Interventions against hand numbers, and on models whose circuit is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from daneel.alignment.interpretability import (
    Probe,
    Site,
    TransformerCircuits,
    attention_patterns,
    channels,
    edited,
    heads,
    induction_probe,
    parts,
    plant_channel,
    planted_induction,
    prefix_matching,
    previous_token,
    spearman,
)
from daneel.backbones import build
from daneel.errors import ConfigError, UnknownNameError


def total(y: torch.Tensor) -> torch.Tensor:
    """Score: the sum of a row."""
    return y.sum(-1)


def test_ablation_and_patching_equal_hand_numbers() -> None:
    """Ablation and patching equal hand numbers."""
    first, second = nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)
    model = nn.Sequential(first, second)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        second.weight.copy_(torch.tensor([[3.0, 5.0]]))
    sites = [Site("0", "output", 0, 1), Site("0", "output", 1, 2)]
    clean = Probe((torch.tensor([[1.0, 1.0], [3.0, 1.0]]),), total)
    corrupt = Probe((torch.zeros(2, 2),), total)
    circuits = TransformerCircuits(model)
    assert circuits.ablate(clean, sites, "zero").tolist() == [[3.0, 9.0], [5.0, 5.0]]
    assert circuits.ablate(clean, sites, "mean").tolist() == [[-3.0, 3.0], [0.0, 0.0]]
    # Clean scores 8 and 14, corrupted 0; channel 0 brings back 3 and 9 of 22, channel 1 twice 5.
    assert circuits.patch(clean, corrupt, sites).tolist() == pytest.approx([12 / 22, 10 / 22])
    with pytest.raises(ConfigError, match="Expected a difference"):
        circuits.patch(clean, clean, sites)


def test_hooks_are_gone_afterwards_even_after_an_error() -> None:
    """Hooks are gone afterwards even after an error."""
    model = nn.Linear(2, 2)
    with pytest.raises(RuntimeError), edited(model, {Site("", "input"): lambda x: x * 0}):
        model(torch.ones(1, 3))
    assert not model._forward_pre_hooks
    with pytest.raises(UnknownNameError, match="layer9"), edited(model, {Site("layer9"): total}):
        pass


@pytest.mark.parametrize("seed", range(3))
def test_the_planted_heads_come_first(seed: int) -> None:
    """The planted heads come first."""
    planted = planted_induction(seed)
    g = torch.Generator().manual_seed(seed)
    probe = induction_probe(24, 10, g)
    asked = planted.model(*probe.inputs)[:, 11:-1]
    assert bool((asked.argmax(-1) == probe.inputs[0][:, 12:]).all())  # the model does its task
    found = TransformerCircuits(planted.model).importance([probe])
    assert {site for site, _ in found.ranked()[:2]} == set(planted.circuit)


def test_the_path_from_the_first_head_to_the_second_goes_through_its_keys() -> None:
    """The path from the first head to the second goes through its keys."""
    planted = planted_induction(1)
    g = torch.Generator().manual_seed(0)
    clean, corrupt = (induction_probe(16, 8, g) for _ in range(2))
    back, complete = planted.circuit
    dim = 128

    def share(part: int) -> Site:
        name = complete.module.removesuffix("out") + "qkv"
        return Site(name, "output", part * dim + complete.begin, part * dim + (complete.end or 0))

    circuits = TransformerCircuits(planted.model)
    queries, keys, values = (
        circuits.path_patch(clean, corrupt, back, [share(part)]) for part in range(3)
    )
    assert keys > 5 and abs(queries) < 1 and abs(values) < 1
    # Straight to the logits the first head writes nothing, the second all.
    assert abs(circuits.path_patch(clean, corrupt, back)) < 1
    assert circuits.path_patch(clean, corrupt, complete) > 5


@pytest.mark.parametrize("name", ["retention", "mamba2", "rwkv", "delta", "hyena"])
def test_the_planted_channel_comes_first(name: str) -> None:
    """The planted channel comes first."""
    torch.manual_seed(0)
    backbone, g = build(name, 16, 2), torch.Generator().manual_seed(1)
    site, direction = plant_channel(backbone, g)
    x = torch.randn(4, 8, 16, generator=g)
    x = x - (x @ direction)[..., None] * direction
    probe = Probe((x,), lambda output: (output[0] @ direction).abs().mean(-1))
    found = TransformerCircuits(backbone).importance([probe], channels(backbone), "zero")
    assert found.ranked()[0][0] == site


def test_every_backbone_has_parts_and_a_gru_has_channels() -> None:
    """Every backbone has parts and a gru has channels."""
    assert len(parts(build("gla", 8, 3))) == 6
    assert len(heads(build("attention", 16, 2, heads=4))) == 8
    assert len(channels(build("gru", 8, 2))) == 16
    with pytest.raises(ConfigError, match="no heads"):
        TransformerCircuits(build("gru", 8)).importance([])


def test_spearman_of_ties_and_constants() -> None:
    """Spearman of ties and constants."""
    a = torch.tensor([1.0, 2.0, 3.0])
    assert spearman(a, a.flip(0)) == pytest.approx(-1)
    assert spearman(a, torch.ones(3)) == 0


def test_looks_are_those_of_the_planted_heads() -> None:
    """The planted heads look one back and for repetitions, and no other head does."""
    planted = planted_induction(2)
    probe = induction_probe(8, 10, torch.Generator().manual_seed(0))
    back = previous_token(planted.model, *probe.inputs)
    looks = prefix_matching(planted.model, 10, *probe.inputs)
    assert max(back, key=lambda site: back[site]) == planted.circuit[0]
    assert max(looks, key=lambda site: looks[site]) == planted.circuit[1]
    assert looks[planted.circuit[1]] > 0.5 > sorted(looks.values())[-2]
    patterns = attention_patterns(planted.model, *probe.inputs)
    for shares in patterns.values():
        torch.testing.assert_close(shares.sum(-1), torch.ones(shares.shape[:-1]))
    with pytest.raises(ConfigError, match="no attention layer"):
        attention_patterns(build("gru", 8), torch.randn(1, 3, 8))
