"""Every operator with a matrix state against its loop.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backbones.ops.cases import CASES, Shape
from tests.backbones.ops.matching import (
    Case,
    check_autocast,
    check_causal,
    check_equals_loop,
    check_no_second_derivative,
    check_resets_are_new_sequences,
    check_rows_apart,
    check_splits,
    some_resets,
)

Make = Callable[..., Case]
SHAPES = [(1, 1, 1, 2, 3), (2, 2, 2, 4, 3), (3, 7, 1, 3, 5), (2, 33, 3, 4, 2), (1, 150, 2, 5, 4)]
ANY_SHAPE = st.tuples(
    st.integers(1, 3), st.integers(1, 140), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)
)

pytestmark = pytest.mark.parametrize("make", CASES.values(), ids=CASES)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("strong", [False, True], ids=["plain", "strong"])
def test_equals_the_loop(make: Make, shape: Shape, dtype: torch.dtype, strong: bool) -> None:
    """In value and in every gradient, with resets, over odd shapes, however strong the decay."""
    resets = some_resets(*shape[:2]) if strong else None
    check_equals_loop(make(shape, strong=strong, resets=resets), dtype)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(shape=ANY_SHAPE, strong=st.booleans(), seed=st.integers(0, 99))
def test_any_shape(make: Make, shape: Shape, strong: bool, seed: int) -> None:
    """Output and state, in float64, with any resets."""
    case = make(shape, strong=strong, resets=some_resets(*shape[:2], seed=seed))
    for found, expected in zip(case.call(), case.call(case.naive), strict=True):
        assert found.shape == expected.shape
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10 * scale)


def test_bfloat16_inputs_are_computed_in_float32(make: Make) -> None:
    """The output is bfloat16, the state float32, both as good as their inputs."""
    narrow = make((2, 70, 2, 4, 3)).to(torch.bfloat16)
    check_equals_loop(narrow, torch.bfloat16)
    output, state = narrow.call()
    assert (output.dtype, state.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize("cuts", [[64], [1, 2, 70], [63, 129], [100, 101]], ids=str)
def test_parts_equal_the_whole(make: Make, cuts: list[int]) -> None:
    """With the state carried, wherever the sequence is cut, resets included."""
    check_splits(make((2, 150, 2, 3, 4), resets=some_resets(2, 150)), cuts)


def test_a_reset_begins_a_new_sequence(make: Make) -> None:
    """The state before it counts for nothing."""
    check_resets_are_new_sequences(make((2, 90, 2, 3, 4)))


def test_no_output_depends_on_the_future_or_on_other_rows(make: Make) -> None:
    """To the last bit."""
    check_causal(make((2, 150, 2, 4, 4)))
    check_rows_apart(make((3, 70, 2, 4, 4)))


def test_autocast_does_not_narrow(make: Make) -> None:
    """Float32 in, float32 throughout."""
    check_autocast(make((2, 70, 2, 4, 3)))
    check_autocast(make((2, 1, 2, 4, 3)))


def test_second_derivatives_are_refused(make: Make) -> None:
    """Rather than wrong."""
    check_no_second_derivative(make((1, 9, 1, 2, 2)))


def test_blocks_carry_the_state(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sequence of several blocks and a rest equals the loop."""
    monkeypatch.setattr("daneel.backbones.ops.chunks._CACHED_STEPS", 64)
    monkeypatch.setattr("daneel.backbones.ops.wkv7_slow_decay.BLOCK", 64)
    check_equals_loop(make((2, 205, 2, 3, 4), resets=some_resets(2, 205)), torch.float64)
