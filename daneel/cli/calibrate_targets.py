"""`daneel calibrate targets`: every number of a model that a parameter file can name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Options:
    """List the targets of a robot with their nominal values."""

    robot: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ROBOT")]
    """A preset, or an MJCF or URDF file."""

    joints: tuple[str, ...] = ()
    """Joints of the log, for a model file; all hinges and slides when left out."""

    kind: str = "torque"
    """What the log's commands are: torque or position."""


def run(options: Options) -> int:
    """Prints one `target  value` a line."""
    for name, value in _defaults(options).items():
        print(f"{name:<44} {value:.6g}")
    return 0


def _defaults(options: Options) -> dict[str, float]:
    from daneel.agents.calibration.recipe import load_recipe, shipped

    if options.robot in shipped():
        recipe = load_recipe(options.robot)
        return dict(recipe.robot(recipe.columns()).defaults)
    from daneel.agents.calibration.mujoco_model import load_robot
    from daneel.agents.calibration.mujoco_source import hinges

    path = Path(options.robot)
    joints = options.joints or hinges(path)
    return dict(load_robot(path, joints, options.kind).defaults)
