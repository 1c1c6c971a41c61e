"""A recipe: robot, columns, parameters and settings of a calibration in one YAML file.

    robot: {kind: arm, joints: [shoulder, elbow]}      # or servo; left out when --model is given
    columns: dfki-double-pendulum                       # a shipped map, a file, or the map itself
    settings: {horizon: 1.0, every: 0.5, noise: 0.01}
    method: {name: least-squares, iterations: 25}
    fixed: {...}
    parameters: {...}
    structures: {...}                                   # see `structures.py`

Shipped recipes are the presets that `daneel calibrate NAME` takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from daneel import config
from daneel.agents.calibration.arm import PlanarArm
from daneel.agents.calibration.column_map import (
    ColumnMap,
    column_map,
    load_column_map,
    read_yaml,
)
from daneel.agents.calibration.logs import Log
from daneel.agents.calibration.method import METHODS, Method
from daneel.agents.calibration.parameters import ParameterSet, parameter_set
from daneel.agents.calibration.problem import CalibrationError
from daneel.agents.calibration.rollout_problem import RolloutProblem
from daneel.agents.calibration.servo import ServoBench
from daneel.agents.calibration.simulator import Simulator
from daneel.agents.calibration.windows import cut_windows
from daneel.errors import ConfigError, unknown_name

KEYS = (
    "summary", "robot", "columns", "settings", "method", "fixed", "parameters", "structures",
    "structure",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How logs become a problem."""

    horizon: float = 1.0
    """Seconds of each rollout; 0 rolls out whole logs."""
    every: float = 0.5
    """Seconds from the start of one rollout to the next."""
    stride: int = 10
    """Steps between residuals."""
    noise: float = 0.01
    """Expected error of a residual in rad."""
    growth: float = 0.0
    """Expected growth of that error in rad a second."""
    robust: float = 3.0
    """Errors beyond this many noises count linearly; 0 counts all of them squared."""
    trim: float = 0.0
    """Share of the rollouts that may be left out where they are far worse than the others."""
    measured_torque: bool = False
    """Drive the simulation with the measured torque in the place of the command."""

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ConfigError: A number is out of range.
        """
        for name in ("horizon", "growth", "robust"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}. Expected 0 or more.")
        if not 0 <= self.trim < 0.5:
            raise ConfigError(f"trim is {self.trim}. Expected a share from 0 to below 0.5.")
        if not (self.every > 0 and self.noise > 0 and self.stride >= 1):
            raise ConfigError(
                f"every is {self.every}, noise {self.noise}, stride {self.stride}. Expected "
                "positive numbers. Mend `settings` in the parameter file."
            )


@dataclass(frozen=True)
class Recipe:
    """What a calibration needs besides logs."""

    tree: Mapping[str, Any]
    """The YAML file."""
    origin: str
    """Where it was read, for messages."""
    model: Path | None = None
    """An MJCF or URDF file; without one the recipe names the robot."""
    settings: Settings = field(default_factory=Settings)
    """How logs become a problem."""

    def columns(self) -> ColumnMap:
        """The recipe's column map.

        Raises:
            CalibrationError: It names none.
        """
        given = self.tree.get("columns")
        if given is None:
            raise CalibrationError(
                f"{self.origin} names no columns. Expected which column of the log is what. Add "
                "`--columns FILE`, for instance one of "
                f"{', '.join(shipped('columns'))}."
            )
        if isinstance(given, Mapping):
            return column_map(given, self.origin)
        return find_columns(str(given))

    def method(self) -> Method:
        """The search that the recipe asks for.

        Raises:
            UnknownNameError: No method has this name.
            ConfigError: One of its fields has a wrong value.
        """
        given = dict(self.tree.get("method") or {})
        name = str(given.pop("name", "least-squares"))
        return config.from_dict(METHODS.load(name), given)

    def robot(self, columns: ColumnMap) -> Simulator:
        """The robot, drivable by logs with these columns.

        Raises:
            CalibrationError: The recipe names none and there is no model file.
        """
        if self.model is not None:
            from daneel.agents.calibration.mujoco_model import load_robot

            return load_robot(self.model, columns.joints, columns.kind)
        given = dict(self.tree.get("robot") or {})
        kind = given.pop("kind", "")
        if kind not in KINDS:
            raise CalibrationError(
                f"{self.origin} has the robot {kind!r}. Expected one of {', '.join(KINDS)}, or a "
                "model file. Add `--model robot.xml`."
            )
        return KINDS[kind](columns.joints, given)

    def parameters(self, robot: Simulator) -> ParameterSet:
        """Its parameters for a robot; the usual ones of each joint when it names none."""
        tree = self.tree if self.tree.get("parameters") else {**self.tree, **usual(robot)}
        return parameter_set(tree, robot.defaults, self.origin)

    def problem(self, logs: Sequence[Log]) -> RolloutProblem:
        """The problem that logs pose.

        Raises:
            CalibrationError: Logs, robot and parameters do not go together.
        """
        robot = self.robot(self.columns_of(logs))
        s = self.settings
        windows = cut_windows(logs, s.horizon, s.every, s.measured_torque)
        return RolloutProblem(
            robot, self.parameters(robot), windows, s.stride, s.noise, s.growth, s.robust
        )

    def columns_of(self, logs: Sequence[Log]) -> ColumnMap:
        """A column map with the joints and the kind of the logs."""
        kind = "torque" if self.settings.measured_torque or logs[0].kind == "torque" else "position"
        return ColumnMap(logs[0].joints, {"q": logs[0].joints}, rate=1.0, kind=kind)


def _arm(joints: tuple[str, ...], given: dict[str, Any]) -> Simulator:
    return PlanarArm(joints, given.get("nominal") or {}, *_flags(given, "absolute", "upright"))


def _servo(joints: tuple[str, ...], given: dict[str, Any]) -> Simulator:
    return ServoBench(joints[0], given.get("nominal") or {})


def _flags(given: Mapping[str, Any], *names: str) -> list[bool]:
    return [bool(given.get(name, False)) for name in names]


KINDS = {"arm": _arm, "servo": _servo}
"""Robots in closed form, by the name that recipes give them."""


def load_recipe(
    name: str | Path | None, model: Path | None = None, columns: str | None = None
) -> Recipe:
    """A shipped recipe or a file; with a model file alone, the usual parameters of its joints.

    Args:
        name: Name of a preset or path of a YAML file; None for the usual parameters.
        model: MJCF or URDF file.
        columns: Column map in the place of the recipe's own.

    Raises:
        CalibrationError: A key of the file is unknown.
        UnknownNameError: There is neither a preset nor a file of this name.
    """
    tree: dict[str, Any] = {} if name is None else read_yaml(_find(str(name), ""))
    for key in tree:
        if key not in KEYS:
            raise CalibrationError(
                f"{name} has the key {key!r}. Expected {', '.join(KEYS)}. Mend the file."
            )
    if columns is not None:
        tree["columns"] = columns
    settings = config.from_dict(Settings, dict(tree.get("settings") or {}))
    return Recipe(tree, str(name or model), model, settings)


def find_columns(name: str) -> ColumnMap:
    """A shipped column map or a file."""
    return load_column_map(_find(name, "columns"))


def shipped(folder: str = "") -> tuple[str, ...]:
    """Names of the shipped recipes, or of the shipped column maps (`columns`)."""
    root = resources.files("daneel") / "configs" / "calibration"
    found = (root / folder if folder else root).iterdir()
    return tuple(sorted(p.name.removesuffix(".yaml") for p in found if p.name.endswith(".yaml")))


def _find(name: str, folder: str) -> Path:
    if Path(name).is_file():
        return Path(name)
    if name not in shipped(folder):
        kind = "column map" if folder else "calibration preset"
        raise unknown_name(kind, name, shipped(folder), "Or give the path of a YAML file.")
    root = resources.files("daneel") / "configs" / "calibration"
    return Path(str((root / folder if folder else root) / f"{name}.yaml"))


def usual(robot: Simulator) -> dict[str, Any]:
    """The usual parameters of a robot nobody wrote a file for: friction, gains and delay."""
    known = robot.defaults
    found: dict[str, Any] = {}
    for target, value in known.items():
        room, name, last = target.split("/")
        logged = f"command/{name}/delay" in known
        span = USUAL.get(f"{room}/{last}")
        if logged and span is not None and not (room == "actuator" and value == 0):
            high = max(span[1], 5 * value)
            found[f"{name}_{last}"] = {"targets": target, "low": min(span[0], value), "high": high}
    found["delay"] = {"targets": "command/*/delay", "low": 0.0, "high": 0.05, "initial": 0.0}
    return {"parameters": found}


USUAL = {
    "joint/damping": (0.0, 1.0),
    "joint/frictionloss": (0.0, 1.0),
    "joint/armature": (0.0, 0.05),
    "actuator/kp": (0.1, 100.0),
    "actuator/kd": (0.0, 5.0),
}
"""Least and greatest value of the parameters that every joint has."""


def with_settings(recipe: Recipe, **changes: Any) -> Recipe:
    """The recipe with some settings changed; None leaves one as it is."""
    kept = {name: value for name, value in changes.items() if value is not None}
    return replace(recipe, settings=replace(recipe.settings, **kept))
