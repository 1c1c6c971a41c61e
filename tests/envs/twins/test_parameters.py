"""The space of parameters."""

import numpy as np

from daneel.envs.twins import TASKS, load_task


def test_units_go_back_and_forth():
    """Units go back and forth, and the prior fills the range."""
    for name in TASKS.names():
        space = load_task(name).space
        drawn = space.draw(np.random.default_rng(0), 200)
        assert (drawn >= space.low - 1e-12).all() and (drawn <= space.high + 1e-12).all()
        np.testing.assert_allclose(space.from_unit(space.to_unit(drawn)), drawn, atol=1e-12)
        unit = space.to_unit(drawn)
        assert (np.abs(unit.mean(axis=0) - 0.5) < 0.1).all()


def test_scales_are_uniform_in_their_logarithm():
    """Half of a scale is as far from 1 as its double."""
    space = load_task("Reach").space
    at = space.names.index("friction")
    rows = np.tile(space.nominal, (2, 1))
    rows[:, at] = 0.5, 2.0
    low, high = space.to_unit(rows)[:, at]
    assert (low, high) == (0.0, 1.0)
    assert space.to_unit(space.nominal)[at] == 0.5
