"""Do 90 % intervals hold the truth in 90 %, and is every planted confusion named?

200 random problems (`calibration_truths`, `calibration_chains`), half of them with a group of
parameters that no log of theirs can tell apart. Each is fitted from a wrong first guess;
counted are the intervals of what can be told apart, and the flags. Next to them stand the intervals
that take residuals for independent.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from scipy import stats

from daneel.agents.calibration.least_squares import LeastSquares
from daneel.agents.calibration.method import gauss_newton_covariance
from daneel.agents.calibration.problem import Fit, Problem
from daneel.agents.calibration.uncertainty import LEVEL, Uncertainty, uncertainty
from daneel.evaluation.bench.calibration_chains import chain
from daneel.evaluation.bench.calibration_methods import Options, record, share
from daneel.evaluation.bench.calibration_truths import Truth, arm
from daneel.evaluation.evidence import Evidence

PROBLEMS = 200
OFF = 0.05
"""The coverage may be so far from the level, to both sides."""
METHOD = LeastSquares(iterations=40, starts=16, tolerance=1e-9)


@dataclass(frozen=True)
class Outcome:
    """What was found for one problem."""

    kind: str
    """Which problem."""
    inside: tuple[bool, ...]
    """Whether each interval of a parameter that can be told apart holds the truth."""
    naive: tuple[bool, ...]
    """The same for intervals that take residuals for independent."""
    named: tuple[bool, ...]
    """Whether each planted group was named in full."""
    alarms: tuple[bool, ...]
    """Whether each parameter that can be told apart was called blind all the same."""
    weak: int
    """Parameters called weak: the noise hides them."""


def measure(options: Options) -> list[Evidence]:
    """Fits every problem and counts."""
    outcomes = []
    for at in range(options.sized(PROBLEMS, 8)):
        truth = draw(options.seed, at)
        outcomes.append(judge(truth))
        print(f"{at}: {outcomes[-1]}", file=sys.stderr, flush=True)
    seed, inside = options.seed, [outcome.inside for outcome in outcomes]
    weak = sum(outcome.weak for outcome in outcomes)
    name = f"{LEVEL:.0%} intervals of random problems"
    return [
        share("coverage, at least", name, inside, seed, LEVEL - OFF),
        share("coverage, at most", name, inside, seed, LEVEL + OFF, "lower"),
        share(
            "coverage", "intervals that take residuals for independent",
            [outcome.naive for outcome in outcomes], seed,
        ),
        share("confusions named", "identifiability", [o.named for o in outcomes], seed, 1.0),
        share(
            "false alarms", "identifiability", [o.alarms for o in outcomes], seed, 0.02, "lower"
        ),
        record("parameters lost in noise", "identifiability", float(weak), "parameters", seed),
    ]  # fmt: skip


def draw(seed: int, at: int) -> Truth:
    """Problem number `at`: arms and chains take turns, half of each have a planted confusion."""
    rng = np.random.default_rng([seed, at])
    return (arm if at % 2 == 0 else chain)(rng, at // 2 % 2 == 1)


def judge(truth: Truth) -> Outcome:
    """Fits one problem and compares with the truth."""
    problem = truth.problem
    fit = METHOD.fit(problem)
    found = uncertainty(problem, fit)
    hidden = {name for group in truth.planted for name in group}
    apart = np.array([name not in hidden for name in problem.names])
    inside = (found.low <= truth.theta) & (truth.theta <= found.high)
    blind = np.array([found.identifiability.blind(name) for name in problem.names])
    return Outcome(
        kind=truth.kind,
        inside=_bools(inside[apart]),
        naive=_bools(_naive(problem, fit, truth)[apart]),
        named=tuple(_names(found, group) for group in truth.planted),
        alarms=_bools(blind[apart]),
        weak=sum(len(g.names) for g in found.identifiability.combinations if g.kind == "weak"),
    )


def _names(found: Uncertainty, planted: tuple[str, ...]) -> bool:
    """Whether one blind group is exactly the planted one."""
    groups = [set(group.names) for group in found.identifiability.combinations]
    return set(planted) in groups and all(found.identifiability.blind(name) for name in planted)


def _naive(problem: Problem, fit: Fit, truth: Truth) -> np.ndarray:
    """Whether estimate +- quantile * plain Gauss-Newton deviation holds the truth [P]."""
    matrix = gauss_newton_covariance(problem, fit.residuals, fit.jacobian)
    if matrix is None:
        return np.zeros(len(truth.theta), dtype=bool)
    half = stats.norm.ppf(0.5 + LEVEL / 2) * np.sqrt(np.maximum(np.diag(matrix), 0.0))
    return np.abs(fit.theta - truth.theta) <= half


def _bools(values: np.ndarray) -> tuple[bool, ...]:
    return tuple(bool(value) for value in values)
