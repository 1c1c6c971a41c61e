"""Policies of our own, distilled in seconds, certified on most of their state box.

Each is a small tanh network that imitates a saturated linear law on random states of the box, with
its actions clamped. What is certified is the float32 network, not the law. Certified is: from
every state of the cell the plant stays in the box for ever and comes to the target.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from daneel.alignment.safety import (
    Box,
    ClosedLoop,
    DoubleIntegrator,
    Pendulum,
    Plant,
    certify_cells,
    falsify,
)
from daneel.evaluation.bench.safety import Options, figure
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval, wilson_interval

CERTIFIED = 90.0
ROLLOUTS, ROLLOUT_STEPS = 10_000, 200


@dataclass(frozen=True)
class Controller:
    """What is learned and where it is certified."""

    plant: Plant
    gain: tuple[float, ...]
    """Of the law that is imitated, u = clip(-gain x)."""
    box: Box
    """The state box."""
    target: Box
    """Where it shall come to."""
    cells: int = 100
    stride: int = 8


CONTROLLERS = {
    "double integrator": Controller(
        DoubleIntegrator(axes=1, dt=0.1, max_acceleration=1.0),
        (2.0, 2.5),
        Box((-1.0, -0.6), (1.0, 0.6)),
        Box((-0.15, -0.15), (0.15, 0.15)),
    ),
    "pendulum": Controller(
        Pendulum(),
        (11.0, 2.6),
        Box((-0.3, -0.6), (0.3, 0.6)),
        Box((-0.06, -0.2), (0.06, 0.2)),
    ),
}
"""By the name that the table shows."""


def distil(task: Controller, seed: int, steps: int = 1500) -> nn.Sequential:
    """A network 2-16-16-1 that imitates the law on states from a tenth more than the box."""
    generator = torch.Generator().manual_seed(seed)
    limit = float(task.plant.action_high[0])
    layers = nn.Linear(2, 16), nn.Linear(16, 16), nn.Linear(16, 1)
    for layer in layers:
        for weight in layer.parameters():
            weight.data.uniform_(-0.5, 0.5, generator=generator)
    free = nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])
    gain = torch.tensor([task.gain])
    low, high = (torch.as_tensor(end, dtype=torch.float32) for end in task.box.ends())
    optimiser = torch.optim.Adam(free.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        share = 1.1 * torch.rand(256, 2, generator=generator) - 0.05
        states: Tensor = low + (high - low) * share
        wanted = (-states @ gain.T).clamp(-limit, limit)
        optimiser.zero_grad()
        ((free(states) - wanted) ** 2).mean().backward()
        optimiser.step()
        schedule.step()
    return nn.Sequential(*free, nn.Hardtanh(-limit, limit)).requires_grad_(False)


def measure(options: Options) -> list[Evidence]:
    """Distil, certify, and try to refute by rollouts."""
    found: list[Evidence] = []
    for row, task in CONTROLLERS.items():
        began = time.perf_counter()
        policy = distil(task, options.seed, options.sized(1500, 200))
        trained = time.perf_counter()
        loop = ClosedLoop(task.plant, policy)
        cells = options.sized(task.cells, 20)
        certificate = certify_cells(loop, task.box, cells, task.stride, task.target)
        certified = time.perf_counter()
        rng = np.random.default_rng(options.seed)
        count = options.sized(ROLLOUTS, 200)
        states = rng.uniform(*task.box.ends(), (count, len(task.box.low)))
        failed = falsify(loop, task.box, states, ROLLOUT_STEPS, task.target)
        refuted = int((failed & certificate.certified(states)).sum())
        details = {
            "cells": cells**2,
            "decisions to the target": certificate.decisions,
            "invariant share": float(certificate.invariant.mean()),
            "seconds of distilling": trained - began,
            "seconds of certifying": certified - trained,
            "box": [task.box.low, task.box.high],
            "target": [task.target.low, task.target.high],
        }
        seconds, seed = time.perf_counter() - began, options.seed
        share = int(failed.sum())
        ends = wilson_interval(share, count)
        found += [
            figure(row, "state box certified", "network policy", 100 * certificate.fraction, "%",
                   CERTIFIED, seed=seed, seconds=seconds, details=details),
            figure(row, "rollouts that fail", "from the whole box", 100 * share / count, "%",
                   interval=Interval(100 * ends.low, 100 * ends.high), interval_kind="Wilson",
                   seed=seed, seconds=seconds, details={"rollouts": count}),
            figure(row, "rollouts that fail", "from certified cells", float(refuted), "rollouts",
                   0.0, "lower", seed=seed, seconds=seconds, details={"rollouts": count}),
        ]  # fmt: skip
    return found
