"""Simple pendulum (torque), free-swinging arms (prediction horizon), Go2 legs (last 30 %)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import signal

from daneel.agents.calibration.arm import PlanarArm
from daneel.agents.calibration.horizons import time_to_error
from daneel.agents.calibration.inverse import TorqueProblem
from daneel.agents.calibration.least_squares import LeastSquares
from daneel.agents.calibration.logs import Log, cut, read_logs
from daneel.agents.calibration.problem import Floats
from daneel.agents.calibration.recipe import Recipe, find_columns, load_recipe
from daneel.agents.calibration.simulator import rollout
from daneel.agents.calibration.structures import (
    choose_structure,
    cross_validate,
    structures,
    with_structure,
)
from daneel.agents.calibration.tables import read_tables
from daneel.agents.calibration.windows import cut_windows
from daneel.evaluation import datasets
from daneel.evaluation.bench.calibration import figure
from daneel.evaluation.evidence import Evidence

if TYPE_CHECKING:
    from daneel.evaluation.bench.calibration import Options

GO2 = Path(str(resources.files("daneel") / "configs" / "calibration" / "models" / "go2-legs.xml"))
SPANS = (0.12, 0.09, 0.15, 0.2)
"""Lengths in seconds of the cubics that differentiate positions; the first to choose the rest."""
FOLDS = 5
LIMIT = 0.2
"""Error in rad at which a prediction has lost its robot."""


def measure_simple(options: Options) -> list[Evidence]:
    """Fitted on direct_collocation, torque error on ddp.

    The structure of the friction and the length of the cubics are chosen by cross-validation on
    direct_collocation. Beside it stands what no choice on another run can go below by much: the
    same model fitted on ddp itself, the best there of every structure and length, and the same with
    the reported torque smoothed like the positions, which is how the bar was once reckoned.
    """
    del options
    folder = datasets.locate("real_robot/dfki_simple_pendulum")
    recipe = load_recipe("simple-pendulum")
    train, test = (
        read_logs([folder / f"{name}__data_measured.csv.gz"], recipe.columns())
        for name in ("direct_collocation", "ddp")
    )
    chosen = choose_structure(recipe, train, folds=FOLDS, score=partial(_torque_score, SPANS[0]))
    one = replace(chosen, tree={**chosen.tree, "structures": {"one": {}}})
    scores = [
        cross_validate(one, train, FOLDS, partial(_torque_score, span)).errors["one"]
        for span in SPANS
    ]
    span = SPANS[int(np.argmin(scores))]
    problem, theta = _torque_fit(chosen, train, span)
    _, own = _torque_fit(chosen, test, span)
    held = TorqueProblem(problem.arm, problem.parameters, test, 1.0, span)
    row, what = "simple pendulum, ddp run, fitted on direct_collocation", "torque RMSE"
    details = {
        "parameters": dict(zip(problem.names, map(float, theta), strict=True)),
        "structure": chosen.tree["structure"],
        "span_s": {str(at): score for at, score in zip(SPANS, scores, strict=True)},
    }
    return [
        figure(row, what, "daneel", _rms(held, theta), "N m", 0.17, details=details),
        figure(row, what, "the same model fitted on ddp itself", _rms(held, own), "N m"),
        figure(
            row, what, "everything chosen and fitted on ddp itself", _least(recipe, test), "N m"
        ),
        figure(
            row,
            what,
            "the same, of the reported torque smoothed over 0.15 s",
            _least(recipe, [_smoothed(log) for log in test]),
            "N m",
        ),
    ]


def _torque_fit(recipe: Recipe, logs: Sequence[Log], span: float) -> tuple[TorqueProblem, Floats]:
    """The problem of torques and its best parameters."""
    arm = recipe.robot(recipe.columns())
    assert isinstance(arm, PlanarArm)
    problem = TorqueProblem(arm, recipe.parameters(arm), logs, span=span)
    return problem, LeastSquares().fit(problem).theta


def _least(recipe: Recipe, logs: Sequence[Log]) -> float:
    """The least torque error on the very logs that are fitted, of all structures and lengths."""
    errors = []
    for name in structures(recipe):
        for span in SPANS:
            problem, theta = _torque_fit(with_structure(recipe, name), logs, span)
            errors.append(_rms(replace(problem, noise=1.0), theta))
    return min(errors)


def _smoothed(log: Log, span: float = 0.15) -> Log:
    """The log with the torque of cubics through it, as positions are differentiated."""
    rows = round(span / log.dt) | 1
    torque = signal.savgol_filter(log.actions(measured=True), rows, 3, axis=0)
    return replace(log, torque=np.asarray(torque, float))


def _torque_score(span: float, recipe: Recipe, train: Sequence[Log], held: Sequence[Log]) -> float:
    """Logarithm of the torque error on pieces that were not fitted."""
    problem, theta = _torque_fit(recipe, train, span)
    return math.log(_rms(replace(problem, logs=held, noise=1.0), theta))


def _rms(problem: TorqueProblem, theta: Floats) -> float:
    return float(np.sqrt(np.mean(problem.residuals(theta[None]) ** 2)))


def measure_multiarm(options: Options) -> list[Evidence]:
    """Seconds until the error of free-swinging arms passes 0.2 rad, on validation segments."""
    del options
    folder = datasets.locate("real_robot/multiarm_pendulum")
    found = []
    for name in ("single", "double", "triple"):
        recipe = load_recipe(f"multiarm-{name}")
        data = folder / f"{name.capitalize()}PendulumDataForParameterEstimation.mat"
        problem = recipe.problem(read_logs([data], recipe.columns()))
        fit = recipe.method().fit(problem)
        held = read_logs([data], find_columns(f"multiarm-{name}-validation"))
        windows = cut_windows(held, 0, 100)
        arm = problem.simulator
        ours = time_to_error(arm, problem.parameters.nominal(fit.theta), windows, LIMIT)
        path = folder / f"EstimatedParameters_{name.capitalize()}Pendulum.mat"
        theirs = time_to_error(arm, authors(path), windows, LIMIT)
        row, what = f"multi-arm pendulum, {name}, validation segments", "mean prediction horizon"
        bar = float(theirs.mean())
        details = {"seconds": ours.tolist(), "length": windows.steps * windows.dt}
        found += [
            figure(row, what, "daneel", float(ours.mean()), "s", bar, "higher", details=details),
            figure(row, what, "authors' file", bar, "s", details={"seconds": theirs.tolist()}),
        ]
    return found


def authors(path: Path) -> dict[str, float]:
    """The authors' estimate (m, a, L, I, k, g in their order) as targets of our arm."""
    table = read_tables(path)[0]
    given = np.ravel(table.columns["EstimatedParameters"])
    links = {5: 1, 10: 2, 15: 3}[len(given)]
    if links == 1:  # their order for one arm is a, m, I, k, g
        given = given[[1, 0, 2, 3, 4]]
    mass, com = given[:links], given[links : 2 * links]
    length = np.append(given[2 * links : 3 * links - 1], 0.25)
    inertia, damping = given[3 * links - 1 : 4 * links - 1], given[4 * links - 1 : 5 * links - 1]
    found: dict[str, float] = {"option/world/gravity": float(given[-1])}
    for at in range(links):
        link = {"mass": mass, "com": com, "length": length, "inertia": inertia}
        found |= {f"body/arm{at + 1}/{key}": float(value[at]) for key, value in link.items()}
        found[f"joint/arm{at + 1}/damping"] = float(damping[at])
    return found


