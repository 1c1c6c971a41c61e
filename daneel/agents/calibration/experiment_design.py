"""The next excitation: which commands would tell the most about the parameters.

An excitation is a sum of sines, a chirp or a ladder of steps for each joint, described by a few
numbers. Its worth is the information it would add, log det(F + F_known) with the Fisher information
F = J'J of the predicted outputs and what is known already (log and prior), averaged over likely
parameters: D-optimal design, Bayesian where samples are given. The search is the cross-entropy
method; excitations that leave the declared limits, of joints in simulation or of commands, are out.

- Fedorov 1972, "Theory of optimal experiments": the criterion.
- Chaloner and Verdinelli 1995, "Bayesian experimental design: a review": the average.
- Swevers et al. 1997, "Optimal robot excitation and identification": Fourier series, limits.

N candidates, P parameters, T samples, A actuators, D numbers of an excitation, O outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.errors import ConfigError

Predict = Callable[[Floats, Floats], Floats]
"""Joint positions [N, T, J] of parameters [N, P] under commands [T, A]; NaN where unstable."""

SINES = 4
"""Sines an actuator in a Fourier excitation."""
LEVELS = 6
"""Steps an actuator in a ladder."""
RAMP_S = 0.25
"""Excitations begin at the resting command over this time: no robot likes a jump."""


@dataclass(frozen=True)
class Limits:
    """What the robot may do."""

    command_low: Floats
    """Least command of each actuator [A]: torque in N m or position in rad, as the robot takes."""
    command_high: Floats
    """Greatest command [A]."""
    joint_low: Floats
    """Least position of each joint [J]."""
    joint_high: Floats
    """Greatest position [J]."""

    def __post_init__(self) -> None:
        """Checks the order.

        Raises:
            ConfigError: A lower limit is not below its upper one.
        """
        for kind in ("command", "joint"):
            low, high = getattr(self, f"{kind}_low"), getattr(self, f"{kind}_high")
            if low.shape != high.shape or not (low < high).all():
                raise ConfigError(f"The {kind} limits are {low} to {high}. Expected low < high.")


@dataclass(frozen=True)
class Excitation:
    """A family of commands."""

    kind: Literal["fourier", "chirp", "steps"] = "fourier"
    """Sums of sines, one sine of rising frequency, or a ladder of steps."""
    seconds: float = 5.0
    """How long it lasts."""
    rate: float = 100.0
    """Commands a second, in Hz."""
    slowest: float = 0.1
    """Lowest frequency in Hz."""
    fastest: float = 3.0
    """Highest frequency in Hz."""

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ConfigError: One is out of range.
        """
        if not (self.seconds > 0 and 0 < self.slowest < self.fastest < self.rate / 2):
            raise ConfigError(
                f"An excitation of {self.seconds} s at {self.rate} Hz from {self.slowest} to "
                f"{self.fastest} Hz was asked for. Expected a positive length, and frequencies "
                "that rise and stay under half the rate."
            )

    def size(self, actuators: int) -> int:
        """Numbers D that describe one."""
        return actuators * {"fourier": 3 * SINES, "chirp": 4, "steps": LEVELS}[self.kind]

    def commands(self, numbers: Floats, limits: Limits) -> Floats:
        """Commands [T, A] from numbers in 0 to 1 [D], always within the command limits."""
        time = np.arange(round(self.seconds * self.rate)) / self.rate
        rows = numbers.reshape(len(limits.command_low), -1)
        shape = {"fourier": self._fourier, "chirp": self._chirp, "steps": self._steps}[self.kind]
        waves = np.stack([shape(row, time) for row in rows], axis=1)  # -1 to 1
        waves = waves * np.minimum(1.0, time / RAMP_S)[:, None]
        middle = 0.5 * (limits.command_low + limits.command_high)
        return middle + 0.5 * (limits.command_high - limits.command_low) * waves

    def _frequency(self, share: Floats) -> Floats:
        return self.slowest * (self.fastest / self.slowest) ** share

    def _fourier(self, row: Floats, time: Floats) -> Floats:
        size, frequency, phase = row.reshape(3, SINES)
        angle = 2.0 * np.pi * (self._frequency(frequency) * time[:, None] + phase)
        return np.sin(angle) @ size / max(1.0, float(size.sum()))

    def _chirp(self, row: Floats, time: Floats) -> Floats:
        first, last = self._frequency(row[1:3])
        sweep = first * time + 0.5 * (last - first) * time**2 / self.seconds
        return row[0] * np.sin(2.0 * np.pi * (sweep + row[3]))

    def _steps(self, row: Floats, time: Floats) -> Floats:
        return 2.0 * row[np.minimum((time / self.seconds * LEVELS).astype(int), LEVELS - 1)] - 1.0


