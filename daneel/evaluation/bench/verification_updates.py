"""Re-proof after an update, from the certificate, against a proof from scratch.

A policy is proved and its certificate kept; then it is trained on for some steps at a small rate.
Measured is the processor time of the verdict for the new weights: from the certificate, and from
scratch by the same verifier.
"""

from __future__ import annotations

import copy
import statistics
import time

import torch
from torch import nn

from daneel.alignment.verification import Budget, certify, recheck, stay_within, verify
from daneel.evaluation.bench.verification import Options, figure
from daneel.evaluation.bench.verification_candidates import INPUTS, fit, policy
from daneel.evaluation.evidence import Evidence

SEEDS = 6
STEPS, RATES = 5, (1e-6, 1e-5, 1e-4)
"""Of the update; the first rate is the small one that the bar is about."""
FASTER = 5.0
WIDTH = 48
_SECONDS = 60.0


def measure(options: Options) -> list[Evidence]:
    """Speed-up for each size of update, median over seeds."""
    found: dict[float, list[float]] = {rate: [] for rate in RATES}
    details: dict[float, list[str]] = {rate: [] for rate in RATES}
    for seed in range(options.seed, options.seed + SEEDS):
        network, limit = policy(seed, WIDTH, nn.Tanh if seed % 2 else nn.ReLU)
        box = torch.ones(INPUTS, dtype=torch.float64)
        wanted = stay_within(-box, box, [-limit], [limit])
        result, certificate = certify(network, wanted, _budget())
        if certificate is None:
            continue
        for rate in RATES:
            updated = copy.deepcopy(network)
            fit(updated, torch.Generator().manual_seed(seed + 100), STEPS, rate)
            scratch = verify(updated, wanted, _budget())
            again = recheck(certificate, updated, _budget())
            assert again.result.verdict == scratch.verdict
            found[rate].append(scratch.seconds / max(again.result.seconds, 1e-4))
            details[rate].append(f"{again.kept}/{again.cells} kept, {again.bounded} bounded")
    return [
        figure(
            "re-proof, times faster", f"update of {STEPS} steps at {rate:g}",
            statistics.median(values), "times", FASTER if rate == RATES[0] else None,
            seeds=tuple(range(len(values))), details={"each": values, "cells": details[rate]},
        )
        for rate, values in found.items()
    ]  # fmt: skip


def _budget() -> Budget:
    return Budget(seconds=_SECONDS, clock=time.process_time)
