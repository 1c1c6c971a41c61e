"""The gated delta rule against its loop.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from daneel.backbones.ops import gated_delta_rule, gated_delta_rule_naive
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
    unit,
)

Shape = tuple[int, int, int, int, int]
"""B, T, H, K, V."""


def case(shape: Shape, strong: bool = False, resets: Tensor | None = None) -> Case:
    """Random arguments; `strong` mixes in decays of -40, -1e4 and 0."""
    batch, time, heads, key, value = shape
    decay = -0.3 * normal(batch, time, heads, seed=3).abs()
    over_time = {
        "q": normal(batch, time, heads, key, seed=0),
        "k": unit(batch, time, heads, key, seed=1),
        "v": normal(batch, time, heads, value, seed=2),
        "beta": normal(batch, time, heads, seed=5).sigmoid(),
        "g": mixed_decay(decay) if strong else decay,
    }
    state = normal(batch, heads, key, value, seed=4)
    return Case(gated_delta_rule, gated_delta_rule_naive, over_time, state, {}, resets)


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


@pytest.mark.parametrize("beta", [1.0, 1.9])
def test_one_key_again_and_again(beta: float) -> None:
    """The powers of this system's matrix pass 10^18; its solution is bounded, and exact."""
    arguments = case((1, 130, 1, 4, 3)).over_time
    arguments["k"] = arguments["k"][:, :1].expand(-1, 130, -1, -1)
    arguments["beta"] = torch.full((1, 130, 1), beta, dtype=torch.float64)
    arguments["g"] = torch.zeros(1, 130, 1, dtype=torch.float64)
    state = normal(1, 1, 4, 3, seed=4)
    same = Case(gated_delta_rule, gated_delta_rule_naive, arguments, state, {})
    for dtype in (torch.float64, torch.float32):
        check_equals_loop(same, dtype)


def test_a_key_holds_what_was_written_last() -> None:
    """With beta 1 and no decay, reading a key gives the last value written to it."""
    keys = torch.eye(4)[torch.tensor([0, 1, 2, 0, 3, 1])].view(1, 6, 1, 4)
    values = torch.arange(6.0).view(1, 6, 1, 1)
    ones, zeros = torch.ones(1, 6, 1), torch.zeros(1, 6, 1)
    _, state = gated_delta_rule(keys, keys, values, ones, zeros)
    assert state.flatten().tolist() == [3.0, 5.0, 2.0, 4.0]
