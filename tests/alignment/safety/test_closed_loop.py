"""Enclosures hold every real state, and what cells promise happens."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn

from daneel.alignment.safety import (
    Box,
    ClosedLoop,
    DoubleIntegrator,
    Forms,
    Pendulum,
    Plant,
    Quadratic,
    certify_cells,
    falsify,
    find_ellipsoid,
    reach,
    saturated_linear,
    verify_barrier,
    verify_lyapunov,
    verify_steps,
)
from daneel.errors import ConfigError

RAIL = DoubleIntegrator(axes=1, dt=0.1, max_acceleration=1.0)
LAW = np.array([[2.0, 2.5]])
STATE_BOX = Box((-1.0, -0.6), (1.0, 0.6))


def network(seed: int, last: nn.Module | None = None) -> nn.Sequential:
    """A small random policy of two inputs."""
    torch.manual_seed(seed)  # nn.Linear has no generator argument
    layers = nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)
    return nn.Sequential(*layers, last or nn.Identity()).requires_grad_(False)


@pytest.mark.parametrize("plant", [RAIL, Pendulum(), DoubleIntegrator(disturbance=0.3)])
def test_the_plants_affine_bounds_hold_every_step(plant: Plant) -> None:
    """Random boxes, random states in them, any action, the worst constant disturbance."""
    rng = np.random.default_rng(0)
    low = rng.uniform(-2, 1, (300, 2))
    high = low + rng.uniform(0, 1, (300, 2))
    bounds = plant.affine(low, high)
    for sign in (-1, 0, 1):
        x = rng.uniform(low, high)
        u = rng.uniform(plant.action_low, plant.action_high, (300, 1))
        real = plant.step(x, u) + sign * getattr(plant, "disturbance", 0.0) * bounds.control.sum(2)
        middle = np.einsum("nij,nj->ni", bounds.transition, x) + bounds.offset
        middle += np.einsum("nij,nj->ni", bounds.control, u)
        assert (np.abs(real - middle) <= bounds.error).all()


def test_the_pendulum_is_gymnasiums() -> None:
    """Bit for bit in float64, so that what is proved is proved of that environment."""
    env = gym.make("Pendulum-v1").unwrapped
    env.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(50):
        angle, speed = env.state  # type: ignore[attr-defined]
        state = np.array([[(angle + np.pi) % (2 * np.pi) - np.pi, speed]])
        torque = rng.uniform(-2, 2, 1)
        after = Pendulum().step(state, torque[None])[0]
        env.step(torque)
        assert env.state[1] == pytest.approx(after[1], abs=1e-12)  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("plant", [RAIL, Pendulum()])
def test_enclosures_hold_every_trajectory(plant: Plant, seed: int) -> None:
    """Ten decisions of random networks from random boxes; their corners and inner points."""
    loop, rng = ClosedLoop(plant, network(seed)), np.random.default_rng(seed)
    low = rng.uniform(-0.5, 0.3, (20, 2))
    high = low + rng.uniform(0.01, 0.2, (20, 2))
    sets = reach(loop, Forms.boxes(low, high), 10)
    for share in (0.0, 1.0, *rng.random((8, 20, 2))):
        way = loop.rollout(low + share * (high - low), 10)
        for states, forms in zip(way[1:], sets, strict=True):
            least, most = forms.hull()
            assert ((states >= least) & (states <= most)).all()


def test_enclosures_keep_the_dependence_on_the_beginning() -> None:
    """A stable loop's sets shrink; interval by interval they would grow."""
    loop = ClosedLoop(RAIL, saturated_linear(LAW, RAIL))
    forms = Forms.boxes(np.array([[-0.1, -0.1]]), np.array([[0.1, 0.1]]))
    low, high = reach(loop, forms, 40)[-1].hull()
    assert (high - low < 0.08).all()


def test_what_explodes_is_given_up_not_called_safe() -> None:
    """An unstable loop over many steps: everything, and no exception."""
    push = nn.Sequential(nn.Linear(2, 1, bias=False)).requires_grad_(False)
    push[0].weight.fill_(50.0)  # type: ignore[operator]
    plant = DoubleIntegrator(axes=1, dt=1.0, max_acceleration=1e4)
    low, high = np.full((1, 2), -1.0), np.full((1, 2), 1.0)
    forms = reach(ClosedLoop(plant, push), Forms.boxes(low, high), 30)[-1]
    assert np.isinf(forms.hull()[1]).all()
    found = verify_steps(ClosedLoop(plant, push), Box((-1, -1), (1, 1)), Box((-5, -5), (5, 5)), 30)
    assert found.verdict == "violated"


def test_certified_cells_keep_their_word_and_a_good_law_gets_most() -> None:
    """Rollouts from certified states never leave and come to the target; 90 % are certified."""
    loop = ClosedLoop(RAIL, saturated_linear(LAW, RAIL))
    target = Box((-0.15, -0.15), (0.15, 0.15))
    found = certify_cells(loop, STATE_BOX, 50, 8, target)
    assert found.fraction >= 0.9
    states = np.random.default_rng(0).uniform(*STATE_BOX.ends(), (5000, 2))
    failed = falsify(loop, STATE_BOX, states, found.decisions, target)
    assert failed.any() and not (failed & found.certified(states)).any()


