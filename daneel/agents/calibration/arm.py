"""Planar arms of 1 to n links in closed form, integrated by RK4 for all rollouts at once.

Link i turns by q_i relative to link i-1; theta_i is its angle from hanging down. With a_i the
distance of its centre of mass, L_i its length, I_i its inertia about the centre of mass,

    sum_j h_ij cos(theta_i - theta_j) theta_j'' + h_ij sin(theta_i - theta_j) theta_j'^2
        + g_i sin(theta_i) = tau_i - tau_{i+1}
    h_ii = I_i + m_i a_i^2 + L_i^2 M_i,   h_ij = L_i (m_j a_j + L_j M_j) for i < j
    g_i = g (m_i a_i + L_i M_i),          M_i = sum of the masses beyond link i

(Lagrange; Tedrake, Underactuated Robotics, appendix B for n = 2). At each joint act the motor with
rotor inertia J_r and gear ratio G, viscous and Coulomb friction, a Stribeck rise and a share of the
motor's torque:

    friction = b v + (c + s exp(-(v / w)^2) + k |tau|) (2 / pi) arctan(slope v)

Arrays: J joints first, then one column a rollout: [J, B].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from daneel.agents.calibration.problem import Floats
from daneel.agents.calibration.simulator import Values, signal_targets
from daneel.agents.calibration.windows import Windows

GRAVITY = 9.81
BODY = {"mass": 1.0, "com": 0.5, "length": 1.0, "inertia": 0.1}
"""Targets of a link: kg, m, m, kg m^2 about its centre of mass."""
JOINT = {
    "damping": 0.0, "coulomb": 0.0, "stribeck": 0.0, "stribeck_speed": 0.1, "load_friction": 0.0,
    "slope": 100.0, "rotor_inertia": 0.0, "gear": 1.0, "armature": 0.0,
}  # fmt: skip
"""Targets of a joint: N m s, N m, N m, rad/s, 1, s, kg m^2, 1, kg m^2."""
SPEED_LIMIT = 1e3
"""A rollout that turns faster than this in rad/s has blown up."""


@dataclass(frozen=True)
class PlanarArm:
    """An arm of links in one plane, the first hung to the world."""

    joints: tuple[str, ...]
    """Names of the joints from the base out; each names the link behind it too."""
    nominal: Mapping[str, float] = field(default_factory=dict)
    """Values of targets that differ from a one-metre, one-kilogram rod."""
    absolute: bool = False
    """Angles of a log are measured against the vertical, not against the link before."""
    upright: bool = False
    """Zero is pointing up, not hanging down."""

    @property
    def defaults(self) -> Mapping[str, float]:
        """Every target with its nominal value."""
        found: dict[str, float] = {"option/world/gravity": GRAVITY}
        for joint in self.joints:
            found |= {f"body/{joint}/{name}": value for name, value in BODY.items()}
            found |= {f"joint/{joint}/{name}": value for name, value in JOINT.items()}
        return {**found, **signal_targets(self.joints), **self.nominal}

    def simulate(
        self, values: Values, q: Floats, dq: Floats, actions: Floats, windows: Windows
    ) -> Floats:
        """Positions after every step [N, W, T + 1, J]; see `Simulator`."""
        count, many, width = q.shape
        terms = ArmTerms.of(self, values, count, many)
        angle = q if self.absolute else np.cumsum(q, axis=2)
        speed = dq if self.absolute else np.cumsum(dq, axis=2)
        theta = _columns(angle) + (np.pi if self.upright else 0.0)
        drive = np.broadcast_to(np.nan_to_num(actions), (count, *actions.shape[1:]))
        out = np.empty((windows.steps + 1, width, count * many))
        for step, (position, _) in enumerate(
            integrate(terms, theta, _columns(speed), drive, windows.dt)
        ):
            out[step] = position
        out -= np.pi if self.upright else 0.0
        if not self.absolute:
            out[:, 1:] -= out[:, :-1].copy()
        return out.reshape(-1, width, count, many).transpose(2, 3, 0, 1)


def _columns(value: Floats) -> Floats:
    """[N, W, J] to [J, N * W]."""
    return np.ascontiguousarray(value.reshape(-1, value.shape[2]).T)


@dataclass(frozen=True)
class ArmTerms:
    """Coefficients of the equations of motion, one column a rollout."""

    coupling: tuple[tuple[Floats, ...], ...]
    """h_ij [B]."""
    gravity: tuple[Floats, ...]
    """g_i [B]."""
    rotor: tuple[tuple[Floats, ...], ...]
    """Constant part of the mass matrix from rotors and armatures, in theta [B]."""
    joint: Mapping[str, Floats]
    """Friction targets [J, B]."""

    @classmethod
    def of(cls, arm: PlanarArm, values: Values, count: int, many: int) -> ArmTerms:
        """Coefficients from targets [N] or [N, W]."""
        defaults = arm.defaults

        def get(target: str) -> Floats:
            value = np.asarray(values.get(target, defaults[target]), float)
            value = value[:, None] if value.ndim == 1 else value
            return np.broadcast_to(value, (count, many)).ravel()

        body = {
            name: np.stack([get(f"body/{joint}/{name}") for joint in arm.joints]) for name in BODY
        }
        joint = {
            name: np.stack([get(f"joint/{which}/{name}") for which in arm.joints]) for name in JOINT
        }
        beyond = np.cumsum(body["mass"][::-1], axis=0)[::-1] - body["mass"]
        first = body["mass"] * body["com"] + body["length"] * beyond
        links = range(len(arm.joints))
        own = body["inertia"] + body["mass"] * body["com"] ** 2 + body["length"] ** 2 * beyond
        coupling = tuple(
            tuple(own[i] if i == j else body["length"][min(i, j)] * first[max(i, j)] for j in links)
            for i in links
        )
        gravity = tuple(get("option/world/gravity") * first[i] for i in links)
        return cls(coupling, gravity, _rotors(joint), joint)

    def accelerate(self, theta: Floats, omega: Floats, torque: Floats) -> Floats:
        """Angular accelerations of the links [J, B] under joint torques [J, B]."""
        links = range(len(theta))
        force = torque - self.friction(omega, torque)
        right = force - np.concatenate([force[1:], np.zeros_like(force[:1])])
        right -= np.stack([self.gravity[i] * np.sin(theta[i]) for i in links])
        mass: list[list[Floats]] = [
            [self.coupling[i][i] + self.rotor[i][i]] * (i + 1) for i in links
        ]
        squared = omega * omega
        for i in links:
            for j in range(i):
                apart = theta[i] - theta[j]
                mass[i][j] = self.coupling[i][j] * np.cos(apart) + self.rotor[i][j]
                spin = self.coupling[i][j] * np.sin(apart)
                right[i] -= spin * squared[j]
                right[j] += spin * squared[i]
        return _solve(mass, right)

    def torque(self, theta: Floats, omega: Floats, alpha: Floats) -> Floats:
        """Joint torques [J, B] that link accelerations alpha [J, B] need (inverse dynamics).

        Friction that depends on the load is taken at the torque without friction.
        """
        links = range(len(theta))
        need = np.stack([self.gravity[i] * np.sin(theta[i]) for i in links])
        for i in links:
            for j in links:
                apart = theta[i] - theta[j]
                inertia = self.coupling[i][j] * np.cos(apart) + self.rotor[i][j]
                need[i] += inertia * alpha[j] + self.coupling[i][j] * np.sin(apart) * omega[j] ** 2
        joint = np.cumsum(need[::-1], axis=0)[::-1]
        return joint + self.friction(omega, joint)

    def friction(self, omega: Floats, torque: Floats) -> Floats:
        """Friction torque at the joints [J, B] that turn with link speeds omega."""
        joint = self.joint
        speed = omega - np.concatenate([np.zeros_like(omega[:1]), omega[:-1]])
        dry = joint["coulomb"]
        if joint["stribeck"].any():
            dry = dry + joint["stribeck"] * np.exp(-((speed / joint["stribeck_speed"]) ** 2))
        if joint["load_friction"].any():
            dry = dry + joint["load_friction"] * np.abs(torque)
        smooth = (2 / np.pi) * np.arctan(joint["slope"] * speed)
        return joint["damping"] * speed + dry * smooth

    def energy(self, theta: Floats, omega: Floats) -> Floats:
        """Kinetic and potential energy of the links [B] in J."""
        total = np.zeros(theta.shape[1])
        for i in range(len(theta)):
            total -= self.gravity[i] * np.cos(theta[i])
            for j in range(len(theta)):
                inertia = self.coupling[i][j] * np.cos(theta[i] - theta[j]) + self.rotor[i][j]
                total += 0.5 * inertia * omega[i] * omega[j]
        return total


def _rotors(joint: Mapping[str, Floats]) -> tuple[tuple[Floats, ...], ...]:
    """1/2 J_r (theta_{i-1}' - G q_i')^2 + 1/2 A q_i'^2 of each joint as a matrix in theta."""
    links = range(len(joint["gear"]))
    matrix = [[np.zeros_like(joint["gear"][0]) for _ in links] for _ in links]
    for i in links:
        spin, ratio, extra = joint["rotor_inertia"][i], joint["gear"][i], joint["armature"][i]
        matrix[i][i] = matrix[i][i] + spin * ratio**2 + extra
        if i:
            matrix[i - 1][i - 1] = matrix[i - 1][i - 1] + spin * (1 + ratio) ** 2 + extra
            shared = -spin * ratio * (1 + ratio) - extra
            matrix[i][i - 1] = matrix[i][i - 1] + shared
            matrix[i - 1][i] = matrix[i - 1][i] + shared
    return tuple(tuple(row) for row in matrix)


