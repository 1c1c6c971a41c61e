"""What the shield lets through is safe by construction, near to what was wanted, and says so."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from daneel.alignment.safety import (
    Box,
    BrakingCertificate,
    Disc,
    DoubleIntegrator,
    Pendulum,
    PlantEnv,
    Shield,
    ShieldedEnv,
    Task,
    find_ellipsoid,
)
from daneel.errors import ConfigError, SpaceError

PLANT = DoubleIntegrator(axes=2, dt=0.1, max_acceleration=2.0)
DISCS = (Disc((0.0, 0.0), 0.5), Disc((1.5, 0.4), 0.4), Disc((-0.8, 1.3), 0.6))
WALLS = (-2.0, -2.0), (2.5, 2.5)
ROOM = BrakingCertificate(PLANT, DISCS, *WALLS)


def depth(points: np.ndarray) -> np.ndarray:
    """How deep `points [N, 2]` are in an obstacle or beyond a wall; negative is free."""
    inside = [disc.radius - np.linalg.norm(points - disc.centre, axis=1) for disc in DISCS]
    beyond = [np.max([WALLS[0] - points, points - WALLS[1]], axis=(0, 2))]
    return np.max([*inside, *beyond], axis=0)


def free_state(rng: np.random.Generator) -> np.ndarray:
    """A moving state from which braking is clear."""
    while True:
        state = np.concatenate([rng.uniform(*WALLS), rng.uniform(-1.5, 1.5, 2)])
        if ROOM.contains(state):
            return state


def finely(state: np.ndarray, action: np.ndarray, parts: int = 20) -> np.ndarray:
    """Positions between two decisions."""
    t = np.linspace(0, PLANT.dt, parts)[:, None]
    return state[:2] + state[2:] * t + action * t**2 / 2


@pytest.mark.parametrize("seed", range(4))
def test_an_adversary_never_touches_anything(seed: int) -> None:
    """It drives at the nearest obstacle at full power; positions between decisions count too."""
    rng, shield = np.random.default_rng(seed), Shield(ROOM)
    for _ in range(6):
        state = free_state(rng)
        goal = np.array(DISCS[rng.integers(3)].centre)
        for _ in range(80):
            decision = shield.filter(state, 9 * (goal - state[:2]) + rng.normal(size=2))
            assert decision.certified
            assert (depth(finely(state, decision.action)) < 0).all()
            state = PLANT.step(state[None], decision.action[None])[0]


def test_braking_stays_in_the_set(seed: int = 0) -> None:
    """The certificate's own claim: after the backup, rounded to float32, it is in the set again."""
    rng = np.random.default_rng(seed)
    for _ in range(200):
        state = free_state(rng)
        while np.linalg.norm(state[2:]) > 0:
            action = ROOM.backup(state).astype(np.float32).astype(float)
            assert (np.abs(action) <= PLANT.max_acceleration).all()
            state = PLANT.step(state[None], action[None])[0]
            assert ROOM.contains(state)
            if np.linalg.norm(state[2:]) < 1e-5:
                break


def test_a_certificate_without_the_sampled_last_step_would_be_wrong() -> None:
    """The textbook's s^2 / 2a is too short: braking in steps from 0.1 m/s goes farther."""
    plant = DoubleIntegrator(axes=1, dt=0.1, max_acceleration=1.0)
    state, certificate = np.array([0.0, 0.05]), BrakingCertificate(plant, (), (-1.0,), (1.0,))
    after = plant.step(state[None], certificate.backup(state)[None])[0]
    assert after[0] > 0.05**2 / 2 * 1.9  # 0.0025 m, twice the textbook's


def test_what_is_safe_passes_unchanged_and_what_is_not_is_near() -> None:
    """Least change: no certified action on a fine grid is nearer by more than the grid."""
    rng, shield = np.random.default_rng(5), Shield(ROOM)
    axis = np.linspace(-2, 2, 81)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    projected, worse = 0, []
    while projected < 25:
        state, wanted = free_state(rng), rng.uniform(-2, 2, 2)
        decision = shield.filter(state, wanted)
        certified = grid[(ROOM.margins(state, grid) >= 0).all(1)]
        if decision.kind == "passed":
            assert np.allclose(decision.action, wanted, atol=1e-6)
        elif len(certified):
            projected += 1
            best = np.linalg.norm(certified - wanted, axis=1).min()
            worse.append(np.linalg.norm(decision.action - wanted) - best)
    assert np.mean(worse) < 0.1 and np.median(worse) < 0.05


