"""Controllers for small mechanisms of the DeepMind Control Suite, from textbook models.

- cartpole: linear-quadratic regulator near the top; below it energy pumping (Astrom and Furuta,
  2000, "Swinging up a pendulum by energy control", Automatica 36).
- pendulum: full torque along the motion until the energy of the top is reached, then PD.
- reacher: inverse kinematics of the two links, then PD in joint space.
- ball_in_cup: swing, drop and catch (see `ball_in_cup`).
- finger: a law of the body's angle, and planning (see `finger`).

Sizes, masses and gains of actuators are those of the suite's XML files (dm_control 1.0.28). Angles
in rad, lengths in m, masses in kg. Legs have no script here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from daneel.agents.experts import finger
from daneel.agents.experts.ball_in_cup import BallInCup
from daneel.agents.experts.scripted import Controller, Scripted, no_expert
from daneel.envs.suites.skill import Skill

GRAVITY = 9.81


def expert(skill: Skill) -> Scripted:
    """The controller of a task of the control suite.

    Raises:
        ConfigError: There is none for the environment.
    """
    if skill.env not in _CONTROLLERS:
        raise no_expert(skill, "dm_control", _CONTROLLERS)
    return Scripted(_CONTROLLERS[skill.env])


_CART, _POLE, _POLE_LENGTH = 1.0, 0.1, 1.0
_CART_FORCE = 10.0  # N at action 1
_CART_STEP = 0.01  # s


def cartpole() -> Controller:
    """Swings up and balances; observes [x, cos, sin, dx/dt, dangle/dt], angle 0 at the top."""
    gains = _cartpole_gains()
    arm = _POLE * _POLE_LENGTH / 2  # mass times distance of its centre
    inertia = _POLE * _POLE_LENGTH**2 / 3

    def act(obs: dict[str, np.ndarray]) -> np.ndarray:
        x, cosine, sine, speed, rate = obs["state"].astype(float)
        angle = np.arctan2(sine, cosine)
        if cosine > 0.9 and abs(rate + 4 * angle) < 2.5:
            force = -gains @ [x, angle, speed, rate]
        else:
            energy = inertia * rate**2 / 2 + arm * GRAVITY * (cosine - 1)  # 0 at rest at the top
            pump = 25.0 * energy * np.sign(rate * cosine)
            force = (_CART + _POLE) * (np.clip(pump, -6, 6) - 1.5 * x - 1.0 * speed)
        return np.clip([force / _CART_FORCE], -1, 1)

    return act


def _cartpole_gains() -> np.ndarray:
    """Gains [4] on [x, angle, dx/dt, dangle/dt] in N: value iteration on the Riccati equation."""
    arm, inertia = _POLE * _POLE_LENGTH / 2, _POLE * _POLE_LENGTH**2 / 3
    mass = np.array([[_CART + _POLE, arm], [arm, inertia]])
    stiffness = np.linalg.solve(mass, [[0.0, 0.0], [0.0, arm * GRAVITY]])
    drive = np.linalg.solve(mass, [1.0, 0.0])
    a, b = np.eye(4), np.zeros((4, 1))
    a[:2, 2:], a[2:, :2] = _CART_STEP * np.eye(2), _CART_STEP * stiffness
    b[2:, 0] = _CART_STEP * drive
    state_cost, force_cost = np.diag([10.0, 10.0, 1.0, 1.0]), 0.1
    value, gains = state_cost, np.zeros((1, 4))
    for _ in range(2000):
        gains = np.linalg.solve(force_cost + b.T @ value @ b, b.T @ value @ a)
        value = state_cost + a.T @ value @ (a - b @ gains)
    return gains[0]


_BOB, _ROD = 1.0, 0.5


def pendulum() -> Controller:
    """Swings up and holds; observes [cos, sin, dangle/dt], angle 0 at the top, torque 1 N m."""

    def act(obs: dict[str, np.ndarray]) -> np.ndarray:
        cosine, sine, rate = obs["state"].astype(float)
        angle = np.arctan2(sine, cosine)
        weight = _BOB * GRAVITY * _ROD
        energy = _BOB * (_ROD * rate) ** 2 / 2 + weight * (cosine - 1)  # 0 at rest at the top
        if weight * abs(sine) < 0.8 and abs(rate) < 1.5:
            torque = -15.0 * angle - 3.0 * rate
        else:
            torque = -energy * 5.0 * (np.sign(rate) or 1.0)
        return np.clip([torque], -1, 1)

    return act


_LINK = 0.12
_WRIST_LIMIT = np.deg2rad(160)
_REACHER_TORQUE = 0.05  # N m at action 1


def reacher() -> Controller:
    """Holds the finger on the target; observes [shoulder, wrist, vector to target, rates]."""
    stiffness, damping = np.array([0.10, 0.05]), np.array([0.022, 0.008])

    def act(obs: dict[str, np.ndarray]) -> np.ndarray:
        angles, to_target, rates = np.split(obs["state"].astype(float), 3)
        shoulder, elbow = angles[0], angles[0] + angles[1]
        finger = _LINK * np.array(
            [np.cos(shoulder) + np.cos(elbow), np.sin(shoulder) + np.sin(elbow)]
        )
        error = _nearest_angles(finger + to_target, angles) - angles
        return np.clip((stiffness * error - damping * rates) / _REACHER_TORQUE, -1, 1)

    return act


def _nearest_angles(point: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """The joint angles [2] with the finger at `point` [2] that are nearest to `angles`."""
    cosine = point @ point / (2 * _LINK**2) - 1
    wrist = min(np.arccos(np.clip(cosine, -1, 1)), _WRIST_LIMIT)
    bearing = np.arctan2(point[1], point[0])
    found = []
    for bend in (wrist, -wrist):
        turn = bearing - bend / 2 - angles[0]  # equal links: the shoulder is half the bend away
        found.append([angles[0] + (turn + np.pi) % (2 * np.pi) - np.pi, bend])
    return min(np.array(found), key=lambda there: float(np.abs(there - angles).max()))


_CONTROLLERS: dict[str, Callable[[], Controller]] = {
    "dm_control/cartpole-balance-v0": cartpole,
    "dm_control/cartpole-swingup-v0": cartpole,
    "dm_control/pendulum-swingup-v0": pendulum,
    "dm_control/reacher-easy-v0": reacher,
    "dm_control/reacher-hard-v0": reacher,
    "dm_control/ball_in_cup-catch-v0": BallInCup,
    "dm_control/finger-spin-v0": finger.Spin,
    "dm_control/finger-turn_easy-v0": lambda: finger.turn("easy"),
    "dm_control/finger-turn_hard-v0": lambda: finger.turn("hard"),
}
