"""A one-joint MuJoCo arm, a log of it with known parameters, and the files a user would have."""

from pathlib import Path
from typing import Any

import mujoco as _mujoco
import numpy as np

mujoco: Any = _mujoco

MODEL = """<mujoco><option timestep="0.002" integrator="implicitfast"/><worldbody><body name="arm">
<joint name="elbow" axis="0 1 0" damping="{damping}" frictionloss="0.0"/>
<inertial pos="0 0 -0.2" mass="{mass}" diaginertia="0.01 0.01 0.01"/></body></worldbody>
<actuator><motor name="elbow" joint="elbow"/></actuator></mujoco>"""
COLUMNS = """joints: [elbow]
columns: {time: t, q: [angle], dq: [speed], command: [torque]}
rate: 500
kind: torque
"""
PARAMETERS = """settings: {horizon: 0.5, every: 0.25, stride: 5, noise: 0.002, robust: 0}
parameters:
  mass: {targets: body/arm/mass, low: 0.2, high: 2.0}
  damping: {targets: joint/elbow/damping, low: 0.0, high: 1.0}
  bias: {targets: command/elbow/bias, low: -0.5, high: 0.5}
"""
TRUE = {"mass": 0.8, "damping": 0.15}


def record(seed: int, seconds: float = 4.0) -> np.ndarray:
    """Rows t, angle, speed, torque of the true arm with a little noise."""
    rng = np.random.default_rng(seed)
    model = mujoco.MjModel.from_xml_string(MODEL.format(**TRUE))
    data, rows = mujoco.MjData(model), []
    waves = rng.uniform(0.3, 2.0, 4), rng.uniform(0.0, 6.0, 4)
    for at in range(int(seconds / 0.002)):
        torque = 0.25 * float(np.sin(2 * np.pi * waves[0] * at * 0.002 + waves[1]).sum())
        rows.append((at * 0.002, data.qpos[0], data.qvel[0], torque))
        data.ctrl[0] = torque
        mujoco.mj_step(model, data)
    noise = rng.normal(size=(len(rows), 4)) * [0.0, 0.001, 0.005, 0.0]
    return np.array(rows) + noise


def write_files(folder: Path, logs: int = 2) -> None:
    """Writes robot.xml (nominal), columns.yaml, params.yaml and log0.csv, log1.csv, ..."""
    (folder / "robot.xml").write_text(MODEL.format(mass=0.5, damping=0.05))
    (folder / "columns.yaml").write_text(COLUMNS)
    (folder / "params.yaml").write_text(PARAMETERS)
    for seed in range(logs):
        np.savetxt(
            folder / f"log{seed}.csv", record(seed), delimiter=",", header="t,angle,speed,torque",
            comments="", fmt="%.8g",
        )  # fmt: skip
