"""Work to train the critic on: sound plans, programs and trajectories, and faults put in.

The critic is measured on other makers of work and other faults, which live with the bench
(`daneel bench judging-plan`) and not here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from daneel.alignment.judging.critic import Array, Plan, Program, Trajectory, Work

Rng = np.random.Generator
T = TypeVar("T", Plan, Program, Trajectory)

OBJECTS = (
    "Apple",
    "Mug",
    "Potato",
    "Book",
    "Plate",
    "Sponge",
    "Tomato",
    "Bowl",
    "Pen",
    "CellPhone",
    "Bread",
    "Vase",
)
SURFACES = ("CounterTop", "DiningTable", "Desk", "Shelf", "Sofa", "SideTable")
SHUT = ("Fridge", "Cabinet", "Drawer", "Microwave", "Box")


def examples(rng: Rng, each: int) -> tuple[list[Work], list[bool]]:
    """Return `each` pieces of work of every kind, every other one faulty, and which are."""
    work: list[Work] = [
        *_half_faulty(plan, PLAN_FAULTS, each, rng),
        *_half_faulty(program, PROGRAM_FAULTS, each, rng),
        *_half_faulty(trajectory, TRAJECTORY_FAULTS, each, rng),
    ]
    return work, [bool(at % 2) for at in range(each)] * 3


def _half_faulty(
    make: Callable[[Rng], T], faults: Sequence[Callable[[T, Rng], T]], each: int, rng: Rng
) -> list[T]:
    """Return `each` pieces of one kind; every other one has a fault."""
    made: list[T] = []
    for at in range(each):
        item = make(rng)
        made.append(faults[int(rng.integers(len(faults)))](item, rng) if at % 2 else item)
    return made


# -- plans ---------------------------------------------------------------------------------------


def plan(rng: Rng) -> Plan:
    """Return a sound plan of a household task."""
    thing, there = _pick(rng, OBJECTS), _pick(rng, SURFACES)
    shut = _pick(rng, SHUT)
    take = [f"find {thing}", f"pick {thing}"]
    leave = [f"find {there}", f"put {thing} on {there}"]
    heat = [f"find {shut}", f"open {shut}", f"put {thing} in {shut}", f"close {shut}"]
    back = [f"open {shut}", f"pick {thing} from {shut}", f"close {shut}"]
    lamp = ["find DeskLamp", "turn on DeskLamp"]
    kinds = (
        (f"Put the {thing} on the {there}.", [*take, *leave]),
        (f"Store the {thing} in the {shut}.", [*take, *heat]),
        (
            f"Cool the {thing} in the {shut} and put it on the {there}.",
            [*take, *heat, *back, *leave],
        ),
        (f"Look at the {thing} under the DeskLamp.", [*take, *lamp]),
        (
            "Slice the Bread.",
            [
                "find Knife",
                "pick Knife",
                "find Bread",
                "slice Bread",
                "find CounterTop",
                "put Knife on CounterTop",
            ],
        ),
        (
            f"Switch the Faucet on, then off, and put the {thing} on the {there}.",
            ["find Faucet", "turn on Faucet", "turn off Faucet", *take, *leave],
        ),
    )
    instruction, steps = kinds[int(rng.integers(len(kinds)))]
    if "DeskLamp" in instruction:
        steps = [*steps, *leave]
    return Plan(instruction, tuple(steps))


def _drop(item: Plan, rng: Rng) -> Plan:
    """Leave out a step that does something."""
    acts = [at for at, step in enumerate(item.steps) if not step.startswith("find")]
    gone = acts[int(rng.integers(len(acts)))]
    return Plan(item.instruction, tuple(step for at, step in enumerate(item.steps) if at != gone))


def _swap(item: Plan, rng: Rng) -> Plan:
    """Exchange two acts."""
    steps = list(item.steps)
    acts = [at for at, step in enumerate(steps) if not step.startswith("find")]
    first, second = sorted(rng.choice(acts, 2, replace=False))
    steps[first], steps[second] = steps[second], steps[first]
    return Plan(item.instruction, tuple(steps))


def _twice(item: Plan, rng: Rng) -> Plan:
    """Say a step twice."""
    at = int(rng.integers(len(item.steps)))
    return Plan(item.instruction, (*item.steps[: at + 1], *item.steps[at:]))


def _other(item: Plan, rng: Rng) -> Plan:
    """Handle another thing than the one that was asked for."""
    named = [thing for thing in OBJECTS if any(thing in step.split() for step in item.steps)]
    new = _pick(rng, [thing for thing in OBJECTS if thing not in named])
    old = named[0] if named else "Bread"
    steps = tuple(" ".join(new if word == old else word for word in s.split()) for s in item.steps)
    return Plan(item.instruction, steps)


# -- programs ------------------------------------------------------------------------------------

NAMES = (
    "target",
    "speed",
    "pose",
    "force",
    "angle",
    "count",
    "limit",
    "gain",
    "offset",
    "distance",
)


def program(rng: Rng) -> Program:
    """Return a sound program that moves something."""
    a, b, c, d = rng.choice(NAMES, 4, replace=False)
    number = int(rng.integers(2, 20))
    templates = (
        f"def step_towards({a}, {b}):\n    {c} = {a} - {b}\n    if "
        f"{c} > {number}:\n        return {number}\n    return {c}\n",
        f"def average({a}):\n    {b} = 0.0\n    for item in {a}:\n "
        f"       {b} += item\n    {c} = len({a})\n    return {b} / "
        f"{c}\n",
        f"def approach(robot, {a}):\n    {b} = robot.position()\n  "
        f"  while {b} < {a}:\n        robot.move({number})\n       "
        f" {b} = robot.position()\n    return {b}\n",
        f"def clamp({a}, {b}, {c}):\n    if {a} < {b}:\n        return "
        f"{b}\n    if {a} > {c}:\n        return {c}\n    return {a}\n"
        f"\n\ndef drive(robot, {d}):\n    {a} = clamp({d}, -{number}, "
        f"{number})\n    robot.push({a})\n    return {a}\n",
        f"def scan(robot, {a}):\n    {b} = []\n    for {c} in range({a}):\n"
        f"        robot.turn({c})\n        {b}.append(robot.read())\n"
        f"    return {b}\n",
    )
    return Program(templates[int(rng.integers(len(templates)))])


def _edit(change: Callable[[list[str], Rng], list[str]]) -> Callable[[Program, Rng], Program]:
    """Return a fault that changes the lines of a program."""
    return lambda item, rng: Program("\n".join(change(item.source.splitlines(), rng)) + "\n")


def _unbound(lines: list[str], rng: Rng) -> list[str]:
    """Misspell a name where it is used last."""
    at = max(i for i, line in enumerate(lines) if line.strip().startswith("return"))
    return [
        *lines[:at],
        lines[at] + "_now" if lines[at][-1].isalpha() else lines[at] + " + shift",
        *lines[at + 1 :],
    ]


def _lost_return(lines: list[str], rng: Rng) -> list[str]:
    """Compute the result and do not return it."""
    at = max(i for i, line in enumerate(lines) if line.strip().startswith("return"))
    return [*lines[:at], lines[at].replace("return", "result ="), *lines[at + 1 :]]


def _doubled(lines: list[str], rng: Rng) -> list[str]:
    """Say a line twice."""
    able = [i for i, line in enumerate(lines) if line.startswith("    ") and not line.endswith(":")]
    at = able[int(rng.integers(len(able)))]
    return [*lines[: at + 1], *lines[at:]]


def _self_compared(lines: list[str], rng: Rng) -> list[str]:
    """Guard the function by comparing an argument with itself."""
    name = lines[0].split("(")[1].split(",")[0].split(")")[0].strip()
    return [lines[0], f"    if {name} == {name}:", "        pass", *lines[1:]]


# -- trajectories --------------------------------------------------------------------------------


def trajectory(rng: Rng, steps: int = 120) -> Trajectory:
    """Return a damped, driven body with noisy sensors: [T, 4] observations, [T, 2] actions."""
    a = np.eye(4) + 0.05 * np.block(
        [
            [np.zeros((2, 2)), np.eye(2)],
            [-np.diag(rng.uniform(0.5, 3, 2)), -np.diag(rng.uniform(0.2, 1, 2))],
        ]
    )
    b = np.vstack([np.zeros((2, 2)), 0.1 * np.eye(2)])
    actions, noise = _actions(rng, steps), 10 ** rng.uniform(-3, -2)
    x = np.zeros((steps, 4))
    x[0] = 0.5 * rng.standard_normal(4)
    for t in range(steps - 1):
        drag = np.r_[0, 0, 0.05 * x[t, 2:] * np.abs(x[t, 2:])]
        x[t + 1] = a @ x[t] + b @ actions[t] - drag + noise * rng.standard_normal(4)
    return Trajectory(x + noise * rng.standard_normal(x.shape), actions)


def _actions(rng: Rng, steps: int) -> Array:
    """Return smooth, switching or noisy actions within -1 to 1, [T, 2]."""
    wave = np.sin(np.outer(np.arange(steps), rng.uniform(0.05, 0.3, 2)) + rng.uniform(0, 6.28, 2))
    kind = int(rng.integers(3))
    if kind == 0:
        return np.clip(0.8 * wave + 0.1 * rng.standard_normal((steps, 2)), -1, 1)
    return rng.uniform(0.3, 1) * np.sign(wave) if kind == 1 else rng.uniform(-1, 1, (steps, 2))


def _spike(item: Trajectory, rng: Rng) -> Trajectory:
    """One reading is far off."""
    x = item.observations.copy()
    at, channel = int(rng.integers(5, len(x) - 5)), int(rng.integers(x.shape[1]))
    x[at, channel] += rng.choice([-1, 1]) * rng.uniform(0.5, 2.0)
    return Trajectory(x, item.actions)


def _stuck(item: Trajectory, rng: Rng) -> Trajectory:
    """A sensor holds its value."""
    x = item.observations.copy()
    at, channel = int(rng.integers(5, len(x) - 40)), int(rng.integers(x.shape[1]))
    x[at : at + int(rng.integers(8, 30)), channel] = x[at, channel]
    return Trajectory(x, item.actions)


def _unread(item: Trajectory, rng: Rng) -> Trajectory:
    """A reading is missing."""
    x = item.observations.copy()
    x[int(rng.integers(5, len(x) - 5))] = np.nan
    return Trajectory(x, item.actions)


def _excess(item: Trajectory, rng: Rng) -> Trajectory:
    """An action exceeds its bound."""
    u: Array = item.actions.copy()
    u[int(rng.integers(5, len(u) - 5))] *= 3.0
    u[int(rng.integers(5, len(u) - 5))] = 1.0 + rng.uniform(0.3, 2.0)
    return Trajectory(item.observations, u)


def _teleport(item: Trajectory, rng: Rng) -> Trajectory:
    """From some step on, a position is off by a constant."""
    x = item.observations.copy()
    x[int(rng.integers(10, len(x) - 10)) :, int(rng.integers(2))] += rng.choice(
        [-1, 1]
    ) * rng.uniform(0.3, 1.0)
    return Trajectory(x, item.actions)


PLAN_FAULTS = (_drop, _swap, _twice, _other)
PROGRAM_FAULTS = tuple(map(_edit, (_unbound, _lost_return, _doubled, _self_compared)))
TRAJECTORY_FAULTS = (_spike, _stuck, _unread, _excess, _teleport)


def _pick(rng: Rng, choices: tuple[str, ...] | list[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
