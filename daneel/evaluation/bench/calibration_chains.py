"""Random MuJoCo chains with known parameters: the second family of `calibration_truths`."""

from __future__ import annotations

import copy
from typing import Any

import mujoco as _mujoco
import numpy as np
from mujoco import rollout

from daneel.agents.calibration.problem import Floats
from daneel.evaluation.bench.calibration_truths import (
    RATE_HZ,
    Parameters,
    Truth,
    assemble,
    multisine,
    noise,
)

mujoco: Any = _mujoco  # its compiled half has no type stubs
STEP_S = 0.005
"""Step of the simulator; every second state is measured."""

CHAIN_PLANTS = ("armature and inertia", "two dampings", "motor constant and gear")
"""What a chain's log may be blind to, all at the first joint; the last not of a single link, where
no other torque would have a known size."""


def chain(rng: np.random.Generator, planted: bool) -> Truth:
    """A planar chain of one to three links that hangs and is pushed at every joint."""
    links = int(rng.integers(1, 4))
    parameters = Parameters(rng)
    for at in range(1, links + 1):
        parameters.positive(f"mass_{at}", 0.3, 1.0)
        parameters.positive(f"damping_{at}", 0.05, 0.3)
    case = str(rng.choice(CHAIN_PLANTS[: 3 if links > 1 else 2])) if planted else ""
    if rng.random() < 0.7 or case == "armature and inertia":
        parameters.positive("armature_1", 0.02, 0.1)
    if case == "armature and inertia":
        parameters.positive("inertia_1", 0.02, 0.1)
        parameters.plant("armature_1", "inertia_1")
    if case == "motor constant and gear":
        parameters.positive("motor_constant_1", 0.5, 1.5)
        parameters.positive("gear_1", 0.5, 1.5)
        parameters.plant("motor_constant_1", "gear_1")
    if case == "two dampings":
        parameters.positive("back_emf_1", 0.05, 0.3)
        parameters.plant("damping_1", "back_emf_1")
    if rng.random() < 0.4:
        parameters.signed(f"sensor_bias_{links}", 0.2)
    return _chain_truth(parameters, links, case)


def _chain_truth(parameters: Parameters, links: int, case: str) -> Truth:
    rng, names = parameters.rng, tuple(parameters.names)
    segments = int(rng.integers(2, 6))
    samples = int(rng.uniform(1.0, 2.0) * RATE_HZ)
    start = np.zeros((segments, links))
    start[:, 0] = rng.uniform(-0.8, 0.8, segments)
    push = multisine(rng, segments * links, 2 * samples, STEP_S, amplitude=2.0)
    push = push.reshape(segments, links, -1).transpose(0, 2, 1)  # [S, 2 T, links]
    model = mujoco.MjModel.from_xml_string(chain_xml(links))

    def simulate(candidates: Floats) -> Floats:
        models = [changed(model, dict(zip(names, row, strict=True))) for row in candidates]
        angles = _roll(models, start, push)  # [N, S, T, links]
        bias = [[row.get(f"sensor_bias_{at}", 0.0) for at in range(1, links + 1)]
                for row in (dict(zip(names, one, strict=True)) for one in candidates)]  # fmt: skip
        return angles + np.array(bias)[:, None, None, :]

    size, colour = noise(rng)
    return assemble(
        parameters, simulate, size, colour, f"chain of {links}, {case or 'identifiable'}"
    )


def chain_xml(links: int) -> str:
    """The model: links of 0.3 m that turn about parallel axes."""
    body = ""
    for at in range(links, 0, -1):
        place = "0 0 -0.3" if at > 1 else "0 0 0"
        body = (
            f'<body pos="{place}"><joint name="j{at}" axis="0 1 0"/>'
            '<inertial pos="0 0 -0.15" mass="0.5" diaginertia="0.02 0.02 0.02"/>'
            f"{body}</body>"
        )
    motors = "".join(f'<motor joint="j{at}"/>' for at in range(1, links + 1))
    return (
        f'<mujoco><option timestep="{STEP_S}" integrator="implicitfast"/>'
        f"<worldbody>{body}</worldbody><actuator>{motors}</actuator></mujoco>"
    )


def changed(model: Any, value: dict[str, float]) -> Any:
    """A copy of the model with these parameters."""
    new = copy.copy(model)
    for at in range(new.nv):
        link = at + 1
        new.body_mass[link] = value.get(f"mass_{link}", new.body_mass[link])
        inertia = value.get(f"inertia_{link}")
        new.body_inertia[link] = new.body_inertia[link] if inertia is None else inertia
        new.dof_damping[at] = value.get(f"damping_{link}", 0.1) + value.get(f"back_emf_{link}", 0.0)
        new.dof_armature[at] = value.get(f"armature_{link}", 0.0)
        gain = value.get(f"motor_constant_{link}", 1.0) * value.get(f"gear_{link}", 1.0)
        new.actuator_gear[at, 0] = gain
    mujoco.mj_setConst(new, mujoco.MjData(new))
    return new


def _roll(models: list[Any], start: Floats, push: Floats) -> Floats:
    """Joint angles [N, S, T, links] of every model from every start under its push."""
    segments, links = start.shape
    state = np.zeros((segments, 1 + 2 * links))
    state[:, 1 : 1 + links] = start
    states, _ = rollout.rollout(
        [model for model in models for _ in range(segments)],
        [mujoco.MjData(models[0])],
        np.tile(state, (len(models), 1)),
        np.tile(push, (len(models), 1, 1)),
    )
    angles = np.asarray(states)[:, 1::2, 1 : 1 + links]
    return angles.reshape(len(models), segments, -1, links)
