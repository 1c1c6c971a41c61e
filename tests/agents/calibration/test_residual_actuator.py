"""The network gives the torque that is missing, sees no future, and goes where it does not help."""

from pathlib import Path

import numpy as np
import pytest
import torch

from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.agents.calibration.residual_actuator import (
    Motion,
    ResidualActuator,
    ResidualConfig,
    features_of,
    fit_residual,
    load_residual,
    missing_torque,
    roll,
)

RATE = 100.0
QUICK = ResidualConfig(history=3, width=16, epochs=50, patience=20, rate=0.01, horizon=40)


def step(q: Floats, dq: Floats, command: Floats, extra: Floats) -> tuple[Floats, Floats]:
    """A mass on a spring and a damper."""
    dq = dq + (command + extra - 4.0 * q - 1.0 * dq) / RATE
    return q + dq / RATE, dq


def ripple(q: Floats, dq: Floats, command: Floats, extra: Floats) -> tuple[Floats, Floats]:
    """The same with a torque that the model does not know."""
    return step(q, dq, command, extra + 1.5 * np.sin(2.0 * q))


def log(seed: int, true) -> Motion:
    """A noise-free log of two equal joints."""
    rng = np.random.default_rng(seed)
    time = np.arange(400)[:, None] / RATE
    command = 3.0 * np.sin(2 * np.pi * rng.uniform(0.3, 0.9, 2) * time + rng.uniform(0, 6, 2))
    q, dq, rows = np.zeros((1, 2)), np.zeros((1, 2)), []
    for at in range(len(command)):
        rows.append((q[0], dq[0]))
        q, dq = true(q, dq, command[at : at + 1], np.zeros((1, 2)))
    path = np.array(rows)
    return Motion(path[:, 0], path[:, 1], command)


def test_the_missing_torque_is_found_without_accelerations() -> None:
    """Within what changes over the samples ahead."""
    motion = log(0, ripple)
    found = missing_torque(step, motion, 1)
    assert found == pytest.approx(1.5 * np.sin(2.0 * motion.q[:-1]), abs=1e-6)
    assert missing_torque(step, log(0, step), 5) == pytest.approx(0.0, abs=1e-6)


def test_features_are_causal() -> None:
    """What comes later changes nothing now."""
    motion = log(1, step)
    later = Motion(motion.q.copy(), motion.dq.copy(), motion.command.copy())
    for signal in (later.q, later.dq, later.command):
        signal[201:] += 1.0
    assert np.array_equal(features_of(motion, 5)[:201], features_of(later, 5)[:201])
    assert not np.array_equal(features_of(motion, 5)[201], features_of(later, 5)[201])


def test_a_wrong_model_gets_better_on_held_out_logs() -> None:
    """By half at least."""
    result = fit_residual(
        step, [log(seed, ripple) for seed in range(4)], [log(9, ripple)], QUICK,
        torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert result.network is not None
    assert result.after < 0.5 * result.before
    assert result.message.startswith("kept")


def test_a_right_model_is_left_alone_and_that_is_said() -> None:
    """Noise alone teaches nothing; here held-out logs go against what was learned."""
    result = fit_residual(
        step, [log(0, ripple)], [log(9, step)], QUICK, torch.Generator().manual_seed(0)
    )
    assert result.network is None
    assert result.after >= result.before
    assert result.message.startswith("none")


def test_a_network_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Same torques, same configuration."""
    torch.manual_seed(0)
    net = ResidualActuator(2, QUICK)
    net.save(tmp_path)
    again = load_residual(tmp_path)
    features = np.random.default_rng(0).normal(size=(5, 2, 9))
    assert np.array_equal(net.torque(features), again.torque(features))
    assert again.config == QUICK


def test_rollouts_see_the_same_features_as_training() -> None:
    """The history of a rollout is that of a log of the same motion."""
    torch.manual_seed(1)
    net, motion = ResidualActuator(2, QUICK), log(2, step)
    seen = []
    path = roll(
        lambda q, dq, command, extra: (seen.append(extra), step(q, dq, command, 0.0 * extra))[1],
        motion.q[:1], motion.dq[:1], motion.command[None], net,
    )  # fmt: skip
    assert path[0, :-1] == pytest.approx(motion.q, abs=1e-9)
    expected = net.torque(features_of(motion, 3))
    assert np.concatenate(seen) == pytest.approx(expected, abs=1e-5)


def test_logs_that_are_too_short_are_refused(tmp_path: Path) -> None:
    """With the length that is needed; and a folder without a network."""
    short = Motion(np.zeros((20, 1)), np.zeros((20, 1)), np.zeros((20, 1)))
    with pytest.raises(CalibrationError, match="has 20 samples"):
        fit_residual(step, [short], [short], QUICK, torch.Generator())
    with pytest.raises(CalibrationError, match="no residual actuator"):
        load_residual(tmp_path)
