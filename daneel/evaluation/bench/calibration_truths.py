"""Random calibration problems whose true parameters are known, for the bench of the methods.

Here are one-joint arms in NumPy; `calibration_chains` has MuJoCo's. Each
draws its structure, excitation, true values, noise (white or coloured) and claimed size of the
noise. Some get a set of parameters that no log of theirs can tell apart: which, is known too.

N candidates, T samples, S segments, P parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.signal import lfilter

from daneel.agents.calibration import FunctionProblem
from daneel.agents.calibration.problem import Floats

RATE_HZ = 100.0
"""Samples per second."""

KNOWN_GRAVITY_NM = 2.0
"""Torque of a level arm where it is not a parameter."""

Simulate = Callable[[Floats], Floats]
"""Measurements [N, S, T, C] without noise, of candidates [N, P]."""


@dataclass(frozen=True)
class Truth:
    """A problem and what is true about it."""

    problem: FunctionProblem
    """Residuals of noisy measurements."""
    theta: Floats
    """True parameters [P]."""
    planted: tuple[tuple[str, ...], ...]
    """Groups of parameters that no log of this excitation can tell apart."""
    kind: str
    """Which family it is from."""


@dataclass
class Parameters:
    """Names, true values and bounds, one call of `add` a parameter."""

    rng: np.random.Generator
    """Draws true values, bounds and first guesses."""
    names: list[str] = field(default_factory=list)
    """Names in order."""
    values: list[float] = field(default_factory=list)
    """True values."""
    low: list[float] = field(default_factory=list)
    """Lower bounds."""
    high: list[float] = field(default_factory=list)
    """Upper bounds."""
    groups: list[tuple[str, ...]] = field(default_factory=list)
    """Planted groups that cannot be told apart."""

    def positive(self, name: str, low: float, high: float) -> None:
        """A parameter drawn from a range, with bounds about a factor of four around it."""
        value = float(self.rng.uniform(low, high))
        ends = value / self.rng.uniform(3.0, 5.0), value * self.rng.uniform(3.0, 5.0)
        self._add(name, value, *ends)

    def signed(self, name: str, size: float) -> None:
        """A parameter of either sign with symmetric bounds."""
        self._add(name, float(self.rng.uniform(-0.6, 0.6) * size), -size, size)

    def plant(self, *names: str) -> None:
        """Notes that these cannot be told apart."""
        self.groups.append(names)

    def start(self) -> Floats:
        """A first guess within the bounds, off by tens of per cent [P]."""
        values, low, high = np.array(self.values), np.array(self.low), np.array(self.high)
        moved = np.where(low > 0, values * self.rng.uniform(0.7, 1.4, len(values)), 0.0)
        return np.clip(moved, low, high)

    def _add(self, name: str, value: float, low: float, high: float) -> None:
        self.names.append(name)
        self.values.append(value)
        self.low.append(low)
        self.high.append(high)


def assemble(
    parameters: Parameters, simulate: Simulate, noise_rad: float, colour: float, kind: str
) -> Truth:
    """A problem from noisy measurements at the true parameters.

    Args:
        parameters: Names, true values and bounds.
        simulate: Measurements of candidates.
        noise_rad: Standard deviation of the noise.
        colour: Correlation of the noise from one sample to the next.
        kind: Family, for the records.
    """
    rng, theta = parameters.rng, np.array(parameters.values)
    clean = simulate(theta[None])[0]  # [S, T, C]
    measured = clean + noise_rad * coloured(rng, clean.shape, colour)
    claimed = noise_rad * np.exp(rng.uniform(-0.7, 0.7))  # nobody knows the noise exactly

    def residuals(candidates: Floats) -> Floats:
        return ((simulate(candidates) - measured) / claimed).reshape(len(candidates), -1)

    count = len(theta)
    problem = FunctionProblem(
        names=tuple(parameters.names),
        low=np.array(parameters.low),
        high=np.array(parameters.high),
        initial=parameters.start(),
        function=residuals,
        segments=np.repeat(np.arange(len(clean)), clean[0].size),
        prior_std=np.full(count, np.inf),
    )
    return Truth(problem, theta, tuple(parameters.groups), kind)


def coloured(rng: np.random.Generator, shape: tuple[int, ...], colour: float) -> Floats:
    """First-order autoregressive noise of unit variance along axis 1 of [S, T, C]."""
    segments, samples, channels = shape
    white = rng.normal(size=(segments, samples + 200, channels))
    filtered = lfilter([np.sqrt(1.0 - colour**2)], [1.0, -colour], white, axis=1)
    return np.asarray(filtered)[:, 200:]


def noise(rng: np.random.Generator) -> tuple[float, float]:
    """Size in radians, and colour: one in three is white."""
    colour = 0.0 if rng.random() < 1 / 3 else float(rng.uniform(0.3, 0.95))
    return float(np.exp(rng.uniform(np.log(0.001), np.log(0.01)))), colour


# -- one joint ------------------------------------------------------------------------------------


def arm(rng: np.random.Generator, planted: bool) -> Truth:
    """One joint: inertia a = gain u + bias - gravity sin(q) - damping v - friction tanh(10 v)."""
    parameters = Parameters(rng)
    parameters.positive("inertia", 0.05, 0.3)
    parameters.positive("damping", 0.02, 0.2)
    if rng.random() < 0.6:
        parameters.positive("friction", 0.02, 0.1)
    case = str(rng.choice(ARM_PLANTS)) if planted else ""
    _torques(parameters, case)
    if case == "two dampings":
        parameters.positive("back_emf", 0.02, 0.2)
        parameters.plant("damping", "back_emf")
    if case == "two biases":
        parameters.signed("sensor_bias", 0.2)
        parameters.signed("mount_angle", 0.2)
        parameters.plant("sensor_bias", "mount_angle")
    elif rng.random() < 0.5:
        parameters.signed("sensor_bias", 0.2)
    return _arm_truth(parameters, case)


ARM_PLANTS = (
    "mass and length", "motor constant and gear", "constant push", "passive", "two dampings",
    "two biases",
)  # fmt: skip
"""What an arm's log may be blind to."""


