"""A servo that lifts a pendulum, with friction that depends on the load.

Duclusaud et al. (2025), Extended Friction Models for the Physics Simulation of Servo Actuators,
ICRA: models M1 (Coulomb and viscous) to M6 (Stribeck, load-dependent, directional, quadratic) are
this one with some terms at zero. A firmware P gain turns the position error into a duty cycle, the
duty cycle into a voltage, and the motor's equation into a torque,

    tau_m = k_t V / R - k_t^2 v / R,     tau_e = -m g l sin q,
    friction <= f + F + e (f_s + F_s + F_q) + b |v|,     e = exp(-|v / v_s|^alpha)
    F = |e tau_e - m tau_m|,   F_s alike,   F_q = e_q tau_e^2 or m_q tau_m^2 when they oppose

Friction is the torque that would stop the joint within a step, clipped to that budget: it holds
exactly and never drives. The step is the log's own, semi-implicit as the paper's simulator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from daneel.agents.calibration.problem import Floats
from daneel.agents.calibration.simulator import Values, signal_targets
from daneel.agents.calibration.windows import Windows

GRAVITY = 9.80665
COUNTS = 4096 / (2 * math.pi)
"""Encoder counts a radian of the Dynamixel X series."""
DUTY = COUNTS / (256 * 885)
"""Duty cycle of a position error of 1 rad at a firmware gain of 1 on an XL330."""
SPEED_LIMIT = 100.0
"""Speed in rad/s that the simulated joint is clipped to, as the paper's simulator does."""
BODY = {"mass": 0.5, "length": 0.1, "arm_mass": 0.0}
SERVO = {
    "kt": 0.4, "resistance": 3.0, "armature": 0.002, "kp": 400.0, "vin": 7.4, "error_gain": DUTY,
    "max_duty": 1.0, "offset": 0.0, "friction": 0.01, "viscous": 0.004, "stribeck": 0.0,
    "stribeck_speed": 1.0, "stribeck_power": 1.0, "load_motor": 0.0, "load_external": 0.0,
    "load_motor_stribeck": 0.0, "load_external_stribeck": 0.0, "load_motor_quadratic": 0.0,
    "load_external_quadratic": 0.0,
}  # fmt: skip
"""Targets of a servo, SI units; the load terms are shares of a torque."""


@dataclass(frozen=True)
class ServoBench:
    """One servo with a mass on an arm, as on the bench that identifies it."""

    joint: str = "servo"
    """Name of the joint."""
    nominal: Mapping[str, float] = field(default_factory=dict)
    """Targets with other values than an XL330's."""

    @property
    def joints(self) -> tuple[str, ...]:
        """Its one joint."""
        return (self.joint,)

    @property
    def defaults(self) -> Mapping[str, float]:
        """Every target with its nominal value."""
        body = {f"body/{self.joint}/{name}": value for name, value in BODY.items()}
        servo = {f"servo/{self.joint}/{name}": value for name, value in SERVO.items()}
        return {**body, **servo, **signal_targets(self.joints), **self.nominal}

    def simulate(
        self, values: Values, q: Floats, dq: Floats, actions: Floats, windows: Windows
    ) -> Floats:
        """Positions after every step [N, W, T + 1, 1]; see `Simulator`."""
        count, many, _ = q.shape
        defaults = self.defaults

        def get(room: str, name: str) -> Floats:
            target = f"{room}/{self.joint}/{name}"
            value = np.asarray(values.get(target, defaults[target]), float)
            value = value[:, None] if value.ndim == 1 else value
            return np.broadcast_to(value, (count, many)).ravel()

        servo = {name: get("servo", name) for name in SERVO}
        body = {name: get("body", name) for name in BODY}
        drive = np.broadcast_to(actions[..., 0], (count, many, windows.steps))
        goals = np.ascontiguousarray(drive.reshape(count * many, -1).T)
        out = np.empty((windows.steps + 1, count * many))
        position, speed = q.ravel().copy(), dq.ravel().copy()
        out[0] = position
        with np.errstate(all="ignore"):
            for step, goal in enumerate(goals):
                position, speed = advance(servo, body, position, speed, goal, windows.dt)
                out[step + 1] = position
        return out.T.reshape(count, many, -1, 1)


def advance(
    servo: Mapping[str, Floats],
    body: Mapping[str, Floats],
    q: Floats,
    v: Floats,
    goal: Floats,
    dt: float,
) -> tuple[Floats, Floats]:
    """One step of all rollouts [B].

    Args:
        servo: Targets of the servo [B].
        body: Targets of the load [B].
        q: Positions [B] in rad.
        v: Velocities [B] in rad/s.
        goal: Commanded positions [B] in rad; NaN where the motor has no power.
        dt: Step in seconds.
    """
    duty = np.clip(
        (goal - q) * servo["kp"] * servo["error_gain"], -servo["max_duty"], servo["max_duty"]
    )
    powered = servo["kt"] * (servo["vin"] * duty - servo["kt"] * v) / servo["resistance"]
    motor = np.where(np.isnan(goal), 0.0, powered)
    hung = (body["mass"] + body["arm_mass"] / 2) * body["length"]
    external = -GRAVITY * hung * np.sin(q + servo["offset"])
    turning = (body["mass"] + body["arm_mass"] / 3) * body["length"] ** 2
    inertia = turning + servo["armature"]
    torque = motor + external
    stopping = inertia / dt * v + torque
    budget = friction_budget(servo, motor, external, v)
    acceleration = (torque - np.clip(stopping, -budget, budget)) / inertia
    speed = np.clip(v + acceleration * dt, -SPEED_LIMIT, SPEED_LIMIT)
    return q + speed * dt + 0.5 * acceleration * dt * dt, speed


def friction_budget(
    servo: Mapping[str, Floats], motor: Floats, external: Floats, v: Floats
) -> Floats:
    """The greatest friction torque [B] at a motor torque, a load torque and a velocity [B]."""
    slow = np.exp(-(np.abs(v / servo["stribeck_speed"]) ** servo["stribeck_power"]))
    load = np.abs(external * servo["load_external"] - motor * servo["load_motor"])
    sticking = servo["stribeck"] + np.abs(
        external * servo["load_external_stribeck"] - motor * servo["load_motor_stribeck"]
    )
    opposed = np.sign(external) != np.sign(motor)
    drives = np.abs(external) < np.abs(motor)
    squared = np.where(
        drives,
        servo["load_external_quadratic"] * external**2,
        servo["load_motor_quadratic"] * motor**2,
    )
    sticking = sticking + opposed * squared
    return servo["friction"] + load + slow * sticking + servo["viscous"] * np.abs(v)
