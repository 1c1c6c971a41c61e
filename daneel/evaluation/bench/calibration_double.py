"""Double pendulum: rollouts from the measured state every 0.2 s, beside the authors' files.

The structure of the model is chosen by cross-validation on the six training runs of build C.1; the
other builds take it over. No run that is scored has a say in it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from daneel.agents.calibration.horizons import HorizonErrors, horizon_errors
from daneel.agents.calibration.logs import Log, read_logs
from daneel.agents.calibration.recipe import Recipe, find_columns, load_recipe, with_settings
from daneel.agents.calibration.simulator import Simulator
from daneel.agents.calibration.structures import choose_structure
from daneel.agents.calibration.windows import cut_windows
from daneel.evaluation import datasets
from daneel.evaluation.bench.calibration import figure
from daneel.evaluation.evidence import Evidence

if TYPE_CHECKING:
    from daneel.evaluation.bench.calibration import Options

SET = "real_robot/dfki_double_pendulum"
BARS = {"C.1": (0.013, 0.051, 0.051, 0.052), "C.0": (0.018, 0.080, 0.058, 0.069)}
"""RMSE in rad at 0.1, 0.5, 1 and 2 s of the best of the authors' files, as the issue states it."""
BUILDS = {"A.0": (0.3, 0.2), "C.0": (0.2, 0.3), "C.1": (0.2, 0.3)}
"""Lengths of the links in m."""
EVERY, HORIZON = 0.2, 2.0


def measure(options: Options) -> list[Evidence]:
    """C.1 on two held-out runs, C.0 with one run left out at a time, energetic runs of both."""
    del options
    base = load_recipe("double-pendulum")
    sparse = with_settings(base, every=2 * base.settings.every)
    recipe = replace(choose_structure(sparse, training(), say=print), settings=base.settings)
    return [*excitation_c1(recipe), *excitation_c0(recipe), *energetic(recipe)]


def training() -> list[Log]:
    """The six runs of build C.1 before 144003."""
    logs = load("C1_sysid_20230629/*")
    return [log for log in logs if not log.name.startswith("144")]


def excitation_c1(recipe: Recipe) -> list[Evidence]:
    """Fitted on the six runs before 144003."""
    held = [log for log in load("C1_sysid_20230629/*") if log.name.startswith("144")]
    robot, values, seconds = fit(recipe, training(), "C.1")
    errors = score(robot, values, held, measured=False)
    theirs = {
        model: score(robot, authors(f"design_C.1_model_{model}.yml"), held, measured=False)
        for model in ("1.0", "2.0", "3.0")
    }
    row = "double pendulum C.1, runs 144003 and 144115, commanded torque"
    about = recipe.tree["structure"]
    return [
        *rows(row, errors, theirs, BARS["C.1"], seconds),
        figure("double pendulum C.1, six training runs", "error of the chosen structure",
               about["chosen"], about["errors"][about["chosen"]], "rad", details=about),
    ]  # fmt: skip


def excitation_c0(recipe: Recipe) -> list[Evidence]:
    """Fitted on six runs, scored on the seventh, for each of the seven."""
    logs = load("C0_sysid_20220914/*")
    parts, seconds = [], 0.0
    robot = recipe.robot(find_columns("dfki-double-pendulum"))
    for held in logs:
        rest = [log for log in logs if log is not held]
        _, values, took = fit(recipe, rest, "C.0", measured=True)
        parts.append(score(robot, values, [held], measured=True))
        seconds = max(seconds, took)
    theirs = {
        model: joined([score(robot, authors(f"design_C.0_model_{model}.yml"), [log], measured=True)
                       for log in logs])
        for model in ("3.0", "3.1")
    }  # fmt: skip
    row = "double pendulum C.0, each of seven runs left out in turn, measured torque"
    return rows(row, joined(parts), theirs, BARS["C.0"], seconds)


