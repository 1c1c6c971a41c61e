"""What a log cannot tell apart is named, in words, and nothing else is."""

from dataclasses import replace

import numpy as np
import pytest

from daneel.agents.calibration.identifiability import identifiability
from tests.agents.calibration.problems import fitted, linear, problem

TIME = np.arange(400) / 100.0
NOISE = 0.1 * np.random.default_rng(0).normal(size=400)


def found(function, names, initial, low=0.1, high=9.0):
    """Identifiability of a model y(theta, t) measured at the initial values times 1.1."""
    start = np.asarray(initial, float)
    data = function(1.1 * start[None])[0] + NOISE
    made = problem(
        lambda t: (function(t) - data) / 0.1, names, low, high, start, np.zeros(400, int)
    )
    return identifiability(made, fitted(made))


def column(theta, at):
    """One parameter of every candidate [N, 1]."""
    return theta[:, at : at + 1]


def test_a_product() -> None:
    """A product."""
    result = found(lambda t: column(t, 0) * column(t, 1) * np.sin(TIME), ["m", "l"], [2.0, 1.0])
    assert [group.known for group in result.combinations] == [("m * l",)]
    assert "The log cannot tell m and l apart: only m * l is known." in result.text
    assert len(result.held) == 1


def test_a_ratio_and_a_power() -> None:
    """A ratio and a power."""
    result = found(lambda t: column(t, 0) / column(t, 1) ** 2 * TIME, ["k", "l"], [2.0, 1.5])
    assert result.combinations[0].known == ("k / l^2",)


def test_a_sum_of_equal_parts_is_no_product() -> None:
    """A sum of equal parts is no product."""
    result = found(lambda t: (column(t, 0) + column(t, 1)) * TIME, ["b", "e"], [1.0, 1.0])
    assert result.combinations[0].known == ("b + e",)


def test_a_gain_and_a_bias_under_a_constant_command() -> None:
    """A gain and a bias under a constant command."""
    result = found(
        lambda t: (0.5 * column(t, 0) + column(t, 1)) * TIME, ["gain", "bias"], [1.0, 0.2], -9.0
    )
    assert result.combinations[0].known == ("gain + 2 bias",)


def test_a_scale_that_cancels_leaves_the_ratios() -> None:
    """A scale that cancels leaves the ratios."""

    def free_swing(t):
        return np.cos(np.sqrt(column(t, 1) / column(t, 0)) * TIME) * np.exp(
            -column(t, 2) / column(t, 0) * TIME
        )

    result = found(free_swing, ["inertia", "gravity", "damping"], [1.0, 4.0, 0.5])
    assert result.combinations[0].names == ("inertia", "gravity", "damping")
    assert result.combinations[0].known == ("inertia / damping", "gravity / damping")


def test_a_parameter_without_effect() -> None:
    """A parameter without effect."""
    result = found(lambda t: column(t, 0) * TIME + 0.0 * column(t, 1), ["a", "b"], [1.0, 1.0])
    assert [group.names for group in result.combinations] == [("b",)]
    assert "says nothing of b" in result.text
    assert result.blind("b") and not result.blind("a")


def test_two_groups_are_kept_apart() -> None:
    """Two groups are kept apart."""
    result = found(
        lambda t: (
            column(t, 0) * column(t, 1) * np.sin(TIME)
            + (column(t, 2) + column(t, 3)) * np.cos(3 * TIME)
        ),
        ["m", "l", "b", "e"],
        [1.0, 2.0, 1.0, 0.7],
    )
    assert {group.names for group in result.combinations} == {("m", "l"), ("b", "e")}


def test_what_noise_hides_is_weak_and_not_blind() -> None:
    """What noise hides is weak and not blind."""
    result = found(
        lambda t: column(t, 0) * np.sin(TIME) + 1e-4 * column(t, 1) * np.cos(5 * TIME),
        ["a", "b"],
        [1.0, 1.0],
    )
    assert [(group.names, group.kind) for group in result.combinations] == [(("b",), "weak")]
    assert "lost in the noise" in result.text


def test_a_fixed_parameter_is_not_asked_for() -> None:
    """A fixed parameter is not asked for."""

    def residuals(theta):
        return theta[:, :1] * theta[:, 1:] * TIME - 2.0 * TIME - NOISE

    made = problem(residuals, ["m", "l"], [0.1, 2.0], [9.0, 2.0], [1.0, 2.0], np.zeros(400, int))
    fit = fitted(replace(made, low=np.array([0.1, 1.9]), high=np.array([9.0, 2.1])))
    assert identifiability(made, replace(fit, theta=np.array([1.0, 2.0]))).combinations == ()


@pytest.mark.parametrize("seed", range(5))
def test_no_false_alarm_on_what_can_be_told_apart(seed: int) -> None:
    """No false alarm on what can be told apart."""
    made = linear(np.random.default_rng(seed), [1.0, 2.0, -1.0, 0.5], low=-6.0, high=6.0)
    result = identifiability(made, fitted(made))
    assert not [group for group in result.combinations if group.kind == "blind"]


def test_nothing_to_say() -> None:
    """Nothing to say."""
    made = linear(np.random.default_rng(9), [1.0, 2.0], rows=3000)
    assert identifiability(made, fitted(made)).text == "The log tells all parameters apart."
