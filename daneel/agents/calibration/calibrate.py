"""Logs and a recipe in, a calibration out; saved as a folder that every later verb reads.

calibration.yaml   parameters with intervals, targets, quality, method, versions, logs
model.xml          the calibrated model as MJCF, and model.urdf
recipe.yaml        the recipe
fit.npz            theta, covariance, residuals and Jacobian
"""

from __future__ import annotations

import dataclasses
import datetime
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from daneel import __version__
from daneel.agents.calibration.arm import PlanarArm
from daneel.agents.calibration.arm_mjcf import arm_mjcf
from daneel.agents.calibration.column_map import read_yaml
from daneel.agents.calibration.horizons import explained, horizon_errors
from daneel.agents.calibration.logs import Log
from daneel.agents.calibration.method import Watch
from daneel.agents.calibration.problem import CalibrationError, Fit, Floats
from daneel.agents.calibration.recipe import Recipe
from daneel.agents.calibration.rollout_problem import RolloutProblem, describe_instability
from daneel.agents.calibration.sensor_noise import sensor_noise
from daneel.agents.calibration.strays import describe_strays, fit_trimmed, places
from daneel.files import replace_text

POOR = 0.8
"""A fit that foresees a smaller share of the motion than this is called poor."""
NORMAL_95 = 1.959964
EDGE = 1e-3
"""A parameter nearer to a bound than this share of its range is said to lie at the bound."""


@dataclass(frozen=True)
class Calibration:
    """What came out of one calibration."""

    problem: RolloutProblem
    """The problem that was solved."""
    fit: Fit
    """The parameters that were found."""
    explained: float
    """Share of the motion in the fitting windows that rollouts foresee."""
    before: float
    """The same with the initial parameters."""
    warnings: tuple[str, ...]
    """What a reader has to know before trusting it."""

    @property
    def values(self) -> dict[str, float]:
        """Values of all targets that the calibration sets."""
        return self.problem.parameters.nominal(self.fit.theta)

    @property
    def noise(self) -> dict[str, float]:
        """Standard deviation of each position sensor, by its target."""
        windows = self.problem.windows
        errors = self.problem.simulate(self.fit.theta[None])[0] - windows.q
        pairs = zip(windows.joints, sensor_noise(errors), strict=True)
        return {f"sensor/{joint}/noise": float(f"{spread:.4g}") for joint, spread in pairs}

    @property
    def intervals(self) -> Floats:
        """Low and high end of the parameters' 95 % intervals [P, 2], from the fit's covariance."""
        if self.fit.covariance is None:
            return np.full((len(self.fit.theta), 2), np.nan)
        spread = NORMAL_95 * np.sqrt(np.maximum(np.diag(self.fit.covariance), 0.0))
        low = np.clip(self.fit.theta - spread, self.problem.low, self.problem.high)
        high = np.clip(self.fit.theta + spread, self.problem.low, self.problem.high)
        return np.stack([low, high], axis=1)


def calibrate(recipe: Recipe, logs: Sequence[Log], watch: Watch | None = None) -> Calibration:
    """Finds the parameters of a recipe from logs.

    Args:
        recipe: Robot, parameters and method.
        logs: What was measured.
        watch: Told of every better candidate.

    Raises:
        CalibrationError: The simulation is unstable everywhere, or logs and robot do not match.
    """
    problem, names = recipe.problem(logs), [log.name for log in logs]
    try:
        found = fit_trimmed(problem, recipe.method(), recipe.settings.trim, watch)
    except CalibrationError as error:
        raise CalibrationError(f"{error} {describe_instability(problem)}".strip()) from error
    judged = judge(found.problem, found.fit)
    said = describe_strays(found.problem, found.fit.theta, names)
    if len(found.left_out):
        some = f"{len(found.left_out)} of {len(problem.windows)} rollouts"
        said = f"Left out, {some}: {places(found.left_out, names)}. {said}"
    return replace(judged, warnings=(*judged.warnings, said.strip())) if said else judged


def judge(problem: RolloutProblem, fit: Fit) -> Calibration:
    """A fit with what has to be said about it."""
    values = problem.parameters.nominal
    share = explained(problem.simulator, values(fit.theta), problem.windows)
    before = explained(problem.simulator, values(problem.initial), problem.windows)
    warnings = doubts(share, problem.windows.steps * problem.windows.dt)
    if not fit.converged:
        warnings.append(f"The search was cut short ({fit.message}): more iterations may help.")
    span = EDGE * (problem.high - problem.low)
    edge = (fit.theta - problem.low < span) | (problem.high - fit.theta < span)
    at_bounds = [name for name, yes in zip(problem.names, edge, strict=True) if yes]
    if at_bounds:
        warnings.append(f"At their bounds: {', '.join(at_bounds)}.")
    return Calibration(problem, fit, share, before, tuple(warnings))


def doubts(share: float, seconds: float) -> list[str]:
    """What has to be said of rollouts of so many seconds that foresee this share of the motion."""
    if share >= POOR:
        return []
    return [
        f"Poor fit: the calibrated model foresees {max(share, 0.0):.0%} of the motion over "
        f"{seconds:.3g} s, {POOR:.0%} were expected. Is this the log of another robot, are its "
        "units right (degrees for radians?), or does the model lack something that moves it?"
    ]


