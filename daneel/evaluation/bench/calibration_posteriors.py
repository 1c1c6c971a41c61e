"""Do 90 % ranges of posterior samples hold the truth, also along what the log is blind to?

The problems of `calibration_coverage`, fewer of them. A parameter of a planted confusion has a true
value too; only the neural posterior moves along such valleys, so only there it is counted.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from daneel.agents.calibration.neural_posterior import NeuralPosterior
from daneel.agents.calibration.posterior import Bootstrap, Sampler
from daneel.evaluation.bench.calibration_coverage import METHOD, OFF, draw
from daneel.evaluation.bench.calibration_methods import Options, record, share
from daneel.evaluation.evidence import Evidence

PROBLEMS = 30
LEVEL = 0.9


def measure(options: Options) -> list[Evidence]:
    """Samples around the fit of every problem by both ways, and counts."""
    samplers: dict[str, Sampler] = {"bootstrap": Bootstrap(), "neural": NeuralPosterior()}
    apart: dict[str, list[list[bool]]] = {name: [] for name in samplers}
    blind: list[list[bool]] = []
    seconds = dict.fromkeys(samplers, 0.0)
    for at in range(options.sized(PROBLEMS, 4)):
        truth = draw(options.seed, at)
        fit = METHOD.fit(truth.problem)
        hidden = {name for group in truth.planted for name in group}
        for name, sampler in samplers.items():
            began = time.process_time()
            found = sampler.sample(truth.problem, fit, np.random.default_rng([options.seed, at, 1]))
            seconds[name] += time.process_time() - began
            low, high = found.interval(LEVEL)
            held = dict(zip(found.names, (low <= truth.theta) & (truth.theta <= high), strict=True))
            apart[name].append([bool(held[one]) for one in found.names if one not in hidden])
            if name == "neural":
                blind.append([bool(held[one]) for one in found.names if one in hidden])
            print(f"{at} {name}: {held}", file=sys.stderr, flush=True)
    items = []
    for name, groups in apart.items():
        subject = f"{LEVEL:.0%} ranges, {name}"
        items += [
            share("coverage, at least", subject, groups, options.seed, LEVEL - OFF),
            share("coverage, at most", subject, groups, options.seed, LEVEL + OFF, "lower"),
            record(
                "time of a posterior", name, seconds[name] / len(groups), "s of CPU", options.seed
            ),
        ]
    return [
        *items,
        share("coverage along blind valleys", "neural", blind, options.seed, LEVEL - OFF),
    ]
