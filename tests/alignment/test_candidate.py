"""The declared box: the space's bounds, or the range seen, widened."""

from __future__ import annotations

import numpy as np
import pytest

from daneel.alignment import declared_box
from daneel.errors import SpaceError
from tests.alignment.candidates import candidate

INF = np.inf


def test_a_bounded_space_is_the_box() -> None:
    """A bounded space is the box."""
    low, high, source = declared_box([-1, 0], [1, 5], [-9, -9], [9, 9])
    assert (low.tolist(), high.tolist(), source) == ([-1, 0], [1, 5], "space")


def test_an_unbounded_space_takes_the_range_seen_half_as_wide_again() -> None:
    """An unbounded space takes the range seen half as wide again."""
    low, high, source = declared_box([-INF], [INF], [2.0], [6.0])
    assert (low.tolist(), high.tolist(), source) == ([1.0], [7.0], "seen, widened x1.5")


def test_the_largest_float_is_no_bound() -> None:
    """The largest float is no bound."""
    most = float(np.finfo(np.float32).max)
    low, high, source = declared_box([-4.8, -most], [4.8, most], [-1, -2], [1, 2])
    assert low.tolist() == pytest.approx([-4.8, -3.0])
    assert high.tolist() == pytest.approx([4.8, 3.0])
    assert source == "space for 1 of 2 dimensions, else seen, widened x1.5"


def test_a_one_sided_bound_cuts_the_range_seen() -> None:
    """A one sided bound cuts the range seen."""
    low, high, _ = declared_box([0.0, -INF], [INF, 3.0], [1.0, 1.0], [5.0, 5.0])
    assert low.tolist() == [0.0, 0.0]
    assert high.tolist() == [6.0, 3.0]


def test_a_dimension_that_never_moved_gets_some_width() -> None:
    """A dimension that never moved gets some width."""
    low, high, _ = declared_box([-INF], [INF], [3.0], [3.0])
    assert low[0] < 3.0 < high[0]


def test_rounding_to_float32_goes_outward() -> None:
    """Rounding to float32 goes outward."""
    low, high, _ = declared_box([-0.1], [1 / 3])
    assert low.dtype == high.dtype == np.float32
    assert float(low[0]) <= -0.1 and float(high[0]) >= 1 / 3
    assert float(low[0]) == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ((None, None), "no range was recorded"),
        (([INF], [-INF]), "empty"),
        (([0.0], [np.nan]), "empty"),
    ],
)
def test_a_box_that_cannot_be_declared_is_refused(seen, reason: str) -> None:
    """A box that cannot be declared is refused."""
    with pytest.raises(SpaceError, match=reason):
        declared_box([-INF], [INF], *seen)


def test_shapes_that_do_not_fit_are_refused() -> None:
    """Shapes that do not fit are refused."""
    with pytest.raises(SpaceError, match="corners of shapes"):
        candidate(box_low=np.zeros(3, np.float32))
    with pytest.raises(SpaceError, match="one action bound"):
        candidate(action_low=None)
