"""Gated linear attention against its loop.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from daneel.backbones.ops import gla, gla_naive, retention
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
    decay = -0.3 * normal(batch, time, heads, key, seed=3).abs()
    over_time = {
        "q": normal(batch, time, heads, key, seed=0),
        "k": normal(batch, time, heads, key, seed=1),
        "v": normal(batch, time, heads, value, seed=2),
        "log_decay": mixed_decay(decay) if strong else decay,
    }
    state = normal(batch, heads, key, value, seed=4)
    return Case(gla, gla_naive, over_time, state, {}, resets)


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


def test_equal_rates_are_retention() -> None:
    """With the same decay in every channel it is retention."""
    arguments: dict[str, Any] = case((2, 90, 2, 4, 3)).over_time
    rate = arguments.pop("log_decay")[..., 0]
    state = normal(2, 2, 4, 3, seed=4)
    wide = rate[..., None].expand(-1, -1, -1, 4)
    results = gla(**arguments, log_decay=wide, state=state)
    torch.testing.assert_close(results, retention(**arguments, log_decay=rate, state=state))


def test_channels_fade_apart() -> None:
    """A channel that forgets everything at each step does not touch one that keeps everything."""
    arguments: dict[str, Any] = case((1, 100, 1, 2, 3)).over_time
    decay = torch.tensor([-1e4, 0.0]).expand(1, 100, 1, 2)
    q, k, v = (arguments[name].float() for name in "qkv")
    _, state = gla(q, k, v, decay)
    k, v = k[0, :, 0], v[0, :, 0]
    expected = torch.stack((k[-1, 0] * v[-1], k[:, 1] @ v))
    torch.testing.assert_close(state[0, 0], expected, rtol=1e-5, atol=1e-5)
