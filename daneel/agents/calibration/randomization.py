"""Domain randomisation drawn from a posterior: train in the simulators that the log allows.

The preset is a YAML file of whole rows, not of ranges, so that what the log ties together (a
product, a sum) stays tied together in every draw:

    targets: {elbow_damping: {joint/elbow/damping: 1.0}}
    distribution: samples
    samples: {elbow_damping: [0.011, 0.012, ...]}

`RandomizedDynamics` plays it: at each reset of a Gymnasium environment on MuJoCo it draws one row
and sets the model, and it delays, scales and shifts actions as the row says. Friction at low speed
and under load acts while the environment steps (`joint_friction`).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import mujoco as _mujoco
import numpy as np
import yaml

from daneel.agents.calibration.column_map import read_yaml
from daneel.agents.calibration.friction_targets import FIELDS
from daneel.agents.calibration.joint_friction import JointFriction
from daneel.agents.calibration.mujoco_fields import SETTERS, model_targets, set_body
from daneel.agents.calibration.posterior import Posterior
from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.files import replace_text

FILE = "randomization.yaml"
"""Name of the preset in a calibration folder."""
ROWS = 200
"""Most rows that a preset holds."""

mujoco: Any = _mujoco  # its compiled half has no type stubs


@dataclass(frozen=True)
class Randomization:
    """Equally likely parameter rows and what they set."""

    names: tuple[str, ...]
    """Name of each parameter [P]."""
    targets: Mapping[str, Mapping[str, float]]
    """For each parameter the addresses it sets, with a factor each."""
    samples: Floats
    """Rows to draw from [S, P]."""

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """Values of all targets for one row."""
        row = self.samples[rng.integers(len(self.samples))]
        return {
            target: float(value) * factor
            for name, value in zip(self.names, row, strict=True)
            for target, factor in self.targets[name].items()
        }

    def save(self, folder: str | Path) -> Path:
        """Writes `randomization.yaml` into a folder and returns its path."""
        columns = {
            name: [float(f"{value:.6g}") for value in column]
            for name, column in zip(self.names, self.samples.T, strict=True)
        }
        tree = {
            "targets": {name: dict(targets) for name, targets in self.targets.items()},
            "distribution": "samples",
            "samples": columns,
        }
        path = Path(folder) / FILE
        replace_text(path, yaml.safe_dump(tree, sort_keys=False, default_flow_style=None))
        return path


def from_posterior(
    posterior: Posterior, targets: Mapping[str, Mapping[str, float]], rows: int = ROWS
) -> Randomization:
    """A preset of evenly chosen rows of a posterior.

    Args:
        posterior: Samples of the parameters.
        targets: For each parameter the addresses it sets, with a factor each.
        rows: Most rows to keep.
    """
    count = len(posterior.samples)
    chosen = np.unique(np.linspace(0, count - 1, min(rows, count)).astype(int))
    kept = {name: dict(targets[name]) for name in posterior.names}
    return Randomization(posterior.names, kept, posterior.samples[chosen])


def load_randomization(path: str | Path) -> Randomization:
    """Reads a preset, or that of a calibration folder.

    Raises:
        CalibrationError: There is none, or parameters and samples do not go together.
    """
    path = Path(path) / FILE if Path(path).is_dir() else Path(path)
    tree = read_yaml(path)
    samples, targets = tree.get("samples"), tree.get("targets")
    if not isinstance(samples, Mapping) or not isinstance(targets, Mapping) or not samples:
        raise CalibrationError(
            f"{path} has no samples and targets. Expected a preset that a calibration wrote. "
            "Type `daneel calibrate --help` to make one."
        )
    lengths = {len(column) for column in samples.values()}
    if set(samples) != set(targets) or len(lengths) != 1 or 0 in lengths:
        raise CalibrationError(
            f"{path} has samples of {sorted(samples)} with {sorted(lengths)} rows for the "
            f"targets of {sorted(targets)}. Expected as many rows for every parameter. Write it "
            "again with `daneel calibrate`."
        )
    names = tuple(str(name) for name in samples)
    rows = np.array([samples[name] for name in names], float).T
    return Randomization(names, {name: dict(targets[name]) for name in names}, rows)


class RandomizedDynamics(gym.Wrapper):
    """Another simulator of the posterior in every episode.

    `info["dynamics"]` of `reset` holds what was drawn. The generator is the environment's own: the
    same seed gives the same dynamics. Sensor targets are not applied, for no wrapper knows where in
    an observation a joint is; they are listed in `ignored`.
    """

    def __init__(self, env: gym.Env, preset: Randomization) -> None:
        """Wraps an environment.

        Args:
            env: A Gymnasium environment whose `unwrapped` has a MuJoCo `model`.
            preset: What to draw from.

        Raises:
            CalibrationError: It has no MuJoCo model, or none of the targets is in it.
        """
        super().__init__(env)
        self._model: Any = getattr(env.unwrapped, "model", None)
        if self._model is None:
            raise CalibrationError(
                f"{env} has no MuJoCo model. Expected a Gymnasium environment on MuJoCo. Choose "
                "one, for instance `InvertedPendulum-v5`."
            )
        self.preset = preset
        self._nominal = copy.copy(self._model)
        self._joints = _driven(self._model)
        self._addresses = frozenset(model_targets(self._model, self._joints))
        self._friction = JointFriction.of(self._model)
        drawn = preset.draw(np.random.default_rng(0))
        self.ignored = tuple(sorted(t for t in drawn if not self._known(t)))
        if len(self.ignored) == len(drawn):
            raise CalibrationError(
                f"None of {', '.join(self.ignored)} is in the model of {env}. Expected the "
                "simulator that was calibrated. Load its model.xml."
            )
        self._values: dict[str, float] = {}
        self._past: list[np.ndarray] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Draws dynamics, then resets."""
        if seed is not None:
            self.env.unwrapped.np_random = np.random.default_rng(seed)
        drawn = self.preset.draw(self.env.unwrapped.np_random)
        self._values = {t: value for t, value in drawn.items() if t not in self.ignored}
        self._set()
        self._past = []
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, {**info, "dynamics": dict(self._values)}

    def step(self, action: Any) -> Any:
        """Steps with the action as it arrives: late, scaled and shifted."""
        arriving = self._arriving(np.asarray(action, float)).astype(action.dtype)
        if self._friction.idle:
            return self.env.step(arriving)
        with self._friction.acting(self._model):
            return self.env.step(arriving)

    def _known(self, target: str) -> bool:
        room, name, field = target.split("/")
        if room == "command":
            return field in ("delay", "gain", "bias") and self._actuator(name) is not None
        if room == "joint" and field in FIELDS:
            return name in self._joints
        return room in ("body", *SETTERS) and target in self._addresses

    def _set(self) -> None:
        """Puts the drawn values into the model the environment steps."""
        bodies: dict[str, dict[str, float]] = {}
        for target, value in self._values.items():
            room, name, field = target.split("/")
            if room == "body":
                bodies.setdefault(name, {})[field] = value
            elif room in SETTERS:
                SETTERS[room](self._model, name, field, value)
        for name, fields in bodies.items():
            set_body(self._model, self._nominal, name, fields)
        mujoco.mj_setConst(self._model, mujoco.MjData(self._model))
        self._friction = JointFriction.of(self._model, self._values)

    def _arriving(self, action: np.ndarray) -> np.ndarray:
        self._past.append(action)
        moved = action.copy()
        step_s = float(getattr(self.env.unwrapped, "dt", self._model.opt.timestep))
        for target, value in self._values.items():
            room, name, field = target.split("/")
            at = self._actuator(name) if room == "command" else None
            if at is not None and field == "delay":
                moved[at] = self._past[max(0, len(self._past) - 1 - round(value / step_s))][at]
        for target, value in self._values.items():
            room, name, field = target.split("/")
            at = self._actuator(name) if room == "command" else None
            if at is not None and field in ("gain", "bias"):
                moved[at] = moved[at] * value if field == "gain" else moved[at] + value
        return moved

    def _actuator(self, joint: str) -> int | None:
        """The action that drives a joint."""
        number = mujoco.mj_name2id(self._nominal, mujoco.mjtObj.mjOBJ_JOINT, joint)
        found = np.flatnonzero(self._nominal.actuator_trnid[:, 0] == number)
        return int(found[0]) if number >= 0 and len(found) else None


def _driven(model: Any) -> tuple[str, ...]:
    """Joints that an actuator drives."""
    numbers = np.unique(model.actuator_trnid[:, 0])
    return tuple(model.joint(int(at)).name for at in numbers if 0 <= at < model.njnt)
