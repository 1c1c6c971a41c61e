"""A planted double pendulum and its logs, made by the simulator that is tested elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from daneel.agents.calibration.arm import PlanarArm
from daneel.agents.calibration.logs import Log
from daneel.agents.calibration.simulator import rollout
from daneel.agents.calibration.windows import cut_windows

JOINTS = ("shoulder", "elbow")
ARM = PlanarArm(
    JOINTS,
    {
        "body/shoulder/mass": 0.6, "body/elbow/mass": 0.6, "body/shoulder/length": 0.2,
        "body/elbow/length": 0.3, "body/shoulder/com": 0.15, "body/elbow/com": 0.2,
        "body/shoulder/inertia": 0.01, "body/elbow/inertia": 0.01,
    },
)  # fmt: skip
PLANTED = {
    "body/elbow/com": 0.24,
    "joint/shoulder/damping": 0.03,
    "joint/elbow/coulomb": 0.05,
    "command/*/delay": 0.012,
}
TREE = {
    "parameters": {
        "com": {"targets": "body/elbow/com", "initial": 0.2, "low": 0.05, "high": 0.4},
        "damping": {"targets": "joint/shoulder/damping", "initial": 0.0, "low": 0, "high": 0.2},
        "coulomb": {"targets": "joint/elbow/coulomb", "initial": 0.0, "low": 0, "high": 0.3},
        "delay": {"targets": "command/*/delay", "initial": 0.0, "low": 0, "high": 0.05},
    }
}


def planted_log(seconds: float = 3.0, noise: float = 0.0, seed: int = 0) -> Log:
    """A run of the planted arm under sines, its velocities those of the simulation."""
    dt = 0.004
    time = np.asarray(dt * np.arange(round(seconds / dt)), np.float64)
    command = np.stack([0.8 * np.sin(5 * time), 0.4 * np.sin(8 * time + 1)], axis=1)
    still = np.zeros_like(command)
    log = Log("planted", JOINTS, dt, time, still, still, command, None, "torque", {}, (), "")
    values = {
        target: np.array([value])
        for pattern, value in PLANTED.items()
        for target in (
            [pattern.replace("*", joint) for joint in JOINTS] if "*" in pattern else [pattern]
        )
    }
    q = rollout(ARM, values, cut_windows([log], 0, 100))[0, 0]
    dq = np.gradient(q, dt, axis=0, edge_order=2)
    generator = np.random.default_rng(seed)
    return replace(log, q=q + noise * generator.normal(size=q.shape), dq=dq)


def write_csv(log: Log, path: Path, scale: float = 1.0) -> Path:
    """A log as CSV with the columns t, q1, q2, v1, v2, u1, u2."""
    assert log.command is not None
    body = np.column_stack([log.time, log.q * scale, log.dq, log.command])
    np.savetxt(path, body, delimiter=",", header="t,q1,q2,v1,v2,u1,u2", comments="")
    return path
