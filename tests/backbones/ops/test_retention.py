"""Retention against its loop.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from daneel.backbones.ops import default_log_decay, retention, retention_naive
from tests.backbones.ops.matching import (
    Case,
    check_autocast,
    check_causal,
    check_equals_loop,
    check_no_second_derivative,
    check_resets_are_new_sequences,
    check_rows_apart,
    check_splits,
    mixed_decay,
    normal,
    some_resets,
)

Shape = tuple[int, int, int, int, int]
"""B, T, H, K, V."""


def case(shape: Shape, strong: bool = False, resets: Tensor | None = None) -> Case:
    """Random arguments; `strong` mixes in decays of -40, -1e4 and 0."""
    batch, time, heads, key, value = shape
    decay = -0.3 * normal(batch, time, heads, seed=3).abs()
    over_time = {
        "q": normal(batch, time, heads, key, seed=0),
        "k": normal(batch, time, heads, key, seed=1),
        "v": normal(batch, time, heads, value, seed=2),
        "log_decay": mixed_decay(decay) if strong else decay,
    }
    state = normal(batch, heads, key, value, seed=4)
    return Case(retention, retention_naive, over_time, state, {}, resets)


SHAPES = [(1, 1, 1, 2, 3), (2, 2, 2, 4, 3), (3, 7, 1, 3, 5), (2, 33, 3, 4, 2), (1, 150, 2, 5, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("strong", [False, True], ids=["plain", "strong"])
def test_equals_the_loop(shape: Shape, dtype: torch.dtype, strong: bool) -> None:
    """In value and in every gradient, with resets, over odd shapes, however strong the decay."""
    resets = some_resets(*shape[:2]) if strong else None
    check_equals_loop(case(shape, strong=strong, resets=resets), dtype)


def test_bfloat16_inputs_are_computed_in_float32() -> None:
    """The output is bfloat16, the state float32, both as good as their inputs."""
    narrow = case((2, 70, 2, 4, 3)).to(torch.bfloat16)
    check_equals_loop(narrow, torch.bfloat16)
    output, state = narrow.call()
    assert (output.dtype, state.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize("cuts", [[64], [1, 2, 70], [63, 129], [100, 101]], ids=str)
def test_parts_equal_the_whole(cuts: list[int]) -> None:
    """With the state carried, wherever the sequence is cut, resets included."""
    check_splits(case((2, 150, 2, 3, 4), resets=some_resets(2, 150)), cuts)


def test_a_reset_begins_a_new_sequence() -> None:
    """The state before it counts for nothing."""
    check_resets_are_new_sequences(case((2, 90, 2, 3, 4)))


def test_no_output_depends_on_the_future_or_on_other_rows() -> None:
    """To the last bit."""
    check_causal(case((2, 150, 2, 4, 4)))
    check_rows_apart(case((3, 70, 2, 4, 4)))


def test_autocast_does_not_narrow() -> None:
    """Float32 in, float32 throughout."""
    check_autocast(case((2, 70, 2, 4, 3)))
    check_autocast(case((2, 1, 2, 4, 3)))


def test_second_derivatives_are_refused() -> None:
    """Rather than wrong."""
    check_no_second_derivative(case((1, 9, 1, 2, 2)))


def test_blocks_carry_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sequence of several blocks and a rest equals the loop."""
    monkeypatch.setattr("daneel.backbones.ops.chunks._CACHED_STEPS", 64)
    check_equals_loop(case((2, 205, 2, 3, 4), resets=some_resets(2, 205)), torch.float64)


@pytest.mark.parametrize("length", [1, 5, 64, 200])
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("given", [False, True])
def test_constant_decays(length: int, resets: bool, given: bool) -> None:
    """The paper's decays, and `[H]` of one's own with their gradient, also with resets."""
    arguments: dict[str, Any] = case((2, length, 3, 4, 2)).over_time
    del arguments["log_decay"]
    fixed = {"log_decay": torch.tensor([-0.1, -2.0, 0.0]).double()} if given else {}
    begins = some_resets(2, length) if resets else None
    state = normal(2, 3, 4, 2, seed=4)
    constant = Case(retention, retention_naive, arguments, state, fixed | {"scale": 0.3}, begins)
    for dtype in (torch.float64, torch.float32):
        check_equals_loop(constant, dtype)


def test_default_decays_are_the_papers() -> None:
    """1 - 2^-5, 1 - 2^-6, ..."""
    expected = torch.tensor([31 / 32, 63 / 64, 127 / 128], dtype=torch.float64)
    torch.testing.assert_close(default_log_decay(3).exp(), expected)


def test_by_hand() -> None:
    """Two steps of one head: o = q (e^g k_0 v_0 + k_1 v_1)."""
    q, k, v = (torch.tensor(x).view(1, 2, 1, 1) for x in ([1.0, 2.0], [3.0, 5.0], [7.0, 11.0]))
    output, state = retention(q, k, v, torch.tensor([0.5]).log())
    assert output.flatten().tolist() == pytest.approx([21.0, 2 * (10.5 + 55)])
    assert state.item() == pytest.approx(65.5)


def test_strong_decays_leave_the_later_ones_their_digits() -> None:
    """After -1e4 a step, decays of a hundredth are still exact in float32."""
    arguments: dict[str, Any] = case((1, 64, 1, 4, 4)).over_time
    decay = torch.full((1, 64, 1), -0.01, dtype=torch.float64)
    decay[:, 1:32] = -1e4
    strong = Case(
        retention,
        retention_naive,
        arguments | {"log_decay": decay},
        normal(1, 1, 4, 4, seed=4),
        {},
    ).to(torch.float32)
    output, expected = strong.call()[0], strong.call(retention_naive)[0]
    torch.testing.assert_close(output.double(), expected, rtol=1e-5, atol=1e-5)


def test_long_sequences_stay_exact() -> None:
    """Float32 within 1e-4 of the loop after 4096 steps."""
    long = case((1, 4096, 1, 4, 4)).to(torch.float32)
    output, expected = long.call(log_decay=None)[0], long.call(retention_naive, log_decay=None)[0]
    torch.testing.assert_close(output.double(), expected, rtol=1e-4, atol=1e-4)


def test_noncontiguous_inputs() -> None:
    """Transposed views are read as they are."""
    plain = case((2, 70, 3, 4, 5))
    views = {
        name: x.transpose(1, 2).contiguous().transpose(1, 2) for name, x in plain.over_time.items()
    }
    torch.testing.assert_close(plain.call(**views), plain.call())
