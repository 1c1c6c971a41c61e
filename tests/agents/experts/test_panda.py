"""The Panda arm, by its hand and by its joints; its kinematics against numbers of the simulator."""

import numpy as np
import pytest

from daneel.agents.experts.panda_arm import JointTracker, forward, joint_step
from tests.agents.experts import run

START = np.array([0.0, 0.41, 0.0, -1.85, 0.0, 2.26, 0.79])


@pytest.mark.parametrize(
    ("task", "horizon"),
    [
        ("PandaReach", 50),
        ("PandaPush", 50),
        ("PandaPickAndPlace", 50),
        ("PandaStack", 100),
        ("PandaReachJoints", 50),
        ("PandaPickAndPlaceJoints", 50),
    ],
)
def test_succeeds(task: str, horizon: int) -> None:
    """Wherever the cubes are."""
    results = run("panda", f"{task}-v3", horizon)
    assert all(result.success for result in results)


def test_the_hand_is_where_panda_gym_observes_it_at_the_start() -> None:
    """In the frame of the arm's base."""
    position, rotation, _ = forward(START)
    assert position == pytest.approx([0.6384, 0.0, 0.1974], abs=1e-4)
    assert rotation @ [0, 0, 1] == pytest.approx([0, 0, -1], abs=1e-6)  # it points down


def test_the_jacobian_is_the_derivative() -> None:
    """Of position and of rotation, by finite differences."""
    angles, step = START + 0.3, 1e-6
    position, rotation, jacobian = forward(angles)
    for joint in range(7):
        there, turned, _ = forward(angles + step * np.eye(7)[joint])
        assert (there - position) / step == pytest.approx(jacobian[:3, joint], abs=1e-5)
        spin = (turned @ rotation.T - np.eye(3)) / step
        expected = [spin[2, 1], spin[0, 2], spin[1, 0]]
        assert expected == pytest.approx(jacobian[3:, joint], abs=1e-5)


def test_steps_of_joints_move_the_hand_and_keep_it_upright() -> None:
    """Over a way of 11 cm."""
    angles, (start, upright, _) = START.copy(), forward(START)
    for _ in range(20):
        angles += joint_step(angles, np.array([0.005, 0.0, -0.002]), upright)
    position, rotation, _ = forward(angles)
    assert position - start == pytest.approx([0.1, 0.0, -0.04], abs=0.005)
    assert rotation == pytest.approx(upright, abs=0.03)


def test_the_tracker_explains_the_position() -> None:
    """With joints close to the true ones."""
    tracker = JointTracker(START, follows=0.9)
    tracker.moved(np.full(7, 0.02))
    truth = START + 0.0185
    for _ in range(3):
        tracker.seen(forward(truth)[0])
    assert forward(tracker.angles)[0] == pytest.approx(forward(truth)[0], abs=1e-6)
    assert np.abs(tracker.angles - truth).max() < 0.003
