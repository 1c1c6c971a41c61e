"""XL330: one firmware gain held out at a time, beside the authors' files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from daneel.agents.calibration.logs import Log, read_logs
from daneel.agents.calibration.recipe import find_columns, load_recipe
from daneel.agents.calibration.servo import ServoBench
from daneel.agents.calibration.simulator import rollout
from daneel.agents.calibration.windows import cut_windows
from daneel.evaluation import datasets
from daneel.evaluation.bench.calibration import figure
from daneel.evaluation.evidence import Evidence

if TYPE_CHECKING:
    from daneel.evaluation.bench.calibration import Options

SET = "real_robot/rhoban_bam_xl330"
GAIN = "servo/servo/kp"
NAMES = {
    "kt": ("kt",), "R": ("resistance",), "armature": ("armature",), "q_offset": ("offset",),
    "friction_base": ("friction",), "friction_viscous": ("viscous",),
    "friction_stribeck": ("stribeck",), "dtheta_stribeck": ("stribeck_speed",),
    "alpha": ("stribeck_power",), "load_friction_base": ("load_motor", "load_external"),
    "load_friction_stribeck": ("load_motor_stribeck", "load_external_stribeck"),
    "load_friction_motor": ("load_motor",), "load_friction_external": ("load_external",),
    "load_friction_motor_stribeck": ("load_motor_stribeck",),
    "load_friction_external_stribeck": ("load_external_stribeck",),
    "load_friction_motor_quad": ("load_motor_quadratic",),
    "load_friction_external_quad": ("load_external_quadratic",),
}  # fmt: skip
"""The authors' parameter names, and ours."""


def measure(options: Options) -> list[Evidence]:
    """Mean absolute position error of whole runs, each gain held out in turn."""
    del options
    folder = datasets.locate(SET)
    logs = read_logs(sorted(folder.glob("processed/*")), find_columns("xl330"))
    ours: dict[str, list[float]] = {}
    for gain in sorted({log.constants[GAIN] for log in logs}):
        rest = [log for log in logs if log.constants[GAIN] != gain]
        held = [log for log in logs if log.constants[GAIN] == gain]
        recipe = load_recipe("xl330")
        problem = recipe.problem(rest)
        fit = recipe.method().fit(problem)
        values = problem.parameters.nominal(fit.theta)
        ours[f"kp {gain:g}"] = errors(values, held).tolist()
    everything = [error for part in ours.values() for error in part]
    row, what = "XL330 servo, twelve runs, one gain held out at a time", "mean absolute error"
    found, bar = [], float("inf")
    for model in ("m1", "m4", "m6"):
        bar = float(np.mean(errors(authors(folder / f"identified_{model}.json"), logs)))
        name = f"authors' {model.upper()} (fitted on more runs)"
        found.append(figure(row, what, name, bar, "rad"))
    mean = float(np.mean(everything))
    return [figure(row, what, "daneel", mean, "rad", bar, details=ours), *found]


def errors(values: Mapping[str, float], logs: Sequence[Log]) -> np.ndarray:
    """Mean absolute position error of each run."""
    windows = cut_windows(logs, 0, 100)
    simulated = rollout(ServoBench(), {key: np.array([x]) for key, x in values.items()}, windows)
    return np.abs(simulated[0] - windows.q).mean(axis=(1, 2))


def authors(path: object) -> dict[str, float]:
    """One of the authors' parameter files as targets of our servo."""
    with open(str(path), encoding="utf-8") as file:
        given = json.load(file)
    return {
        f"servo/servo/{ours}": float(value)
        for name, value in given.items()
        for ours in NAMES.get(name, ())
    }
