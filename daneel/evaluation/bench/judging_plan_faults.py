"""Work and faults on which the critic is tested: other makers, other forms, other faults.

Nothing here is used to train it. Plans are of a workshop and a laboratory, in English sentences;
programs are a class, a recursion, a search, a filter; trajectories come from a pendulum and a cart
with nonlinear drag. The faults are of families that `injected.py` does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from daneel.alignment.judging.critic import Plan, Program, Trajectory, Work

Rng = np.random.Generator
T = TypeVar("T", Plan, Program, Trajectory)
SOUND = "sound"
TOOLS = (
    "wrench",
    "hammer",
    "screwdriver",
    "tape",
    "brush",
    "flask",
    "beaker",
    "microscope",
    "pipette",
    "clamp",
)
PLACES = ("workbench", "trolley", "rack", "tray", "scale")
CLOSED = ("toolbox", "locker", "incubator", "drawer", "cabinet")
MACHINES = ("centrifuge", "printer", "drill", "mixer")


def examples(rng: Rng, each: int) -> tuple[list[Work], list[bool], list[str]]:
    """Return work of every kind, every other one faulty, which are, and the family of each."""
    pairs: list[tuple[Work, str]] = [
        *_half_faulty(plan, PLAN_FAULTS, each, rng),
        *_half_faulty(program, PROGRAM_FAULTS, each, rng),
        *_half_faulty(trajectory, TRAJECTORY_FAULTS, each, rng),
    ]
    names = [name for _, name in pairs]
    return [item for item, _ in pairs], [name != SOUND for name in names], names


def _half_faulty(
    make: Callable[[Rng], T],
    faults: Sequence[tuple[str, Callable[[T, Rng], T]]],
    each: int,
    rng: Rng,
) -> list[tuple[T, str]]:
    """Return `each` pieces of one kind with the family of their fault; every other is sound."""
    made: list[tuple[T, str]] = []
    for at in range(each):
        name, fault = faults[int(rng.integers(len(faults)))]
        item = make(rng)
        made.append((fault(item, rng), name) if at % 2 else (item, SOUND))
    return made


def plan(rng: Rng) -> Plan:
    """Return a sound plan in sentences."""
    tool, other = rng.choice(TOOLS, 2, replace=False)
    place, shut, machine = _pick(rng, PLACES), _pick(rng, CLOSED), _pick(rng, MACHINES)
    fetch = [
        f"Walk to the {shut}.",
        f"Open the {shut}.",
        f"Take the {tool} from the {shut}.",
        f"Close the {shut}.",
    ]
    lay = [f"Walk to the {place}.", f"Place the {tool} on the {place}."]
    second = [
        f"Walk to the {other}.",
        f"Grab the {other}.",
        f"Walk to the {place}.",
        f"Lay the {other} on the {place}.",
    ]
    load = [
        f"Walk to the {machine}.",
        f"Open the {machine}.",
        f"Insert the {tool} into the {machine}.",
        f"Close the {machine}.",
        f"Switch on the {machine}.",
        f"Switch off the {machine}.",
    ]
    kinds = (
        (f"Bring the {tool} from the {shut} to the {place}.", [*fetch, *lay]),
        (
            f"Collect the {tool} from the {shut} and the {other}, and lay both on the {place}.",
            [*fetch, *lay, *second],
        ),
        (f"Run the {tool} from the {shut} through the {machine}.", [*fetch, *load]),
        (f"Lay the {other} on the {place}.", second),
    )
    instruction, steps = kinds[int(rng.integers(len(kinds)))]
    return Plan(instruction, tuple(steps))


def _cut_short(item: Plan, rng: Rng) -> Plan:
    """The end is missing."""
    return replace(item, steps=item.steps[: -int(rng.integers(1, 3))])


def _reversed_part(item: Plan, rng: Rng) -> Plan:
    """Three steps in a row stand the wrong way round."""
    at = int(rng.integers(len(item.steps) - 2))
    return replace(
        item, steps=(*item.steps[:at], *item.steps[at : at + 3][::-1], *item.steps[at + 3 :])
    )


def _stranger(item: Plan, rng: Rng) -> Plan:
    """Steps of another task stand in between."""
    named = item.instruction.lower()
    thing = _pick(rng, [tool for tool in TOOLS if tool not in named])
    at = int(rng.integers(1, len(item.steps)))
    return replace(item, steps=(*item.steps[:at], f"Grab the {thing}.", *item.steps[at:]))


def _starts_late(item: Plan, rng: Rng) -> Plan:
    """The beginning is missing."""
    return replace(item, steps=item.steps[int(rng.integers(2, 4)) :])


def program(rng: Rng) -> Program:
    """Return a sound program of another form."""
    n = int(rng.integers(2, 30))
    name = _pick(rng, ("Arm", "Base", "Gripper", "Lift"))
    templates = (
        f"class {name}:\n    def __init__(self, limit):\n        self.limit "
        f"= limit\n        self.at = 0\n\n    def go(self, delta):\n"
        f"        new = self.at + delta\n        if abs(new) > self.limit:\n"
        f"            raise ValueError('out of reach')\n        self.at "
        f"= new\n        return new\n",
        f"def search(values, wanted, low=0):\n    for index, value "
        f"in enumerate(values):\n        if value == wanted:\n     "
        f"       return low + index\n    return -{n}\n",
        f"def descend(height, rate):\n    if height <= {n}:\n      "
        f"  return [height]\n    rest = descend(height - rate, rate)\n"
        f"    return [height, *rest]\n",
        "def smooth(samples, width):\n    out = []\n    total = 0.0\n"
        "    for index in range(width, len(samples)):\n        total "
        "+= samples[index] - samples[index - width]\n        out.append(total "
        "/ width)\n    return out\n",
        f"def wait(sensor, tries):\n    left = tries\n    while left "
        f"> 0:\n        if sensor.ready({n}):\n            return True\n"
        f"        left -= 1\n    return False\n",
    )
    return Program(templates[int(rng.integers(len(templates)))])


def _lines(change: Callable[[list[str], Rng], list[str]]) -> Callable[[Program, Rng], Program]:
    return lambda item, rng: Program("\n".join(change(item.source.splitlines(), rng)) + "\n")


def _never_reached(lines: list[str], rng: Rng) -> list[str]:
    """The function returns before its last line."""
    at = max(i for i, line in enumerate(lines) if line.strip().startswith("return"))
    pad = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    return [*lines[:at], pad + "return None", *lines[at:]]


def _too_early(lines: list[str], rng: Rng) -> list[str]:
    """A value is read before it is computed."""
    at = next(
        i
        for i, line in enumerate(lines)
        if line.lstrip().startswith("def ") and "__init__" not in line
    )
    pad = lines[at][: len(lines[at]) - len(lines[at].lstrip())] + "    "
    return [
        *lines[: at + 1],
        f"{pad}scaled = factor * 2",
        f"{pad}factor = scaled",
        *lines[at + 1 :],
    ]


def _endless(lines: list[str], rng: Rng) -> list[str]:
    """A loop waits for what nothing changes."""
    at = max(i for i, line in enumerate(lines) if line.strip().startswith("return"))
    pad = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    return [
        *lines[:at],
        f"{pad}ready = False",
        f"{pad}while not ready:",
        f"{pad}    pause = 1",
        f"{pad}    print(pause)",
        *lines[at:],
    ]


def _no_effect(lines: list[str], rng: Rng) -> list[str]:
    """An assignment became a comparison."""
    able = [i for i, line in enumerate(lines) if " = " in line and "def " not in line] or [
        len(lines) - 1
    ]
    at = able[int(rng.integers(len(able)))]
    return [
        *lines[:at],
        lines[at].replace(" = ", " == ", 1).replace("return ", ""),
        *lines[at + 1 :],
    ]


def _broken(lines: list[str], rng: Rng) -> list[str]:
    """A bracket is missing."""
    able = [i for i, line in enumerate(lines) if ")" in line]
    at = able[int(rng.integers(len(able)))]
    return [*lines[:at], lines[at].replace(")", "", 1), *lines[at + 1 :]]


def trajectory(rng: Rng, steps: int = 150) -> Trajectory:
    """Return a driven pendulum on a cart with drag: [T, 4] observations, [T, 1] actions."""
    push = rng.uniform(0.3, 0.9) * np.sign(
        np.sin(np.arange(steps) * rng.uniform(0.05, 0.2) + rng.uniform(0, 6))
    )
    drag, gravity = rng.uniform(0.1, 0.5), rng.uniform(1.0, 4.0)
    x = np.zeros((steps, 4))
    x[0] = rng.standard_normal(4) * 0.3
    for t in range(steps - 1):
        p, v, angle, spin = x[t]
        force = push[t] - drag * v * abs(v) - 0.3 * p
        twist = -gravity * np.sin(angle) - 0.2 * spin + 0.5 * push[t]
        x[t + 1] = [p + 0.04 * v, v + 0.04 * force, angle + 0.04 * spin, spin + 0.04 * twist]
    return Trajectory(x + 0.002 * rng.standard_normal(x.shape), push[:, None])


def _swapped(item: Trajectory, rng: Rng) -> Trajectory:
    """Two channels are exchanged for a while."""
    x = item.observations.copy()
    at = int(rng.integers(20, len(x) - 40))
    x[at : at + 20, [0, 2]] = x[at : at + 20, [2, 0]]
    return replace(item, observations=x)


def _replayed(item: Trajectory, rng: Rng) -> Trajectory:
    """A stretch is recorded twice."""
    x = item.observations.copy()
    at = int(rng.integers(30, len(x) - 25))
    x[at : at + 20] = x[at - 20 : at]
    return replace(item, observations=x)


def _noise(item: Trajectory, rng: Rng) -> Trajectory:
    """A sensor is noisy for a while."""
    x = item.observations.copy()
    at, channel = int(rng.integers(10, len(x) - 40)), int(rng.integers(x.shape[1]))
    x[at : at + 25, channel] += rng.standard_normal(25) * 0.15
    return replace(item, observations=x)


def _lost_samples(item: Trajectory, rng: Rng) -> Trajectory:
    """A stretch is missing, and nobody noted it."""
    at = int(rng.integers(30, len(item.observations) - 60))
    keep = np.r_[0:at, at + 25 : len(item.observations)]
    return replace(item, observations=item.observations[keep], actions=item.actions[keep])


PLAN_FAULTS = (
    ("cut short", _cut_short),
    ("part reversed", _reversed_part),
    ("foreign step", _stranger),
    ("starts late", _starts_late),
)
PROGRAM_FAULTS = (
    ("never reached", _lines(_never_reached)),
    ("read too early", _lines(_too_early)),
    ("endless loop", _lines(_endless)),
    ("comparison for assignment", _lines(_no_effect)),
    ("missing bracket", _lines(_broken)),
)
TRAJECTORY_FAULTS = (
    ("channels swapped", _swapped),
    ("replayed", _replayed),
    ("noise burst", _noise),
    ("samples lost", _lost_samples),
)


def _pick(rng: Rng, choices: tuple[str, ...] | list[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