def energetic(recipe: Recipe) -> list[Evidence]:
    """Fitted on excitation, scored on closed-loop runs that no fit has seen."""
    found: list[Evidence] = []
    for build, excitation, closed, models in (
        ("C.0", "C0_sysid_20220914/*", "C0_closed_loop_20220914/*", ("3.0", "3.1")),
        ("A.0", "A0_sysid_20220812/*", "A0_closed_loop_20220819/*", ("2.1",)),
    ):
        robot, values, seconds = fit(recipe, load(excitation), build, build == "C.0")
        held = load(closed)
        errors = score(robot, values, held, measured=True)
        theirs = {
            model: score(robot, authors(f"design_{build}_model_{model}.yml"), held, measured=True)
            for model in models
        }
        best = tuple(min(float(e.rmse[h]) for e in theirs.values()) for h in range(4))
        row = f"double pendulum {build}, energetic closed-loop runs, measured torque"
        found += rows(row, errors, theirs, best, seconds)
    return found


def load(pattern: str) -> list[Log]:
    """Logs of the set, with the column map that fits their header."""
    short = pattern.startswith("A0_sysid")
    columns = find_columns("dfki-double-pendulum" + ("-short" if short else ""))
    return read_logs(sorted(datasets.locate(SET).glob(pattern)), columns)


def fit(
    recipe: Recipe, logs: Sequence[Log], build: str, measured: bool = False
) -> tuple[Simulator, dict[str, float], float]:
    """The robot, its calibrated targets, and the seconds of CPU that it took."""
    recipe = with_settings(recipe, measured_torque=measured)
    shoulder, elbow = BUILDS[build]
    lengths = {"body/shoulder/length": shoulder, "body/elbow/length": elbow}
    recipe = replace(recipe, tree={**recipe.tree, "fixed": {**recipe.tree["fixed"], **lengths}})
    began = time.process_time()
    problem = recipe.problem(logs)
    found = recipe.method().fit(problem)
    return problem.simulator, problem.parameters.nominal(found.theta), time.process_time() - began


def score(
    robot: Simulator, values: Mapping[str, float], logs: Sequence[Log], measured: bool
) -> HorizonErrors:
    """Errors of rollouts that start every 0.2 s from the measured state."""
    return horizon_errors(robot, values, cut_windows(logs, HORIZON, EVERY, measured))


def authors(name: str) -> dict[str, float]:
    """One of the authors' parameter files as targets of our arm."""
    path: Path = datasets.locate(SET) / "identified_parameters" / name
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    found: dict[str, float] = {"option/world/gravity": given["g"]}
    for number, joint in ((1, "shoulder"), (2, "elbow")):
        mass, com = given[f"m{number}"], given[f"r{number}"]
        found |= {
            f"body/{joint}/mass": mass,
            f"body/{joint}/com": com,
            f"body/{joint}/length": given[f"l{number}"],
            f"body/{joint}/inertia": given[f"I{number}"] - mass * com * com,  # theirs: the pivot's
            f"joint/{joint}/damping": given[f"b{number}"],
            f"joint/{joint}/coulomb": given[f"cf{number}"] * math.pi / 2,  # theirs: cf arctan(100v)
            f"joint/{joint}/slope": 100.0,
            f"joint/{joint}/rotor_inertia": given["Ir"],
            f"joint/{joint}/gear": given["gr"],
        }
    return found


def joined(parts: Sequence[HorizonErrors]) -> HorizonErrors:
    """The errors of several logs together."""
    import numpy as np

    return HorizonErrors(parts[0].horizons, np.concatenate([part.errors for part in parts]))


def rows(
    row: str,
    ours: HorizonErrors,
    theirs: Mapping[str, HorizonErrors],
    bars: Sequence[float],
    seconds: float,
) -> list[Evidence]:
    """RMSE and median at each horizon, ours with the bar, and every file of the authors."""
    found = []
    for at, horizon in enumerate(ours.horizons):
        details: dict[str, Any] = {
            "median": float(ours.median[at]),
            "quantile_90": float(ours.quantile(0.9)[at]),
            "rollouts": len(ours.errors),
            "fit_cpu_seconds": seconds,
        }
        measure = f"RMSE after {horizon:g} s"
        found.append(
            figure(row, measure, "daneel", float(ours.rmse[at]), "rad", bars[at], details=details)
        )
        for model, errors in theirs.items():
            details = {
                "median": float(errors.median[at]),
                "quantile_90": float(errors.quantile(0.9)[at]),
            }
            name = f"authors' file {model}"
            found.append(figure(row, measure, name, float(errors.rmse[at]), "rad", details=details))
        best = min(float(errors.median[at]) for errors in theirs.values())
        found.append(
            figure(
                row, f"median after {horizon:g} s", "daneel", float(ours.median[at]), "rad", best
            )
        )
    return found
