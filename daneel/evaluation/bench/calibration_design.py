"""Does the excitation chosen by Fisher information shrink intervals, predicted and in fact?

Random one-joint arms with friction. For several guesses around a wrong one an excitation is chosen;
it and random excitations of the same family, length and limits are then played on the true arm, the
noisy logs are fitted, and the intervals are compared.
"""

from __future__ import annotations

import sys

import numpy as np

from daneel.agents.calibration import FunctionProblem
from daneel.agents.calibration.covariance import prior_scales
from daneel.agents.calibration.experiment_design import (
    Design,
    DesignSearch,
    Excitation,
    Limits,
    Predict,
)
from daneel.agents.calibration.least_squares import LeastSquares
from daneel.agents.calibration.problem import Floats
from daneel.agents.calibration.uncertainty import uncertainty
from daneel.evaluation.bench.calibration_methods import Options, record
from daneel.evaluation.bench.calibration_truths import swing
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import bootstrap_interval

ARMS = 12
RANDOM = 5
"""Random excitations of every arm."""
GUESSES = 4
"""Likely parameters that the choice is averaged over: one alone invites tricks only it has."""
NOISE_RAD = 0.005
NAMES = ("inertia", "damping", "friction", "gravity_torque", "gain")
LOW = np.array([0.02, 0.005, 0.005, 0.5, 0.5])
HIGH = np.array([0.5, 0.5, 0.3, 5.0, 1.5])
PRIOR = np.array([np.inf, np.inf, np.inf, np.inf, 0.05])
"""The gain is known to 5 %: torques would have no size without."""
LIMITS = Limits(np.array([-3.0]), np.array([3.0]), np.array([-2.5]), np.array([2.5]))
FAMILY = Excitation(seconds=4.0)
SEARCH = DesignSearch(FAMILY, population=24, rounds=5)


def measure(options: Options) -> list[Evidence]:
    """Chooses, plays, fits and compares for every arm."""
    predicted, actual = [], []
    for at in range(options.sized(ARMS, 2)):
        rng = np.random.default_rng([options.seed, at])
        truth = rng.uniform([0.05, 0.02, 0.02, 1.0, 0.93], [0.3, 0.2, 0.1, 3.0, 1.07])
        guess = np.clip(truth * rng.uniform(0.8, 1.25, 5), LOW, HIGH)
        chosen = choose(guess, options.seed)
        others = random_excitations(rng, guess)
        after = [expected(guess, commands) for commands in others]
        predicted.append(_ratio(chosen.std, np.array(after)))
        widths = [width(truth, commands, rng) for commands in [chosen.commands, *others]]
        actual.append(_ratio(widths[0], np.array(widths[1:])))
        print(f"{at}: {predicted[-1]:.2f} {actual[-1]:.2f}", file=sys.stderr, flush=True)
    unit = "of a random excitation's"
    return [
        _figure("width of intervals, predicted", predicted, unit, options.seed, 1.0),
        _figure("width of intervals, fitted", actual, unit, options.seed, 1.0),
    ]


def predictor() -> Predict:
    """Angles [N, T, 1] of parameters under commands, from rest."""

    def predict(theta: Floats, commands: Floats) -> Floats:
        value = {name: theta[:, at, None] for at, name in enumerate(NAMES)}
        return swing(value, np.zeros(1), commands.T)[:, 0, :, None]

    return predict


def choose(guess: Floats, seed: int) -> Design:
    """The excitation for an arm that is believed to be `guess`."""
    search = DesignSearch(FAMILY, SEARCH.population, SEARCH.rounds, seed=seed)
    spread = np.random.default_rng(seed).uniform(-0.2, 0.2, (GUESSES, len(guess)))
    likely = np.clip(guess * np.exp(spread), LOW, HIGH)
    return search.search(predictor(), likely, guess, LIMITS, NOISE_RAD, _known())


def random_excitations(rng: np.random.Generator, guess: Floats) -> list[Floats]:
    """Random ones of the family that keep the joint within its limits."""
    found: list[Floats] = []
    while len(found) < RANDOM:
        commands = FAMILY.commands(rng.random(FAMILY.size(1)), LIMITS)
        reach = predictor()(guess[None], commands)
        if (np.abs(reach) < LIMITS.joint_high).all():
            found.append(commands)
    return found


def expected(guess: Floats, commands: Floats) -> Floats:
    """Standard deviations [P] that the guess promises for an excitation."""
    predict, step = predictor(), 1e-3 * guess
    paths = predict(np.concatenate([guess[None], guess + np.diag(step)]), commands)[..., 0]
    slopes = (paths[1:] - paths[0]) / step[:, None] / NOISE_RAD
    return np.sqrt(np.diag(np.linalg.inv(slopes @ slopes.T + _known())))


def width(truth: Floats, commands: Floats, rng: np.random.Generator) -> Floats:
    """Widths [P] of the intervals fitted to a noisy log of the true arm."""
    predict = predictor()
    measured = predict(truth[None], commands)[0, :, 0]
    measured = measured + NOISE_RAD * rng.normal(size=len(measured))
    problem = FunctionProblem(
        names=NAMES, low=LOW, high=HIGH, initial=np.array([0.15, 0.1, 0.05, 2.0, 1.0]),
        function=lambda theta: (predict(theta, commands)[..., 0] - measured) / NOISE_RAD,
        segments=np.zeros(len(measured), dtype=np.int64), prior_std=PRIOR,
    )  # fmt: skip
    fit = LeastSquares(iterations=40, starts=16, tolerance=1e-9).fit(problem)
    found = uncertainty(problem, fit)
    return np.minimum(found.high - found.low, prior_scales(problem) * 4.0)


def _known() -> Floats:
    return np.diag(np.where(np.isfinite(PRIOR), PRIOR**-2.0, (HIGH - LOW) ** -2.0))


def _ratio(ours: Floats, theirs: Floats) -> float:
    """Geometric mean over parameters and excitations of our width over theirs."""
    return float(np.exp(np.mean(np.log(ours) - np.log(theirs))))


def _figure(measure: str, values: list[float], unit: str, seed: int, threshold: float) -> Evidence:
    middle = float(np.exp(np.mean(np.log(values))))
    ends = bootstrap_interval(
        np.array(values), np.random.default_rng(0),
        lambda drawn, /, axis: np.exp(np.log(drawn).mean(axis=axis)),
    )  # fmt: skip
    return record(
        measure, "chosen by Fisher information", middle, unit, seed, threshold, "lower",
        interval=ends, kind="bootstrap over arms", details={"per_arm": values},
    )  # fmt: skip
