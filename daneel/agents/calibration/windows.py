"""Cuts logs into windows: rollouts that start from the measured state.

Many short rollouts in the place of one long one is what makes chaotic and unstable robots
identifiable: an error of the start cannot grow for longer than a window (Bock's multiple shooting,
with the measured state as the start of every piece). Arrays: W windows, H lead, T steps, J joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from daneel.agents.calibration.logs import Log
from daneel.agents.calibration.problem import CalibrationError, Floats, Integers

LEAD = 0.1
"""Seconds of actions before the start of a window: the longest delay that can be found."""


@dataclass(frozen=True)
class Windows:
    """Rollouts of equal length on one clock."""

    joints: tuple[str, ...]
    """Joints in the order of the columns."""
    kind: str
    """What an action is: torque or position."""
    dt: float
    """Step of the clock in seconds."""
    q: Floats
    """Measured positions [W, T + 1, J]; the first is the start."""
    dq: Floats
    """Measured velocities [W, T + 1, J]."""
    actions: Floats
    """What drove the robot [W, H + T, J]: H steps before the start, then one a step."""
    lead: int
    """H."""
    log: Integers
    """Number of the log that each window was cut from [W]."""
    start: Integers
    """Row of that log where the window starts [W]."""
    constants: tuple[tuple[str, Floats], ...] = ()
    """Parameters of the model that the log gives, one value a window [W]."""

    @property
    def steps(self) -> int:
        """T."""
        return self.q.shape[1] - 1

    def __len__(self) -> int:
        """W."""
        return len(self.q)


def cut_windows(
    logs: Sequence[Log],
    horizon: float,
    every: float,
    measured_torque: bool = False,
) -> Windows:
    """Windows of `horizon` seconds, one every `every` seconds of each log.

    Args:
        logs: Logs of the same joints on the same clock.
        horizon: Length of a window in seconds; 0 takes one window as long as the shortest log.
        every: Seconds from start to start.
        measured_torque: Drive with the torque that was measured in the place of the command.

    Raises:
        CalibrationError: The logs do not go together, or none is as long as a window.
    """
    first = logs[0]
    _go_together(logs)
    dt = first.dt
    steps = round(horizon / dt) if horizon else min(len(log.q) for log in logs) - 1
    stride = max(1, round(every / dt))
    starts = [
        (number, row)
        for number, log in enumerate(logs)
        for row in range(0, len(log.q) - steps, stride)
    ]
    if not starts:
        longest = max(len(log.q) for log in logs) * dt
        raise CalibrationError(
            f"The longest log lasts {longest:.3g} s and a window {horizon:g} s. Expected logs "
            f"longer than a window. Take a horizon below {longest:.3g} s."
        )
    lead = round(LEAD / dt)
    actions = [_led(log.actions(measured_torque), lead) for log in logs]
    return Windows(
        joints=first.joints,
        kind="torque" if measured_torque else first.kind,
        dt=dt,
        q=np.stack([logs[n].q[row : row + steps + 1] for n, row in starts]),
        dq=np.stack([logs[n].dq[row : row + steps + 1] for n, row in starts]),
        actions=np.stack([actions[n][row : row + lead + steps] for n, row in starts]),
        lead=lead,
        log=np.array([n for n, _ in starts]),
        start=np.array([row for _, row in starts]),
        constants=_constants(logs, [n for n, _ in starts]),
    )


def _led(actions: Floats, lead: int) -> Floats:
    """Actions with their first row repeated before the start."""
    return np.concatenate([np.repeat(actions[:1], lead, axis=0), actions])


def _go_together(logs: Sequence[Log]) -> None:
    first = logs[0]
    for log in logs:
        if log.joints != first.joints or abs(log.dt - first.dt) > 1e-9:
            raise CalibrationError(
                f"{log.name} ({', '.join(log.joints)} at {log.dt:g} s) does not go with "
                f"{first.name} ({', '.join(first.joints)} at {first.dt:g} s). Expected logs of "
                "the same joints on one clock. Set `dt` in the column map."
            )


def _constants(logs: Sequence[Log], numbers: list[int]) -> tuple[tuple[str, Floats], ...]:
    names = sorted({name for log in logs for name in log.constants})
    for log in logs:
        for name in names:
            if name not in log.constants:
                raise CalibrationError(
                    f"{log.name} gives no {name} and another log does. Expected it in all of them. "
                    "Leave `constants` out of the column map, or use logs that have it."
                )
    return tuple((name, np.array([logs[n].constants[name] for n in numbers])) for name in names)


def choose(windows: Windows, which: Integers | NDArray[np.bool_]) -> Windows:
    """Some of the windows.

    Args:
        windows: All of them.
        which: Numbers or a mask over W.
    """
    return Windows(
        windows.joints, windows.kind, windows.dt, windows.q[which], windows.dq[which],
        windows.actions[which], windows.lead, windows.log[which], windows.start[which],
        tuple((name, value[which]) for name, value in windows.constants),
    )  # fmt: skip


def shorten(windows: Windows, steps: int) -> Windows:
    """The first steps of every window."""
    steps = min(steps, windows.steps)
    return replace(
        windows,
        q=windows.q[:, : steps + 1],
        dq=windows.dq[:, : steps + 1],
        actions=windows.actions[:, : windows.lead + steps],
    )
