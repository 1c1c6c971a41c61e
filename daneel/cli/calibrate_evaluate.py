"""`daneel calibrate evaluate`: how far any calibration's rollouts are from any log, by horizon."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daneel.errors import DaneelError

if TYPE_CHECKING:
    from daneel.agents.calibration.horizons import HorizonErrors
    from daneel.agents.calibration.recipe import Recipe

RECORDS = "evaluations.jsonl"
"""File in the calibration folder that evaluations are appended to."""


@dataclass(frozen=True)
class Options:
    """Print and record the open-loop error by horizon of a calibration on logs.

    Rollouts start at the measured state; nothing of the log but commands is seen after it. Next to
    the calibration stand the model before it and parameter files of others, on the same windows.
    """

    calibration: Path
    """A calibration folder."""

    logs: tuple[Path, ...] = ()
    """Logs, best ones that were not used for the fit."""

    against: tuple[Path, ...] = ()
    """Other calibrations: folders, or YAML files of `target: value`."""

    columns: str | None = None
    """Column map of these logs, when it is not the recipe's."""

    model: Path | None = None
    """Model file, when it no longer lies where it was."""

    horizons: tuple[float, ...] = (0.1, 0.5, 1.0, 2.0)
    """Seconds after the start."""

    every: float = 0.2
    """Seconds from the start of one rollout to the next."""

    measured_torque: bool = False
    """Drive with the measured torque in the place of the command."""

    json: bool = False
    """Print one JSON object."""

    def __post_init__(self) -> None:
        """Checks that there is something to measure.

        Raises:
            DaneelError: There is no log, or a horizon is not positive.
        """
        if not self.logs:
            raise DaneelError(
                "No log was given. Expected recordings of the robot. Add `--logs run1.csv`."
            )
        if not self.horizons or min(self.horizons) <= 0 or not self.every > 0:
            raise DaneelError(
                f"horizons are {self.horizons} and every is {self.every}. Expected seconds above "
                "zero. Type `--horizons 0.1 0.5 1`."
            )


def run(options: Options) -> int:
    """Simulates, prints the table, appends the record."""
    errors, notes = evaluate(options)
    record = _record(options, errors)
    with (options.calibration / RECORDS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    print(json.dumps(record) if options.json else table(errors))
    for note in notes:
        print(note)
    return 0


def evaluate(options: Options) -> tuple[dict[str, HorizonErrors], list[str]]:
    """Errors of every set of parameters on the same windows, and what the logs had to say.

    Raises:
        CalibrationError: Folder, logs or model cannot be read, or no window is long enough.
    """
    from daneel.agents.calibration.calibrate import doubts, load_values
    from daneel.agents.calibration.horizons import explained, horizon_errors
    from daneel.agents.calibration.logs import read_logs
    from daneel.agents.calibration.residual_actuator import FILE as RESIDUAL
    from daneel.agents.calibration.residual_actuator import load_residual
    from daneel.agents.calibration.residual_calibration import residual_errors
    from daneel.agents.calibration.windows import cut_windows

    recipe = _recipe(options)
    logs = read_logs(options.logs, recipe.columns())
    robot = recipe.robot(recipe.columns_of(logs))
    windows = cut_windows(logs, max(options.horizons), options.every, options.measured_torque)
    initial = recipe.parameters(robot)
    sets: dict[str, Mapping[str, float]] = {
        "before": initial.nominal(initial.initial),
        "calibrated": load_values(options.calibration),
    }
    sets |= {
        path.stem if path.is_file() else path.name: load_values(path) for path in options.against
    }
    notes = [f"{log.name}: {note}" for log in logs for note in log.notes]
    seconds = windows.steps * windows.dt
    notes += doubts(explained(robot, sets["calibrated"], windows), seconds)
    errors = {
        name: horizon_errors(robot, values, windows, options.horizons)
        for name, values in sets.items()
    }
    if (options.calibration / RESIDUAL).is_file():
        network = load_residual(options.calibration)
        errors["with residual"] = residual_errors(
            robot, sets["calibrated"], windows, network, options.horizons
        )
    return errors, notes


def table(errors: Mapping[str, HorizonErrors]) -> str:
    """Root mean square and median errors, one row a set of parameters."""
    first = next(iter(errors.values()))
    width = max(len(name) for name in errors)
    heads = "  ".join(f"{f'{h:g} s':>16}" for h in first.horizons)
    lines = [f"RMSE (median), rad; {len(first.errors)} rollouts", f"{'':<{width}}  {heads}"]
    for name, found in errors.items():
        pairs = zip(found.rmse, found.median, strict=True)
        cells = "  ".join(f"{f'{rmse:.4g} ({median:.4g})':>16}" for rmse, median in pairs)
        lines.append(f"{name:<{width}}  {cells}")
    return "\n".join(lines)


def _recipe(options: Options) -> Recipe:
    """The recipe that the folder was made with."""
    from daneel.agents.calibration.column_map import read_yaml
    from daneel.agents.calibration.recipe import load_recipe, with_settings

    about = read_yaml(options.calibration / "calibration.yaml")
    model = options.model or (Path(about["model"]) if about.get("model") else None)
    recipe = load_recipe(options.calibration / "recipe.yaml", model, options.columns)
    return with_settings(recipe, measured_torque=options.measured_torque or None)


def _record(options: Options, errors: Mapping[str, HorizonErrors]) -> dict[str, Any]:
    first = next(iter(errors.values()))
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "logs": [str(path) for path in options.logs],
        "rollouts": len(first.errors),
        "horizons_s": list(first.horizons),
        "rmse": {name: [float(e) for e in found.rmse] for name, found in errors.items()},
        "median": {name: [float(e) for e in found.median] for name, found in errors.items()},
    }
