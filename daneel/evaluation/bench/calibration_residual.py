"""Does a residual actuator help where the model is wrong, and stay away where it is right?

Random one-joint arms. "wrong": the true one has a Stribeck rise, a torque ripple and a weaker side
that the identified model (viscous and Coulomb friction) cannot have. "right": the model is exact.
The network learns from four logs, two decide, two more that nobody saw are counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import torch

from daneel.agents.calibration.problem import Floats
from daneel.agents.calibration.residual_actuator import (
    Motion,
    ResidualConfig,
    Step,
    fit_residual,
    rollout_error,
)
from daneel.evaluation.bench.calibration_methods import Options, record, share
from daneel.evaluation.bench.calibration_truths import RATE_HZ, multisine
from daneel.evaluation.evidence import Evidence

ARMS = 6
SAMPLES = 600
CONFIG = ResidualConfig()
Extra = Callable[[Floats, Floats, Floats], Floats]


def measure(options: Options) -> list[Evidence]:
    """Learns and counts for every arm of both kinds."""
    seed, ratios, kept = options.seed, {"wrong": [], "right": []}, {"wrong": [], "right": []}
    for at in range(options.sized(ARMS, 1)):
        for kind in ratios:
            ratio, network = _one(np.random.default_rng([seed, at]), kind, seed)
            ratios[kind].append(ratio)
            kept[kind].append(network)
            print(f"{at} {kind}: {ratio:.3f} {network}", file=sys.stderr, flush=True)
    never = [[ratio <= 1.0] for kind in ratios for ratio in ratios[kind]]
    return [
        record(
            "error of unseen rollouts with the network", f"model is {kind}",
            float(np.median(ratios[kind])), "of the model's alone", seed,
            1.0, "lower", details={"per_arm": ratios[kind]},
        )
        for kind in ratios
    ] + [
        share("network kept", f"model is {kind}", [[one] for one in kept[kind]], seed)
        for kind in kept
    ] + [share("unseen rollouts not worse", "both", never, seed, 1.0)]  # fmt: skip


def _one(rng: np.random.Generator, kind: str, seed: int) -> tuple[float, bool]:
    """Error with the network over error without, on unseen logs, and whether it was kept."""
    inertia, damping, friction, gravity = rng.uniform([0.05, 0.05, 0.05, 1.0], [0.2, 0.2, 0.1, 3.0])
    ripple, rise, side = rng.uniform([0.1, 0.1, 0.1], [0.3, 0.3, 0.3])

    def missing(q: Floats, dq: Floats, command: Floats) -> Floats:
        stick = -rise * np.exp(-((dq / 0.5) ** 2)) * np.tanh(dq / 0.05)
        return stick + ripple * np.sin(4.0 * q) - side * np.maximum(command, 0.0)

    def stepper(extra_of: Extra | None) -> Step:
        def step(q: Floats, dq: Floats, command: Floats, extra: Floats) -> tuple[Floats, Floats]:
            more = extra if extra_of is None else extra + extra_of(q, dq, command)
            drag = damping * dq + friction * np.tanh(dq / 0.05)
            dq = dq + (command + more - gravity * np.sin(q) - drag) / inertia / RATE_HZ
            return q + dq / RATE_HZ, dq

        return step

    true = stepper(missing if kind == "wrong" else None)
    motions = [_log(rng, true) for _ in range(8)]
    generator = torch.Generator().manual_seed(seed)
    found = fit_residual(stepper(None), motions[:4], motions[4:6], CONFIG, generator)
    before = rollout_error(stepper(None), motions[6:], CONFIG, None)
    after = rollout_error(stepper(None), motions[6:], CONFIG, found.network)
    return after / before, found.network is not None


def _log(rng: np.random.Generator, step: Step) -> Motion:
    """A noisy log of one joint under a multisine."""
    command = multisine(rng, 1, SAMPLES, 1.0 / RATE_HZ, 2.0).T
    q, dq, rows = np.zeros((1, 1)), np.zeros((1, 1)), []
    for at in range(SAMPLES):
        rows.append((q[0], dq[0]))
        q, dq = step(q, dq, command[at : at + 1], np.zeros((1, 1)))
    path = np.array(rows) + rng.normal(size=(SAMPLES, 2, 1)) * np.array([[0.001], [0.01]])
    return Motion(path[:, 0], path[:, 1], command)
