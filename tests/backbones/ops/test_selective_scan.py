"""The selective scan against its loop.

Legend: B batch, T time, D channels, N state width.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor

from daneel.backbones.ops import selective_scan, selective_scan_naive
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

MODULE = import_module("daneel.backbones.ops.selective_scan")
Shape = tuple[int, int, int, int]
"""B, T, D, N."""


def case(shape: Shape, strong: bool = False, resets: Tensor | None = None) -> Case:
    """Random arguments; `strong` mixes in decays of -40, -1e4 and 0, without softplus."""
    batch, time, wide, states = shape
    delta = normal(batch, time, wide, seed=3)
    over_time = {
        "u": normal(batch, time, wide, seed=0),
        "delta": -mixed_decay(-delta.abs()) if strong else delta,
        "B": normal(batch, time, states, seed=1),
        "C": normal(batch, time, states, seed=2),
        "z": normal(batch, time, wide, seed=4),
    }
    fixed: dict[str, Any] = {"A": -normal(wide, states, seed=5).abs(), "D": normal(wide, seed=6)}
    fixed |= {"softplus": False} if strong else {"delta_bias": normal(wide, seed=7)}
    state = normal(batch, wide, states, seed=8)
    return Case(selective_scan, selective_scan_naive, over_time, state, fixed, resets)


SHAPES = [(1, 1, 2, 3), (2, 2, 4, 3), (3, 7, 3, 5), (2, 33, 4, 2), (1, 150, 5, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("strong", [False, True], ids=["plain", "strong"])
def test_equals_the_loop(shape: Shape, dtype: torch.dtype, strong: bool) -> None:
    """In value and in every gradient, with resets, over odd shapes, however strong the decay."""
    resets = some_resets(*shape[:2]) if strong else None
    check_equals_loop(case(shape, strong=strong, resets=resets), dtype)


def test_many_chunks_and_groups_of_rows_equal_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only long sequences, wide layers and large batches do, made small."""
    monkeypatch.setattr(MODULE, "CHUNK_ELEMENTS", 1)
    monkeypatch.setattr(MODULE, "ROW_ELEMENTS", 30)
    check_equals_loop(case((5, 61, 4, 3), resets=some_resets(5, 61)), torch.float64)


def test_bfloat16_inputs_are_computed_in_float32() -> None:
    """The output is bfloat16, the state float32, both as good as their inputs."""
    narrow = case((2, 70, 4, 3)).to(torch.bfloat16)
    check_equals_loop(narrow, torch.bfloat16)
    output, state = narrow.call()
    assert (output.dtype, state.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize("cuts", [[64], [1, 2, 70], [100, 101]], ids=str)
def test_parts_equal_the_whole(cuts: list[int]) -> None:
    """With the state carried, wherever the sequence is cut, resets included."""
    check_splits(case((2, 150, 3, 4), resets=some_resets(2, 150)), cuts)


def test_a_reset_begins_a_new_sequence() -> None:
    """The state before it counts for nothing."""
    check_resets_are_new_sequences(case((2, 90, 3, 4)))


def test_no_output_depends_on_the_future_or_on_other_rows() -> None:
    """To the last bit."""
    check_causal(case((2, 150, 4, 4)))
    check_rows_apart(case((3, 70, 4, 4)))


def test_autocast_does_not_narrow() -> None:
    """Float32 in, float32 throughout."""
    check_autocast(case((2, 70, 4, 3)))
    check_autocast(case((2, 1, 4, 3)))


def test_second_derivatives_are_refused() -> None:
    """Rather than wrong."""
    check_no_second_derivative(case((1, 9, 2, 2)))


def test_the_optional_parts_are_optional() -> None:
    """Without skip, gate, bias and state the scan alone is left, in any memory layout."""
    full = case((2, 40, 4, 3))
    bare = [full.over_time["u"], full.over_time["delta"], full.fixed["A"]]
    bare += [full.over_time["B"], full.over_time["C"]]
    expected = selective_scan_naive(*bare)
    bare[0], bare[2] = bare[0].mT.contiguous().mT, bare[2].mT.contiguous().mT
    torch.testing.assert_close(selective_scan(*bare), expected)


def test_no_tensor_of_all_states_is_kept() -> None:
    """What autograd holds for backward is far below one number per step, channel and state."""
    wide, states, time = 32, 16, 2048
    full = case((1, time, wide, states)).to(torch.float32)
    kept = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    u = full.over_time["u"].requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        full.call(u=u)
    assert sum(kept) < 0.7 * time * wide * states
    assert max(kept) <= time * wide


def test_bad_arguments_are_refused_by_name() -> None:
    """With the shapes that disagree, or the value that cannot be."""
    good = case((2, 5, 3, 4))
    u, bad = good.over_time["u"], normal(2, 5, 4, seed=0)
    for changes, words in (
        ({"delta": bad}, r"delta has shape \(2, 5, 4\).*u has shape \(2, 5, 3\)"),
        ({"A": good.fixed["A"].abs()}, "A .*Expected values of 0 or less"),
        ({"state": good.state[:1]}, r"state has shape \(1, 3, 4\)"),
        ({"u": u * torch.nan}, "u .*NaN"),
        ({"softplus": False, "delta_bias": None}, "delta .*Expected values of 0 or more"),
        ({"resets": torch.zeros(2, 5)}, "resets has dtype"),
    ):
        with pytest.raises(ValueError, match=f"(?s){words}"):
            good.call(**changes)
    with pytest.raises(ValueError, match=r"T \(time\) is empty"):
        good.steps(0, 0, good.state).call()


def test_gradients_by_finite_differences() -> None:
    """A second witness that the hand-written backward is right."""
    small = case((1, 4, 2, 2))
    names = ["u", "delta", "A", "B", "C"]
    arguments = {**small.over_time, **small.fixed}
    leaves = [arguments[name].clone().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(selective_scan, leaves)