def measure_go2(options: Options) -> list[Evidence]:
    """Fitted on the first 70 %, position error on the last 30 %."""
    del options
    recipe = load_recipe("go2", GO2)
    log = read_logs([datasets.locate("real_robot/iit_go2_joint_chirp") / "traj_0.npz"],
                    recipe.columns())[0]  # fmt: skip
    edge = int(0.7 * len(log.q))
    problem = recipe.problem([cut(log, slice(0, edge))])
    fit = recipe.method().fit(problem)
    windows = cut_windows([cut(log, slice(edge, len(log.q)))], 0, 100)

    def rmse(values: Mapping[str, float]) -> float:
        one = {key: np.array([value]) for key, value in values.items()}
        simulated = rollout(problem.simulator, one, windows)[0]
        return float(np.sqrt(np.mean((simulated - windows.q) ** 2)))

    row, what = "Go2 chirp, twelve joints, last 30 %, one rollout", "position RMSE"
    start = problem.parameters.nominal(problem.initial)
    bare = {
        key: 0.0 if key.endswith("frictionloss") else 0.1 if key.endswith("damping") else value
        for key, value in start.items()
    }
    nominal, plain = rmse(start), rmse(bare)
    bar = 0.6 * min(nominal, plain)
    values = problem.parameters.nominal(fit.theta)
    return [
        figure(row, what, "daneel", rmse(values), "rad", bar),
        figure(row, what, "nominal: damping 2, armature 0.01, friction 0.2", nominal, "rad"),
        figure(row, what, "nominal: damping 0.1, armature 0.01, no friction", plain, "rad"),
    ]