def test_a_bad_policy_is_certified_nowhere() -> None:
    """The seeded violation: it pushes outward, and every cell of the box is left some time."""
    found = certify_cells(ClosedLoop(RAIL, saturated_linear(-LAW, RAIL)), STATE_BOX, 20, 4)
    assert found.fraction == 0.0
    assert not found.certified(np.zeros((1, 2))).any()


def test_steps_hold_are_violated_with_a_witness_or_unknown() -> None:
    """All three verdicts; the witness replays, and no budget is no pass."""
    loop = ClosedLoop(RAIL, saturated_linear(LAW, RAIL))
    inner, safe = Box((-0.2, -0.1), (0.2, 0.1)), Box((-0.3, -0.3), (0.3, 0.3))
    assert verify_steps(loop, inner, safe, 20).verdict == "holds"
    tight = Box((-0.2, -0.15), (0.2, 0.15))
    found = verify_steps(loop, inner, tight, 20)
    assert found.verdict == "violated" and found.witness is not None
    assert inner.contains(found.witness)
    assert not tight.contains(loop.rollout(found.witness[None], 20)).all()
    close = Box((-0.2, -0.3), (0.2051, 0.3))
    assert verify_steps(loop, inner, close, 20, budget=1).verdict != "holds"


def test_lyapunov_holds_and_a_seeded_violation_has_a_witness() -> None:
    """The regulator's function falls for its law, and not for the opposite one."""
    safe = Box((-0.35, -1.2), (0.35, 1.2))
    found = find_ellipsoid(Pendulum(), safe)
    loop = ClosedLoop(Pendulum(), saturated_linear(found.gain, Pendulum()))
    level = found.level
    assert verify_lyapunov(loop, found.matrix, level, level / 50, safe, 0.01).verdict == "holds"
    fast = verify_lyapunov(loop, found.matrix, level, level / 50, safe, 0.5)
    assert fast.verdict == "violated" and fast.witness is not None
    value = Quadratic(found.matrix, np.zeros(2), 0.0)
    x = fast.witness[None]
    assert value(loop.step(x))[0] > 0.5 * value(x)[0]
    assert verify_lyapunov(loop, found.matrix, level, 0.0, safe, 0.01, 50).verdict != "holds"
    wrong = ClosedLoop(Pendulum(), saturated_linear(-found.gain, Pendulum()))
    assert verify_lyapunov(wrong, found.matrix, level, level / 50, safe).verdict == "violated"


def test_every_condition_of_a_barrier_can_fail() -> None:
    """A good one holds in all; each seeded mistake is found by the condition that is about it."""
    safe = Box((-0.35, -1.2), (0.35, 1.2))
    found = find_ellipsoid(Pendulum(), safe)
    loop = ClosedLoop(Pendulum(), saturated_linear(found.gain, Pendulum()))
    barrier = Quadratic(found.matrix / found.level, np.zeros(2), -1.0)
    begin, unsafe = Box((-0.1, -0.1), (0.1, 0.1)), [Box((0.36, -1.0), (0.5, 1.0))]
    domain = Box((-0.36, -1.3), (0.36, 1.3))
    good = verify_barrier(loop, barrier, begin, unsafe, domain)
    assert {proof.verdict for proof in good.values()} == {"holds"}
    far = verify_barrier(loop, barrier, Box((-0.34, -1.0), (0.34, 1.0)), unsafe, domain)
    assert far["initial"].verdict == "violated"
    near = verify_barrier(loop, barrier, begin, [Box((0.1, -1.0), (0.5, 1.0))], domain)
    assert near["unsafe 1"].verdict == "violated"
    small = verify_barrier(loop, barrier, begin, unsafe, Box((-0.05, -1.3), (0.36, 1.3)))
    assert small["edge 1 low"].verdict == "violated"
    wrong = ClosedLoop(Pendulum(), saturated_linear(-found.gain, Pendulum()))
    assert verify_barrier(wrong, barrier, begin, unsafe, domain)["kept"].verdict == "violated"


def test_quadratic_bounds_hold_every_point() -> None:
    """Of random quadratics over random sets, errors included."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        half = rng.normal(size=(2, 2))
        function = Quadratic(half + half.T, rng.normal(size=2), float(rng.normal()))
        forms = Forms(
            rng.normal(size=(1, 2)), rng.normal(size=(1, 2, 2)), rng.uniform(0, 0.5, (1, 2))
        )
        z, e = rng.uniform(-1, 1, (400, 2)), rng.uniform(-1, 1, (400, 2)) * forms.error
        values = function(forms.centre + z @ forms.spread[0].T + e)
        over = function.over(forms)
        assert over.lower()[0] <= values.min() and values.max() <= over.upper()[0]


def test_bad_input_is_refused() -> None:
    """Empty boxes, no cells, a policy of another size, a matrix that is not symmetric."""
    with pytest.raises(ConfigError, match="every low below its high"):
        Box((0.0, 1.0), (1.0, 1.0))
    loop = ClosedLoop(RAIL, network(0))
    with pytest.raises(ConfigError, match="at least 1"):
        certify_cells(loop, STATE_BOX, 0, 1)
    with pytest.raises(ConfigError, match="the plant takes"):
        ClosedLoop(DoubleIntegrator(axes=2), nn.Linear(4, 1)).actions(np.zeros((1, 4)))
    with pytest.raises(ConfigError, match="symmetric"):
        Quadratic(np.array([[1.0, 1.0], [0.0, 1.0]]), np.zeros(2), 0.0)
    with pytest.raises(ConfigError, match="dt is 0"):
        DoubleIntegrator(dt=0)
