"""Planted circuits: are they found, and does a second probe say the same (L-6)?"""

from __future__ import annotations

import statistics

import torch

from daneel.alignment.interpretability import (
    Probe,
    TransformerCircuits,
    channels,
    induction_probe,
    layer_inputs,
    plant_channel,
    planted_induction,
    state_attribution,
)
from daneel.backbones import build
from daneel.evaluation.bench.inside import Options, figure
from daneel.evaluation.evidence import Evidence

ROW = "L-6 circuits"
LINEAR = ("retention", "gla", "mamba", "mamba2", "rwkv", "delta", "hybrid")
"""Backbones with a planted channel."""


def measure(options: Options) -> list[Evidence]:
    """Induction heads over seeds, channels of linear backbones, exactness of state attribution."""
    return [*_heads(options), _channels(options), _shares(options)]


def _heads(options: Options) -> list[Evidence]:
    seeds = tuple(range(options.seed, options.seed + options.sized(5, 2)))
    first, correlations = [], []
    for seed in seeds:
        planted = planted_induction(seed)
        generators = [torch.Generator().manual_seed(1000 + i) for i in range(3)]
        probes = [induction_probe(options.sized(192, 16), 12, g) for g in generators]
        found = TransformerCircuits(planted.model).importance(probes)
        first.append({site for site, _ in found.ranked()[:2]} == set(planted.circuit))
        correlations.append(found.rank_correlation())
    return [
        figure(ROW, "both planted heads ranked first", "TransformerCircuits",
               100 * sum(first) / len(first), "%", 100, seeds=seeds),
        figure(ROW, "rank correlation between probe seeds", "TransformerCircuits",
               statistics.mean(correlations), "Spearman", 0.95, seeds=seeds,
               details={"by model seed": correlations}),
    ]  # fmt: skip


def _channels(options: Options) -> Evidence:
    seeds, first = tuple(range(options.sized(3, 1))), []
    for name in LINEAR:
        for seed in seeds:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                backbone = build(name, 16, 2)
            g = torch.Generator().manual_seed(seed)
            site, direction = plant_channel(backbone, g)
            x = torch.randn(8, 12, 16, generator=g)
            x = x - (x @ direction)[..., None] * direction
            probe = Probe((x,), lambda out, d=direction: (out[0] @ d).abs().mean(-1))
            found = TransformerCircuits(backbone).importance([probe], channels(backbone), "zero")
            first.append(found.ranked()[0][0] == site)
    return figure(ROW, "planted channel ranked first, linear backbones", "TransformerCircuits",
                  100 * sum(first) / len(first), "%", 100, seeds=seeds,
                  details={"backbones": list(LINEAR)})  # fmt: skip


def _shares(options: Options) -> Evidence:
    defects = {}
    for name in LINEAR[:-1]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            backbone = build(name, 16, 2)
            x = torch.randn(1, options.sized(64, 8), 16)
        defects[name] = state_attribution(*layer_inputs(backbone, x, 1)).defect
    return figure(ROW, "state minus the sum of its shares", "state_attribution",
                  max(defects.values()), "of the state", details=defects)  # fmt: skip
