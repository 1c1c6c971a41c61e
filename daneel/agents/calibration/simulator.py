"""What a calibration asks of a simulator, and what lies around every one: actuators and sensors.

A target is the address of one number of a model: `joint/elbow/damping`, `body/arm/mass`. Targets
of the signal path are the same for every simulator:

    command/JOINT/{delay,gain,bias,lag}   seconds, factor, unit of the command, seconds
    sensor/JOINT/{gain,bias}              measured = gain * true + bias
    sensor/JOINT/noise                    its standard deviation; rollouts have none
    start/JOINT/velocity_gain             trust in a measured start velocity, 1 takes it as it is

Arrays: N candidates, W windows, T steps, J joints.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.agents.calibration.windows import Windows
from daneel.errors import nearest

Values = Mapping[str, Floats]
"""Values of targets [N]."""
COMMAND = {"delay": 0.0, "gain": 1.0, "bias": 0.0, "lag": 0.0}
SENSOR = {"gain": 1.0, "bias": 0.0, "noise": 0.0}


class Simulator(Protocol):
    """Rolls many candidates out over many windows at once."""

    @property
    def defaults(self) -> Mapping[str, float]:
        """Every target that this simulator knows, with its nominal value."""
        ...

    def simulate(
        self, values: Values, q: Floats, dq: Floats, actions: Floats, windows: Windows
    ) -> Floats:
        """Positions after every step [N, W, T + 1, J], the start first; NaN where it blew up.

        Args:
            values: Targets that differ from their nominal value [N] or [N, W].
            q: True positions at the start [N, W, J].
            dq: True velocities at the start [N, W, J].
            actions: What drives each step [N, W, T, J], or [1, W, T, J] for all candidates.
            windows: The windows that are simulated, for their clock and joints.
        """
        ...


def signal_targets(joints: Iterable[str]) -> dict[str, float]:
    """Targets of the signal path with the values that change nothing."""
    found: dict[str, float] = {}
    for joint in joints:
        found |= {f"command/{joint}/{name}": value for name, value in COMMAND.items()}
        found |= {f"sensor/{joint}/{name}": value for name, value in SENSOR.items()}
    return found


def expand(pattern: str, known: Mapping[str, float]) -> tuple[str, ...]:
    """Targets that a pattern such as `joint/*/damping` stands for.

    Raises:
        CalibrationError: None matches; the message names the nearest.
    """
    found = tuple(name for name in known if fnmatch.fnmatchcase(name, pattern))
    if not found:
        close = ", ".join(nearest(pattern, known) or list(known)[:8])
        raise CalibrationError(
            f"The model has no target {pattern!r}. Nearest: {close}. Mend the parameter file; "
            "`daneel calibrate targets` lists every target of a model."
        )
    return found


def rollout(simulator: Simulator, values: Values, windows: Windows) -> Floats:
    """Simulated readings of the position sensors [N, W, T + 1, J].

    Args:
        simulator: The robot.
        values: Targets [N]; constants of the windows are added.
        windows: Where to start, and what drove the robot.
    """
    count = max((len(value) for value in values.values()), default=1)
    inner = {key: value for key, value in values.items() if key.split("/")[0] in simulator_rooms}
    for name, constant in windows.constants:
        inner.setdefault(name, np.broadcast_to(constant, (count, len(windows))))
    gain = _per_joint(values, windows.joints, "sensor", "gain", 1.0, count)
    bias = _per_joint(values, windows.joints, "sensor", "bias", 0.0, count)
    shape = (count, len(windows), len(windows.joints))
    q = np.broadcast_to((windows.q[None, :, 0] - bias) / gain, shape)
    dq = np.broadcast_to(windows.dq[None, :, 0] / gain, shape)
    simulated = simulator.simulate(inner, q, dq, actuate(values, windows, count), windows)
    return simulated * gain[:, :, None] + bias[:, :, None]


simulator_rooms = ("joint", "body", "actuator", "servo", "geom", "option")
"""First part of the targets that belong to simulators."""


def _per_joint(
    values: Values, joints: tuple[str, ...], room: str, name: str, default: float, count: int
) -> Floats:
    """Values of one signal target [N, 1, J]."""
    columns = [
        np.broadcast_to(values.get(f"{room}/{joint}/{name}", np.array(default)), (count,))
        for joint in joints
    ]
    return np.stack(columns, axis=1)[:, None]


def actuate(values: Values, windows: Windows, count: int) -> Floats:
    """Actions as they reach the joints [N or 1, W, T, J]: late, slow, scaled and shifted.

    Args:
        values: Targets [N].
        windows: The windows.
        count: N.
    """
    moved = [key for key in values if key.startswith("command/")]
    if not moved:
        return windows.actions[None, :, windows.lead :]
    delay, gain, bias, lag = (
        _per_joint(values, windows.joints, "command", name, default, count)
        for name, default in COMMAND.items()
    )
    late = _delayed(windows, delay[:, 0] / windows.dt)
    if np.any(lag > 0):
        late = _lagged(late, np.exp(-windows.dt / np.maximum(lag, 1e-9)))
    return late[:, :, windows.lead :] * gain[:, :, None] + bias[:, :, None]


def _delayed(windows: Windows, steps: Floats) -> Floats:
    """Actions [N, W, H + T, J] that come `steps` [N, J] later; fractions are interpolated."""
    actions = windows.actions
    late = np.empty((len(steps), *actions.shape))
    limited = np.clip(steps, 0.0, windows.lead - 1.0)
    whole = np.floor(limited).astype(int)
    for n, joint in np.ndindex(*steps.shape):
        shift, rest = int(whole[n, joint]), limited[n, joint] - whole[n, joint]
        moved = _shifted(actions[:, :, joint], shift)
        late[n, :, :, joint] = (
            (1 - rest) * moved + rest * _shifted(actions[:, :, joint], shift + 1) if rest else moved
        )
    return late


def _shifted(signal: Floats, steps: int) -> Floats:
    """The signal [W, K] `steps` later; what was before the first row is the first row."""
    if not steps:
        return signal
    return np.concatenate([np.repeat(signal[:, :1], steps, axis=1), signal[:, :-steps]], axis=1)


def _lagged(signal: Floats, keep: Floats) -> Floats:
    """First-order low pass along time; `keep` [N, 1, J] is what stays from step to step."""
    slow = np.empty_like(signal)
    state = signal[:, :, 0]
    for step in range(signal.shape[2]):
        state = keep * state + (1 - keep) * signal[:, :, step]
        slow[:, :, step] = state
    return slow
