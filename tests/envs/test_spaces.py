"""Native spaces become modalities."""

import numpy as np
import pytest
from gymnasium import spaces

from daneel.envs.spaces import ObservationMap, action_space_for_agents, native_action
from daneel.errors import SpaceError


def test_box_becomes_a_float32_state():
    """Box becomes a float32 state."""
    convert = ObservationMap(spaces.Box(-np.inf, 2.0, (2, 2), np.float64), "x")
    assert convert.space == spaces.Dict({"state": spaces.Box(-np.inf, 2.0, (4,), np.float32)})
    native = np.array([[1.0, 2.0], [3.0, 4.0]])
    state = convert(native)["state"]
    assert state.dtype == np.float32
    assert state.tolist() == [1, 2, 3, 4]


def test_converted_observations_do_not_alias_the_environments_buffer():
    """Converted observations do not alias the environments buffer."""
    convert = ObservationMap(spaces.Box(-1, 1, (2,), np.float32), "x")
    buffer = np.zeros(2, np.float32)
    state = convert(buffer)["state"]
    buffer[:] = 1
    assert state.tolist() == [0, 0]


def test_bytes_become_an_image():
    """Bytes become an image."""
    grey = ObservationMap(spaces.Box(0, 255, (4, 6), np.uint8), "x")
    assert grey.space["image"].shape == (4, 6, 1)
    assert grey(np.full((4, 6), 7, np.uint8))["image"].shape == (4, 6, 1)
    assert set(ObservationMap(spaces.Box(0, 255, (4, 6, 3), np.uint8), "x").space) == {"image"}


def test_discrete_becomes_one_hot():
    """Discrete becomes one hot."""
    convert = ObservationMap(spaces.Discrete(3), "x")
    assert convert(np.int64(2))["state"].tolist() == [0, 0, 1]


def test_goal_keys_are_renamed():
    """Goal keys are renamed."""
    box = spaces.Box(-1, 1, (2,), np.float64)
    keys = ("observation", "achieved_goal", "desired_goal")
    convert = ObservationMap(spaces.Dict(dict.fromkeys(keys, box)), "x")
    native = {key: np.full(2, value) for value, key in enumerate(keys)}
    found = {key: value[0] for key, value in convert(native).items()}
    assert found == {"state": 0, "achieved": 1, "goal": 2}


def test_other_dicts_are_flattened_in_the_order_of_the_space():
    """Other dicts are flattened in the order of the space."""
    native = spaces.Dict(
        {
            "velocity": spaces.Box(-np.inf, np.inf, (2,), np.float64),
            "height": spaces.Box(-np.inf, np.inf, (), np.float64),
            "eye": spaces.Box(0, 255, (4, 4, 3), np.uint8),
        }
    )
    convert = ObservationMap(native, "x")
    seen = convert(
        {"velocity": np.array([1.0, 2.0]), "eye": np.zeros((4, 4, 3), np.uint8), "height": 3.0}
    )
    assert seen["state"].tolist() == [3, 1, 2]  # Gymnasium sorts the keys of a plain dict
    assert seen["image"].shape == (4, 4, 3)
    assert convert.space.contains(seen)


def test_modalities_are_kept():
    """Modalities are kept."""
    native = spaces.Dict(
        {"audio": spaces.Box(-1, 1, (5,), np.float32), "state": spaces.Box(-1, 1, (2,), np.float32)}
    )
    assert ObservationMap(native, "x").space == native


@pytest.mark.parametrize(
    "native",
    [
        spaces.Text(5),
        spaces.Sequence(spaces.Discrete(2)),
        spaces.Dict({"state": spaces.Box(-1, 1), "text": spaces.Text(5)}),
        spaces.Dict({k: spaces.Box(0, 255, (4, 4, 3), np.uint8) for k in ("left", "right")}),
    ],
)
def test_spaces_without_a_fixed_size_are_refused(native):
    """Spaces without a fixed size are refused."""
    with pytest.raises(SpaceError, match="Env 'some/Env' observes"):
        ObservationMap(native, "some/Env")


def test_actions_keep_their_units():
    """Actions keep their units."""
    space = action_space_for_agents(spaces.Box(-2.0, 3.0, (2,), np.float64), "x")
    assert space == spaces.Box(-2.0, 3.0, (2,), np.float32)
    assert action_space_for_agents(spaces.Discrete(3), "x") == spaces.Discrete(3)


@pytest.mark.parametrize(
    "native", [spaces.Box(-np.inf, 1.0), spaces.MultiBinary(3), spaces.Box(0, 9, (2,), np.int64)]
)
def test_actions_that_agents_cannot_take_are_refused(native):
    """Actions that agents cannot take are refused."""
    with pytest.raises(SpaceError, match="Env 'some/Env'"):
        action_space_for_agents(native, "some/Env")


def test_float32_actions_stay_inside_float64_bounds():
    """Float32 actions stay inside float64 bounds."""
    native = spaces.Box(-0.1, 0.1, (1,), np.float64)
    bound = np.float32(0.1)
    assert float(bound) > 0.1  # the rounding error that must not reach the environment
    action = native_action(native, np.array([bound]))
    assert action.dtype == np.float64
    assert native.contains(action)
