"""Circuits and memories that training made: are they found, and by two probes alike (L-6)?

Attention: two layers are trained to repeat what was said once (sequences of random tokens, said
twice, of changing length). Which heads are induction heads is read off their attention, without any
intervention; patching has to name the same heads,
and ablation the head of the first layer that looks one step back. Linear backbones: one layer is
trained to recall what stood beside a key; the state's attribution has to name the pair that wrote
it.
"""

from __future__ import annotations

import random
import statistics
import sys
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from daneel.alignment.interpretability import (
    Probe,
    TransformerCircuits,
    gradient_attribution,
    heads,
    induction_probe,
    layer_inputs,
    prefix_matching,
    previous_token,
    state_attribution,
)
from daneel.alignment.interpretability.planted import TOKENS, TokenNetwork
from daneel.backbones import Backbone, build
from daneel.backbones.mlp import GatedMLP
from daneel.evaluation.bench.inside import Options, figure
from daneel.evaluation.evidence import Evidence

ROW = "L-6 trained circuits"
LINEAR = ("gla", "delta", "mamba2")
"""Backbones that learn to recall."""
_PAIRS, _KEYS, _WIDTH = 6, 16, 32
_SLOT = 4
"""Steps a pair: itself, then nothing. Short convolutions let a layer write a pair some steps late:
within its slot that is still its own write."""


def measure(options: Options) -> list[Evidence]:
    """Trained attention, then trained memories."""
    return [*_induction(options), *_memories(options)]


def trained_induction(seed: int, steps: int) -> TokenNetwork:
    """Two layers of four heads that repeat what was said once."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = build("attention", 64, 2, heads=4, mlp=lambda dim: GatedMLP(dim, 32))
        model = TokenNetwork(TOKENS, backbone)
    rng, g = random.Random(seed), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.01)
    for step in range(steps):
        # The length changes, or heads would count steps back in the place of looking for tokens.
        length = rng.randrange(4, 16)
        (data,) = induction_probe(48, length, g).inputs
        logits = model(data)[:, length + 1 : -1]
        loss = F.cross_entropy(logits.flatten(0, 1), data[:, length + 2 :].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 200 == 0:
            print(f"induction: step {step}, loss {float(loss.detach()):.3f}", file=sys.stderr)
    return model.eval()


def _corrupted(probe: Probe, generator: torch.Generator) -> Probe:
    """The same second saying after another first one: nothing to look back at."""
    (data,) = probe.inputs
    length = (data.shape[1] - 1) // 2
    other = data.clone()
    for row in other:
        row[1 : length + 1] = torch.randperm(TOKENS - 1, generator=generator)[:length] + 1
    return Probe((other,), probe.score)


def _induction(options: Options) -> list[Evidence]:
    seeds = tuple(range(options.seed, options.seed + options.sized(3, 1)))
    same, first, before, correlations, kept = [], [], [], [], []
    for seed in seeds:
        model = trained_induction(seed, options.sized(500, 5))
        circuits, sites = TransformerCircuits(model), heads(model)
        generators = [torch.Generator().manual_seed(1000 + i) for i in range(3)]
        probes = [induction_probe(options.sized(192, 16), 12, g) for g in generators]
        (data,) = probes[0].inputs
        looks, back = prefix_matching(model, 12, data), previous_token(model, data)
        shares = circuits.patch(probes[0], _corrupted(probes[0], generators[0]), sites).tolist()
        brought = dict(zip(sites, shares, strict=True))
        found = circuits.importance(probes, sites)
        lost = dict(found.ranked())
        early = [site for site in sites if site.module.startswith("backbone.layers.0")]
        same.append({s for s in sites if looks[s] > 0.5} == {s for s in sites if brought[s] > 0.1})
        first.append(max(sites, key=lambda s: brought[s]) == max(sites, key=lambda s: looks[s]))
        before.append(max(early, key=lambda s: lost[s]) == max(early, key=lambda s: back[s]))
        correlations.append(found.rank_correlation())
        kept.append({str(s): [round(brought[s], 3), round(looks[s], 3)] for s in sites})
    subject = "trained attention"
    return [
        figure(ROW, "heads that patching names are those that look for repetitions", subject,
               100 * statistics.mean(same), "%", 100, seeds=seeds,
               details={"share brought back, share of looks": kept}),
        figure(ROW, "the first of them is the same", subject, 100 * statistics.mean(first), "%",
               seeds=seeds),
        figure(ROW, "first-layer head that ablation ranks first is the one that looks one back",
               subject, 100 * statistics.mean(before), "%", 100, seeds=seeds),
        figure(ROW, "rank correlation between probe seeds", subject, statistics.mean(correlations),
               "Spearman", 0.95, seeds=seeds, details={"by model seed": correlations}),
    ]  # fmt: skip


def recall_batch(rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs of a key and a value, one a slot, then a key alone: inputs, value, slot asked for."""
    keys = torch.stack([torch.randperm(_KEYS, generator=generator)[:_PAIRS] for _ in range(rows)])
    values = torch.randint(_KEYS, (rows, _PAIRS), generator=generator)
    asked = torch.randint(_PAIRS, (rows,), generator=generator)
    said = torch.zeros(rows, _PAIRS * _SLOT, 2 * _KEYS)
    said[:, ::_SLOT] = torch.cat([F.one_hot(keys, _KEYS), F.one_hot(values, _KEYS)], -1).float()
    row = torch.arange(rows)
    last = torch.cat([F.one_hot(keys[row, asked], _KEYS), torch.zeros(rows, _KEYS)], -1)
    return torch.cat([said, last[:, None]], 1), values[row, asked], asked