def _torques(parameters: Parameters, case: str) -> None:
    """Gravity and drive; gravity is known where it alone gives torques their size."""
    if case == "mass and length":  # a counterweight on a pulley: inertia is apart from it
        parameters.positive("mass", 0.3, 1.0)
        parameters.positive("length", 0.3, 1.0)
        parameters.plant("mass", "length")
    elif case == "motor constant and gear":
        parameters.positive("motor_constant", 0.5, 1.5)
        parameters.positive("gear", 0.5, 1.5)
        parameters.plant("motor_constant", "gear")
    elif case == "constant push":
        parameters.positive("gain", 0.5, 1.5)
        parameters.signed("torque_bias", 0.5)
        parameters.plant("gain", "torque_bias")
    else:
        parameters.positive("gravity_torque", 1.0, 3.0)
    if case == "passive":
        parameters.plant(*parameters.names)


def _arm_truth(parameters: Parameters, case: str) -> Truth:
    rng, names = parameters.rng, list(parameters.names)
    segments, seconds = int(rng.integers(2, 6)), float(rng.uniform(1.5, 3.0))
    samples = int(seconds * RATE_HZ)
    start = rng.uniform(-1.5, 1.5, segments)
    push = multisine(rng, segments, samples, 1.0 / RATE_HZ, amplitude=2.0)
    if case == "constant push":
        push = np.full_like(push, 0.8)
    if case == "passive":
        push = np.zeros_like(push)

    def simulate(candidates: Floats) -> Floats:
        value = {name: candidates[:, at, None] for at, name in enumerate(names)}
        return swing(value, start, push)[..., None]

    size, colour = noise(rng)
    return assemble(parameters, simulate, size, colour, f"arm, {case or 'identifiable'}")


def swing(value: dict[str, Floats], start: Floats, push: Floats) -> Floats:
    """Angles [N, S, T] by symplectic Euler steps under the torques `push` [S, T]."""

    def of(name: str, default: float) -> Floats | float:
        return value.get(name, default)

    hung = 9.81 * of("mass", 0.0) * of("length", 0.0)
    gravity = value.get("gravity_torque", hung if "mass" in value else KNOWN_GRAVITY_NM)
    damping = value["damping"] + of("back_emf", 0.0)
    drive = of("motor_constant", 1.0) * of("gear", 1.0)
    gain, bias, friction = drive * of("gain", 1.0), of("torque_bias", 0.0), of("friction", 0.0)
    mount, inertia = of("mount_angle", 0.0), value["inertia"]

    h = 1.0 / RATE_HZ
    angle = np.broadcast_to(start, (len(inertia), len(start))).copy()
    speed = np.zeros_like(angle)
    path = np.empty((*angle.shape, push.shape[1]))
    for at in range(push.shape[1]):
        drag = damping * speed + friction * np.tanh(speed / 0.1)
        torque = gain * push[:, at] + bias - gravity * np.sin(angle)
        speed = speed + h * (torque - drag) / inertia
        angle = angle + h * speed
        path[:, :, at] = angle
    return path + np.asarray(of("sensor_bias", 0.0) + mount)[..., None]


def multisine(
    rng: np.random.Generator, rows: int, samples: int, step_s: float, amplitude: float
) -> Floats:
    """Sums of five sines between 0.2 and 3 Hz [rows, samples]."""
    time = step_s * np.arange(samples)
    frequency = rng.uniform(0.2, 3.0, (rows, 5, 1))
    phase = rng.uniform(0.0, 2.0 * np.pi, (rows, 5, 1))
    return amplitude / 2.2 * np.sin(2.0 * np.pi * frequency * time + phase).sum(axis=1)