@pytest.mark.parametrize("wanted", [[np.nan, 0.0], [np.inf, 0.0], [1.0], []])
def test_nonsense_is_answered_with_the_backup(wanted: list[float]) -> None:
    """A policy that broke down must not be the last word."""
    decision = Shield(ROOM).filter(np.array([-1.5, -1.5, 0.5, 0.0]), np.array(wanted))
    assert decision.kind == "backup" and decision.certified
    assert np.allclose(decision.action, ROOM.backup(np.array([-1.5, -1.5, 0.5, 0.0])), atol=1e-6)


def test_outside_of_the_set_it_says_that_nothing_is_guaranteed() -> None:
    """And does what it can."""
    decision = Shield(ROOM).filter(np.array([-0.6, 0.0, 2.0, 0.0]), np.zeros(2))
    assert decision == decision and not decision.certified and decision.kind == "backup"


def test_the_pendulum_stays_up_under_any_torque() -> None:
    """Random and adversarial torques, from the edge of the proved ellipsoid."""
    safe = Box((-0.35, -1.2), (0.35, 1.2))
    certificate = find_ellipsoid(Pendulum(), safe)
    rng, shield = np.random.default_rng(0), Shield(certificate)
    for number in range(20):
        direction = rng.normal(size=2)
        state = direction / np.sqrt(direction @ certificate.matrix @ direction / certificate.level)
        state *= 0.999
        for _ in range(100):
            wanted = rng.uniform(-2, 2, 1) if number % 2 else np.sign(state[:1]) * 2
            decision = shield.filter(state, wanted)
            assert decision.certified
            state = Pendulum().step(state[None], decision.action[None])[0]
            assert safe.contains(state)


def test_the_wrapper_on_gymnasiums_own_pendulum() -> None:
    """The plant is the simulator: the shield reads its state and keeps it up."""
    certificate = find_ellipsoid(Pendulum(), Box((-0.35, -1.2), (0.35, 1.2)))
    env = gym.make("Pendulum-v1")
    inner = env.unwrapped

    def state_of(_: gym.Env) -> np.ndarray:  # type: ignore[type-arg]
        angle, speed = inner.state  # type: ignore[attr-defined]
        return np.array([(angle + np.pi) % (2 * np.pi) - np.pi, speed])

    shielded, kinds = ShieldedEnv(env, Shield(certificate), state_of), set()
    shielded.reset(seed=0, options={"x_init": 0.1, "y_init": 0.1})
    for _ in range(100):
        *_, info = shielded.step(np.array([2.0], np.float32))
        kinds.add(info["shield"]["kind"])
        assert info["shield"]["certified"] and abs(state_of(env)[0]) <= 0.35
    assert "projected" in kinds


def test_a_plant_environment_reports_what_happens_between_decisions() -> None:
    """A fast mass jumps over a thin bar: neither end of the step is unsafe, the way is."""
    plant = DoubleIntegrator(axes=1, dt=1.0, max_acceleration=1.0)
    task = Task(
        plant,
        begin=lambda rng: (np.array([-0.5, 1.0]), np.zeros(0)),
        reward=lambda before, after, goal: 0.0,
        unsafe=lambda states: np.abs(states[:, 0]) < 0.15,
    )
    env = PlantEnv(task)
    assert env.reset(seed=0)[1]["unsafe"] is False
    observation, _, _, _, info = env.step(np.zeros(1))
    assert observation[0] == pytest.approx(0.5) and info["unsafe"]


def test_wrong_actions_are_refused() -> None:
    """Another space, or another unit."""
    shield = Shield(BrakingCertificate(DoubleIntegrator(axes=1)))
    with pytest.raises(SpaceError, match="Expected the same actions"):
        ShieldedEnv(gym.make("CartPole-v1"), shield, lambda env: np.zeros(2))
    with pytest.raises(SpaceError, match="Expected the same units"):
        ShieldedEnv(gym.make("Pendulum-v1"), shield, lambda env: np.zeros(2))


def test_what_cannot_be_certified_is_refused() -> None:
    """A disturbance, an obstacle of another dimension, a box without the origin."""
    with pytest.raises(ConfigError, match="disturbance"):
        BrakingCertificate(DoubleIntegrator(disturbance=0.1))
    with pytest.raises(ConfigError, match="does not fit"):
        BrakingCertificate(PLANT, (Disc((0.0,), 1.0),))
    with pytest.raises(ConfigError, match="origin"):
        find_ellipsoid(Pendulum(), Box((0.1, -1.0), (0.3, 1.0)))
    with pytest.raises(ConfigError, match="No ellipsoid"):
        find_ellipsoid(Pendulum(max_torque=0.01), Box((-3.0, -7.0), (3.0, 7.0)), budget=2000)