def save(calibration: Calibration, recipe: Recipe, logs: Sequence[Log], folder: Path) -> Path:
    """Writes a calibration folder and returns its path.

    Raises:
        CalibrationError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tree = summary(calibration, recipe, logs)
        tree["urdf"] = _save_model(calibration, folder)
        text = yaml.safe_dump(tree, sort_keys=False)
        replace_text(folder / "calibration.yaml", text)
        replace_text(folder / "recipe.yaml", yaml.safe_dump(_plain(recipe), sort_keys=False))
        _save_fit(calibration.fit, folder / "fit.npz")
    except OSError as error:
        raise CalibrationError(
            f"{folder} cannot be written: {error}. Expected a folder of yours. Give another one "
            "with `--out DIR`."
        ) from error
    return folder


def summary(calibration: Calibration, recipe: Recipe, logs: Sequence[Log]) -> dict[str, Any]:
    """Everything in `calibration.yaml`, as plain data."""
    return {
        "parameters": _parameters(calibration),
        "interval": "95 %, from the Gauss-Newton covariance of the fit",
        "units": "SI, radians",
        "targets": calibration.values,
        "sensor_noise": calibration.noise,
        "model": str(recipe.model) if recipe.model else None,
        "recipe": recipe.origin,
        "structure": recipe.tree.get("structure"),
        "joints": list(calibration.problem.windows.joints),
        "method": {"name": "least-squares", **dict(recipe.tree.get("method") or {})},
        "seeds": seeds(recipe.method()),
        "quality": _quality(calibration),
        "warnings": list(calibration.warnings),
        "logs": [
            {"name": log.name, "sha256": log.sha256, "notes": list(log.notes)} for log in logs
        ],
        "versions": {
            "daneel": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _parameters(calibration: Calibration) -> dict[str, Any]:
    """What was fitted, with intervals, by name."""
    problem = calibration.problem
    return {
        parameter.name: {
            "value": float(value),
            "interval": [float(low), float(high)],
            "initial": parameter.initial,
            "bounds": [parameter.low, parameter.high],
            "targets": dict(parameter.targets),
        }
        for parameter, value, (low, high) in zip(
            problem.parameters.parameters, calibration.fit.theta, calibration.intervals, strict=True
        )
    }


def _quality(calibration: Calibration) -> dict[str, Any]:
    """How well it fits over horizons, and how well the start did."""
    problem, fit = calibration.problem, calibration.fit
    after = horizon_errors(problem.simulator, calibration.values, problem.windows)
    start = problem.parameters.nominal(problem.initial)
    before = horizon_errors(problem.simulator, start, problem.windows)
    return {
        "explained": round(calibration.explained, 6),
        "explained_before": round(calibration.before, 6),
        "horizons_s": list(after.horizons),
        "rmse_before": [float(value) for value in before.rmse],
        "rmse": [float(value) for value in after.rmse],
        "converged": fit.converged,
        "evaluations": fit.evaluations,
        "cost": fit.cost,
    }


def seeds(method: Any) -> dict[str, int]:
    """Seeds of a method and of what it is made of, by the name of the field."""
    found: dict[str, int] = {}
    for field in dataclasses.fields(method):
        value = getattr(method, field.name)
        if field.name == "seed":
            found["search"] = int(value)
        elif dataclasses.is_dataclass(value):
            found |= seeds(value)
    return found


def load_values(path: Path) -> dict[str, float]:
    """Target values of a calibration folder, a `calibration.yaml`, or a file of `target: value`.

    Raises:
        CalibrationError: There are none.
    """
    tree = read_yaml(path / "calibration.yaml" if path.is_dir() else path)
    targets = tree.get("targets", tree)
    if not isinstance(targets, Mapping):
        raise CalibrationError(f"{path} has no targets. Expected `target: value` lines.")
    try:
        return {str(name): float(value) for name, value in targets.items()}
    except (TypeError, ValueError) as error:
        raise CalibrationError(
            f"{path} holds something that is no number: {error}. Expected `target: value` lines. "
            "Type `daneel calibrate targets MODEL` to see the targets."
        ) from error


def _plain(recipe: Recipe) -> dict[str, Any]:
    from daneel import config

    return {**dict(recipe.tree), "settings": config.to_dict(recipe.settings)}


def _save_fit(fit: Fit, path: Path) -> None:
    covariance = np.zeros((0, 0)) if fit.covariance is None else fit.covariance
    np.savez_compressed(
        path, theta=fit.theta, covariance=covariance, residuals=fit.residuals, jacobian=fit.jacobian
    )


def _save_model(calibration: Calibration, folder: Path) -> str:
    """Writes model.xml and model.urdf; says why there is no URDF where there is none."""
    from daneel.agents.calibration.mujoco_model import MujocoRobot
    from daneel.agents.calibration.mujoco_source import compiled
    from daneel.agents.calibration.urdf import urdf

    simulator, path = calibration.problem.simulator, folder / "model.xml"
    if isinstance(simulator, PlanarArm):
        text = arm_mjcf(simulator, calibration.values)
        replace_text(path, text)
        model = compiled(text)
    elif isinstance(simulator, MujocoRobot):
        simulator.save(path, calibration.values)
        model = simulator.apply(calibration.values)
    else:
        return "none: this robot is no tree of bodies"
    try:
        replace_text(folder / "model.urdf", urdf(model, values=calibration.values))
    except CalibrationError as error:
        return f"none: {error}"
    return "model.urdf"
