"""Any sizes and any resets: the chunked operators equal their loops.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backbones.ops import test_delta, test_gla, test_retention, test_ssd, test_wkv7
from tests.backbones.ops.matching import Case, some_resets

MAKERS = (test_retention.case, test_gla.case, test_delta.case, test_wkv7.case, test_ssd.case)
SHAPES = st.tuples(
    st.integers(1, 3), st.integers(1, 140), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)
)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__module__.split("_")[-1])
@settings(max_examples=8, deadline=None, derandomize=True)
@given(shape=SHAPES, strong=st.booleans(), seed=st.integers(0, 99))
def test_any_shape(
    make: Callable[..., Case], shape: test_gla.Shape, strong: bool, seed: int
) -> None:
    """Output and state, in float64."""
    case = make(shape, strong=strong, resets=some_resets(*shape[:2], seed=seed))
    for found, expected in zip(case.call(), case.call(case.naive), strict=True):
        assert found.shape == expected.shape
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10 * scale)
