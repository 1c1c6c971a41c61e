"""`daneel calibrate suggest`: the next excitation, chosen to tell the most about the parameters."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from daneel.errors import DaneelError

if TYPE_CHECKING:
    from daneel.agents.calibration.column_map import ColumnMap
    from daneel.agents.calibration.experiment_design import Design, Predict
    from daneel.agents.calibration.parameters import ParameterSet
    from daneel.agents.calibration.problem import Floats
    from daneel.agents.calibration.simulator import Simulator

LIKELY = 4
"""Samples of the posterior that the choice is averaged over."""


@dataclass(frozen=True)
class Options:
    """Suggest the next commands to record, within limits, and what they would teach.

    From rest at zero. The limits are the robot's, one for all joints or one a joint, to both sides.
    """

    calibration: Path
    """A calibration folder with its posterior."""

    command_limits: tuple[float, ...]
    """Largest command: torque in N m, or position in rad where the robot is told positions."""

    joint_limits: tuple[float, ...]
    """Furthest from zero that a joint may turn, in rad."""

    kind: Literal["fourier", "chirp", "steps"] = "fourier"
    """Sums of sines, one sine of rising frequency, or a ladder of steps."""

    seconds: float = 5.0
    """How long the excitation lasts."""

    fastest: float = 3.0
    """Highest frequency in Hz."""

    out: Path = Path("excitation.csv")
    """Where the commands are written: time, then one column a joint."""

    model: Path | None = None
    """Model file, when it no longer lies where it was."""

    seed: int = 0
    """Seed of the search."""


def run(options: Options) -> int:
    """Searches, writes the commands, prints what they would teach."""
    from daneel.agents.calibration.posterior import load_posterior

    posterior = load_posterior(options.calibration)
    robot, columns, parameters, noise = _calibrated(options)
    found = _search(options, robot, columns, parameters, noise, posterior.samples)
    _write(options.out, columns.joints, found)
    print(describe(parameters.names, posterior.samples.std(axis=0), found))
    print(f"commands: {options.out}")
    return 0


def describe(names: tuple[str, ...], now: Floats, found: Design) -> str:
    """Deviations now and as expected afterwards."""
    width = max(map(len, names))
    lines = [f"{'parameter':<{width}}  {'deviation':>10}  {'afterwards':>10}"]
    for name, before, after in zip(names, now, found.std, strict=True):
        lines.append(f"{name:<{width}}  {before:>10.3g}  {after:>10.3g}")
    lines.append(
        f"{found.gain:.2g} nats more than random excitations; {found.refused} left the limits"
    )
    return "\n".join(lines)


def predictor(robot: Simulator, columns: ColumnMap, parameters: ParameterSet, dt: float) -> Predict:
    """Positions [N, T, J] of parameters [N, P] under commands [T, J], from rest at zero."""
    from daneel.agents.calibration.simulator import rollout
    from daneel.agents.calibration.windows import LEAD, Windows

    lead = max(2, round(LEAD / dt))

    def predict(theta: Floats, commands: Floats) -> Floats:
        steps, joints = commands.shape
        rest = np.zeros((1, steps + 1, joints))
        before = np.repeat(commands[:1], lead, axis=0)
        windows = Windows(
            joints=columns.joints, kind=columns.kind, dt=dt, q=rest, dq=rest,
            actions=np.concatenate([before, commands])[None], lead=lead,
            log=np.zeros(1, dtype=np.int64), start=np.zeros(1, dtype=np.int64),
        )  # fmt: skip
        return rollout(robot, parameters.values(theta), windows)[:, 0, 1:]

    return predict


def _search(
    options: Options,
    robot: Simulator,
    columns: ColumnMap,
    parameters: ParameterSet,
    noise: float,
    samples: Floats,
) -> Design:
    from daneel.agents.calibration.experiment_design import DesignSearch, Excitation, Limits

    count = len(columns.joints)
    command = _limits(options.command_limits, count, "command")
    joint = _limits(options.joint_limits, count, "joint")
    limits = Limits(-command, command, -joint, joint)
    family = Excitation(options.kind, options.seconds, 100.0, fastest=options.fastest)
    scale = 0.1 * (parameters.high - parameters.low)
    covariance = np.cov(samples.T).reshape(len(scale), len(scale))
    known = np.asarray(np.linalg.inv(covariance + np.diag((1e-6 * scale) ** 2)), np.float64)
    likely = samples[:: max(1, len(samples) // LIKELY)][:LIKELY]
    predict = predictor(robot, columns, parameters, 1.0 / family.rate)
    search = DesignSearch(family, population=24, rounds=5, seed=options.seed)
    return search.search(predict, likely, scale, limits, noise, known)


def _limits(given: tuple[float, ...], joints: int, kind: str) -> Floats:
    if len(given) not in (1, joints) or min(given) <= 0:
        raise DaneelError(
            f"{kind} limits are {given} for {joints} joints. Expected one positive number, or one "
            f"a joint. Type `--{kind}-limits 2.0`."
        )
    return np.broadcast_to(np.array(given, float), joints).copy()


def _calibrated(options: Options) -> tuple[Simulator, ColumnMap, ParameterSet, float]:
    """Robot, columns, parameters and noise of the folder."""
    from daneel.agents.calibration.column_map import read_yaml
    from daneel.agents.calibration.recipe import load_recipe

    about = read_yaml(options.calibration / "calibration.yaml")
    model = options.model or (Path(about["model"]) if about.get("model") else None)
    recipe = load_recipe(options.calibration / "recipe.yaml", model)
    columns = recipe.columns()
    robot = recipe.robot(columns)
    return robot, columns, recipe.parameters(robot), recipe.settings.noise


def _write(path: Path, joints: tuple[str, ...], found: Design) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", *joints])
        for at, row in enumerate(found.commands):
            writer.writerow([f"{at / found.rate:.4f}", *(f"{value:.6g}" for value in row)])
