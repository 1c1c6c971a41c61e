"""State space duality against its loop.

Legend: B batch, T time, H heads, G groups, P head width, N state width.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from daneel.backbones.ops import ssd, ssd_naive
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
"""B, T, H, P, N."""


def case(shape: Shape, strong: bool = False, resets: Tensor | None = None) -> Case:
    """Random arguments; `strong` mixes in decays of -40, -1e4 and 0."""
    batch, time, heads, width, wide = shape
    dt = normal(batch, time, heads, seed=3).abs()
    groups = 2 if heads % 2 == 0 else 1
    over_time = {
        "x": normal(batch, time, heads, width, seed=0),
        "dt": -mixed_decay(-dt) if strong else dt,
        "B": normal(batch, time, groups, wide, seed=1),
        "C": normal(batch, time, groups, wide, seed=2),
    }
    fixed = {"A": -normal(heads, seed=5).abs(), "D": normal(heads, seed=6)}
    state = normal(batch, heads, width, wide, seed=4)
    return Case(ssd, ssd_naive, over_time, state, fixed, resets)


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


@pytest.mark.parametrize(("heads", "groups"), [(4, 1), (4, 2), (4, 4), (6, 3)])
def test_groups_serve_neighbouring_heads(heads: int, groups: int) -> None:
    """B and C of group 0 are those of the first heads; without D the input is not added."""
    arguments = case((2, 70, heads, 3, 5))
    shared = {name: normal(2, 70, groups, 5, seed=seed) for name, seed in (("B", 7), ("C", 8))}
    fixed = {"A": arguments.fixed["A"]}
    grouped = Case(ssd, ssd_naive, arguments.over_time | shared, arguments.state, fixed)
    check_equals_loop(grouped, torch.float64)
    spread = {name: x.repeat_interleave(heads // groups, 2) for name, x in shared.items()}
    torch.testing.assert_close(grouped.call(**spread), grouped.call())