@dataclass(frozen=True)
class Design:
    """A chosen excitation."""

    commands: Floats
    """Commands [T, A]."""
    rate: float
    """Commands a second."""
    information: Floats
    """Fisher information it would add at the likely parameters, averaged [P, P]."""
    std: Floats
    """Standard deviation of each parameter that is expected afterwards [P]."""
    gain: float
    """Nats of information more than the median of random excitations within the limits."""
    refused: int
    """Excitations that were tried and left the limits."""


@dataclass(frozen=True)
class DesignSearch:
    """Cross-entropy search for the most informative excitation."""

    excitation: Excitation = Excitation()
    """The family."""
    population: int = 32
    """Excitations tried in a round; the first round is random."""
    rounds: int = 6
    """Rounds."""
    elite: int = 6
    """Best ones that the next round is drawn around."""
    seed: int = 0
    """Seed of the search."""

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ConfigError: There is nothing to choose from.
        """
        if not 1 < self.elite < self.population or self.rounds < 1:
            raise ConfigError(
                f"population is {self.population}, elite {self.elite}, rounds {self.rounds}. "
                "Expected 1 < elite < population and at least one round."
            )

    def search(
        self, predict: Predict, theta: Floats, scale: Floats, limits: Limits, noise: float,
        known: Floats,
    ) -> Design:  # fmt: skip
        """The most informative excitation within the limits.

        Args:
            predict: Simulates.
            theta: Likely parameters, a few samples or one estimate [N, P].
            scale: Typical size of each parameter, for differences [P].
            limits: What the robot may do.
            noise: Standard deviation of what is measured, in the unit of the predictions.
            known: Information there is already, an inverse covariance [P, P].

        Raises:
            CalibrationError: No excitation of the family stays within the limits.
        """
        rng = np.random.default_rng(self.seed)
        size = self.excitation.size(len(limits.command_low))
        mean, deviation = np.full(size, 0.5), np.full(size, np.inf)
        worth = _Worth(predict, theta, scale, limits, noise, known)
        best, best_value, first, refused = np.zeros(size), -np.inf, -np.inf, 0
        for turn in range(self.rounds):
            numbers = _draw(rng, mean, deviation, self.population)
            values = np.array([worth.of(self.excitation.commands(row, limits)) for row in numbers])
            allowed = np.isfinite(values)
            refused += int((~allowed).sum())
            if not allowed.any():
                mean = 0.7 * mean if turn else mean  # smaller swings before giving up
                continue
            first = float(np.median(values[allowed])) if first == -np.inf else first
            top = numbers[np.argsort(-values)[: min(self.elite, int(allowed.sum()))]]
            if values.max() > best_value:
                best, best_value = numbers[int(np.argmax(values))], float(values.max())
            mean, deviation = top.mean(axis=0), top.std(axis=0) + 0.05
        if best_value == -np.inf:
            raise CalibrationError(
                f"None of {refused} excitations keeps the joints within {limits.joint_low} to "
                f"{limits.joint_high}. Expected some. Lower the command limits, or shorten it."
            )
        commands = self.excitation.commands(best, limits)
        information = worth.information(commands)
        std = np.sqrt(np.diag(np.linalg.inv(information + known)))
        return Design(commands, self.excitation.rate, information, std, best_value - first, refused)


@dataclass(frozen=True)
class _Worth:
    """What an excitation is worth; see `DesignSearch.search` for the fields."""

    predict: Predict
    theta: Floats
    scale: Floats
    limits: Limits
    noise: float
    known: Floats

    def of(self, commands: Floats) -> float:
        """Mean log det of the information afterwards; -inf outside the limits."""
        values = []
        for theta in self.theta:
            added = self._at(theta, commands)
            if added is None:
                return -np.inf
            total = (added + self.known) * np.outer(self.scale, self.scale)
            values.append(float(np.linalg.slogdet(total)[1]))
        return float(np.mean(values))

    def information(self, commands: Floats) -> Floats:
        """Mean Fisher information [P, P]."""
        found = [self._at(theta, commands) for theta in self.theta]
        return np.mean([one for one in found if one is not None], axis=0)

    def _at(self, theta: Floats, commands: Floats) -> Floats | None:
        """Fisher information at one candidate; None outside the limits."""
        step = 1e-3 * self.scale
        paths = self.predict(np.concatenate([theta[None], theta + np.diag(step)]), commands)
        reach = paths[0]
        if not np.isfinite(paths).all():
            return None
        if (reach < self.limits.joint_low).any() or (reach > self.limits.joint_high).any():
            return None
        slopes = ((paths[1:] - reach) / step[:, None, None]).reshape(len(step), -1) / self.noise
        return slopes @ slopes.T


def _draw(rng: np.random.Generator, mean: Floats, deviation: Floats, count: int) -> Floats:
    """Numbers in 0 to 1 [count, D]: uniform at first, then around the elite."""
    if not np.isfinite(deviation).all():
        return rng.uniform(0.0, 2.0 * mean, (count, len(mean)))
    return np.clip(rng.normal(mean, deviation, (count, len(mean))), 0.0, 1.0)
