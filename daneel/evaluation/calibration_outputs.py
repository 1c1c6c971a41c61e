"""What a calibration folder holds besides the fit: intervals, posterior, preset and report.

`agents` cannot write reports; the command line calls `complete` after the core has saved its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from daneel.agents.calibration.calibrate import Calibration
from daneel.agents.calibration.column_map import read_yaml
from daneel.agents.calibration.posterior import Bootstrap, Sampler
from daneel.agents.calibration.randomization import from_posterior
from daneel.agents.calibration.residual_actuator import FILE as RESIDUAL
from daneel.agents.calibration.residual_actuator import ResidualResult
from daneel.agents.calibration.uncertainty import LEVEL, Uncertainty, uncertainty
from daneel.evaluation import calibration_report
from daneel.files import replace_text


def complete(
    found: Calibration,
    folder: Path,
    title: str,
    *,
    level: float = LEVEL,
    sampler: Sampler | None = None,
    seed: int = 0,
) -> Uncertainty:
    """Adds intervals, `posterior.npz`, `randomization.yaml` and `report.html` to a folder.

    Args:
        found: The calibration that the folder holds.
        folder: A folder with its `calibration.yaml`.
        title: Name of the robot or preset, for the report.
        level: Share of intervals that should hold the true value.
        sampler: Draws the posterior; the bootstrap of blocks when left out.
        seed: Seed of the samples.

    Returns:
        The intervals, and what the log cannot tell apart.
    """
    problem, fit = found.problem, found.fit
    spread = uncertainty(problem, fit, level)
    drawn = (sampler or Bootstrap()).sample(problem, fit, np.random.default_rng(seed))
    drawn.save(folder)
    targets = {one.name: one.targets for one in problem.parameters.parameters}
    from_posterior(drawn, targets).save(folder)
    _note_intervals(folder / "calibration.yaml", spread, drawn.method, seed)
    calibration_report.write(folder, found, spread, title)
    return spread


def note_residual(folder: Path, result: ResidualResult, seed: int) -> None:
    """Saves the network if it was kept, and says in `calibration.yaml` what came of it."""
    path = folder / "calibration.yaml"
    tree = read_yaml(path)
    tree["residual"] = {
        "kept": result.network is not None, "rmse_before": result.before,
        "rmse": result.after, "epochs": result.epochs,
    }  # fmt: skip
    tree["seeds"] = {**(tree.get("seeds") or {}), "residual": seed}
    (folder / RESIDUAL).unlink(missing_ok=True)  # of a calibration that lay here before
    if result.network is not None:
        result.network.save(folder)
    replace_text(path, yaml.safe_dump(tree, sort_keys=False))


def _note_intervals(path: Path, spread: Uncertainty, posterior: str, seed: int) -> None:
    """Puts the intervals, the blind groups and the seed into `calibration.yaml`."""
    tree = read_yaml(path)
    for name, low, high, method in zip(
        spread.names, spread.low, spread.high, spread.methods, strict=True
    ):
        entry = tree["parameters"][name]
        entry["interval"], entry["interval_method"] = [float(low), float(high)], method
    tree["interval"] = f"{spread.level:.0%}, {spread.blocks} independent stretches of the logs"
    tree["identifiability"] = [
        {"parameters": list(group.names), "kind": group.kind, "known": list(group.known),
         "words": group.words}
        for group in spread.identifiability.combinations
    ]  # fmt: skip
    tree["posterior"] = posterior
    tree["seeds"] = {**(tree.get("seeds") or {}), "posterior": seed}
    replace_text(path, yaml.safe_dump(tree, sort_keys=False))
