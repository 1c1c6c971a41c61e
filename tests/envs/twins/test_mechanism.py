"""Both engines have the same mechanism, and move it alike."""

import mujoco
import numpy as np
import pytest

from daneel.envs.twins import TASKS, MujocoEngine, Plant, load_task
from daneel.envs.twins.bullet_engine import BulletEngine
from daneel.envs.twins.mechanism import to_mjcf

MOVED = {"Reach": 0.3, "Push": 0.2, "Lift": 0.4, "Hop": 0.3}
"""Share of the motion that the engines may differ by where limits or friction in contacts decide;
elsewhere it is a twentieth."""


@pytest.mark.parametrize("name", TASKS.names())
def test_mass_inertia_and_limits_agree(name):
    """Mass, inertia and limits are the same in both engines, scaled ones too."""
    task = load_task(name)
    parameters = task.space.nominal[None].copy()
    parameters[0, 0] = 1.5  # mass of the load
    bullet = BulletEngine(task, parameters)
    masses, limits = bullet.masses(), bullet.limits()
    bullet.close()
    model = MujocoEngine(task, parameters)._models[0]
    for link in task.mechanism.links:
        mass, inertia = masses[link.name]
        body = model.body(link.name)
        assert mass == pytest.approx(body.mass[0])
        assert inertia == pytest.approx(tuple(body.inertia))
        assert mass == pytest.approx(link.mass * (1.5 if link.name in task.load else 1.0))
        if link.limits is not None:
            assert limits[link.name] == pytest.approx(tuple(model.joint(link.name).range))


@pytest.mark.parametrize("name", TASKS.names())
def test_unperturbed_engines_move_alike(name):
    """The same commands lead to the same motion in both engines, for half a second."""
    task = load_task(name)
    parameters = task.space.nominal[None]
    engines = MujocoEngine(task, parameters), BulletEngine(task, parameters)
    one, other = (Plant(task, engine, parameters) for engine in engines)
    rng = np.random.default_rng(0)
    start = task.draw_start(rng, 1)
    path = []
    for plant in (one, other):
        plant.begin(start, np.zeros_like(start))
    command = np.zeros((1, task.actuators))
    for _ in range(round(0.5 / task.decision_seconds)):
        command = 0.8 * command + 0.2 * rng.uniform(-1, 1, command.shape)
        for plant in (one, other):
            plant.step(command)
        path.append([one.positions[0], other.positions[0]])
    both = np.array(path)  # [T, 2, Q]
    moved = np.abs(both[:, 0] - start).max()
    assert moved > 0.002
    assert np.abs(both[:, 0] - both[:, 1]).max() < MOVED.get(name, 0.05) * moved + 1e-3


def test_only_listed_pairs_touch():
    """A contact that is not listed is not there: the fingers of the gripper pass each other."""
    task = load_task("Lift")
    model = mujoco.MjModel.from_xml_string(to_mjcf(task.mechanism))  # type: ignore[attr-defined]
    assert model.npair == len(task.mechanism.contacts)
    assert not model.geom_contype.any()