def _solve(mass: list[list[Floats]], right: Floats) -> Floats:
    """Solves lower-triangle-given symmetric systems [J, J, B] x = right [J, B] by LDL^T."""
    links = range(len(right))
    low: list[list[Floats]] = [list(row) for row in mass]
    pivot: list[Floats] = []
    for i in links:
        for j in range(i):
            raw = mass[i][j]
            for k in range(j):
                raw = raw - low[i][k] * low[j][k] * pivot[k]
            low[i][j] = raw / pivot[j]
        rest = mass[i][i]
        for k in range(i):
            rest = rest - low[i][k] ** 2 * pivot[k]
        pivot.append(rest)
    x = [right[i] for i in links]
    for i in links:
        for k in range(i):
            x[i] = x[i] - low[i][k] * x[k]
    x = [x[i] / pivot[i] for i in links]
    for i in reversed(links):
        for k in range(i + 1, len(right)):
            x[i] = x[i] - low[k][i] * x[k]
    return np.stack(x)


def integrate(
    terms: ArmTerms, theta: Floats, omega: Floats, drive: Floats, dt: float
) -> Iterator[tuple[Floats, Floats]]:
    """Yields angles and speeds [J, B] at the start and after each step; the drive is held."""
    count, many, steps, width = drive.shape
    torque = np.ascontiguousarray(drive.reshape(count * many, steps, width).transpose(1, 2, 0))
    yield theta, omega
    with np.errstate(all="ignore"):  # what blows up becomes NaN and is reported as unstable
        for step in range(steps):
            theta, omega = rk4(terms, theta, omega, torque[step], dt)
            omega = np.where(np.abs(omega) < SPEED_LIMIT, omega, np.nan)
            yield theta, omega


def rk4(
    terms: ArmTerms, theta: Floats, omega: Floats, torque: Floats, dt: float
) -> tuple[Floats, Floats]:
    """One step of the classic Runge-Kutta method of order four (Kutta 1901)."""
    half = 0.5 * dt
    k1 = terms.accelerate(theta, omega, torque)
    v2 = omega + half * k1
    k2 = terms.accelerate(theta + half * omega, v2, torque)
    v3 = omega + half * k2
    k3 = terms.accelerate(theta + half * v2, v3, torque)
    v4 = omega + dt * k3
    k4 = terms.accelerate(theta + dt * v3, v4, torque)
    sixth = dt / 6.0
    return (
        theta + sixth * (omega + 2 * v2 + 2 * v3 + v4),
        omega + sixth * (k1 + 2 * k2 + 2 * k3 + k4),
    )