class Recall(torch.nn.Module):
    """One layer of a backbone between two linear maps."""

    def __init__(self, backbone: Backbone) -> None:
        """Maps of the backbone's width."""
        super().__init__()
        self.inner = torch.nn.Linear(2 * _KEYS, backbone.dim)
        self.backbone = backbone
        self.head = torch.nn.Linear(backbone.dim, _KEYS)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, T, 32]` to logits of the value asked for last, `[B, 16]`."""
        return self.head(self.backbone(self.inner(x))[0][:, -1])


def trained_recall(name: str, seed: int, steps: int) -> Recall:
    """A layer that recalls."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Recall(build(name, _WIDTH, 1))
    g = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), 4e-3)
    loss = torch.zeros(())
    for _ in range(steps):
        x, value, _ = recall_batch(64, g)
        loss = F.cross_entropy(model(x), value)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print(f"recall: {name}, loss {float(loss.detach()):.3f}", file=sys.stderr)
    return model.eval()


def _slot(weights: Tensor) -> int:
    """The slot with the largest sum."""
    return int(weights.reshape(_PAIRS, _SLOT).sum(1).argmax())


def _output(backbone: Backbone, x: Tensor) -> Tensor:
    return backbone(x)[0]


def _memories(options: Options) -> list[Evidence]:
    found = []
    for name in LINEAR:
        model = trained_recall(name, options.seed, options.sized(700, 5))
        x, value, asked = recall_batch(options.sized(60, 6), torch.Generator().manual_seed(77))
        with torch.no_grad():
            right = model(x).argmax(-1) == value
        exact, slope = [], []
        for row in range(len(x)):
            if not right[row] and not options.rehearse:
                continue
            inner = model.inner(x[row : row + 1]).detach()
            shares = state_attribution(*layer_inputs(model.backbone, inner, 0))
            exact.append(_slot(shares.influence[:-1]) == int(asked[row]))
            rough = gradient_attribution(partial(_output, model.backbone), inner)[:-1]
            slope.append(_slot(rough.abs()) == int(asked[row]))
        found.append(
            figure(ROW, "pair that was asked for ranked first by state attribution", name,
                   100 * statistics.mean(exact), "%",
                   details={"right answers of 60": int(right.sum()), "chance": 100 / _PAIRS,
                            "by gradient times input": 100 * statistics.mean(slope)})
        )  # fmt: skip
    return found
