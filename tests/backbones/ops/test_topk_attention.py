"""Top-k attention against its loop, and against attention.

Legend: B batch, Q queries, T keys, H heads, D key width, V value width.
"""

from __future__ import annotations

from importlib import import_module

import pytest
import torch

from daneel.backbones.ops import attention, topk_attention, topk_attention_naive
from tests.backbones.ops.test_attention import SHAPES, Shape, arguments, results

MODULE = import_module("daneel.backbones.ops.topk_attention")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("topk", [1, 7, 64])
def test_equals_the_loop(shape: Shape, topk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In value and gradient, over several tiles, also where fewer than k keys are visible."""
    monkeypatch.setattr(MODULE, "QUERIES", 16)
    leaves = arguments(shape)
    fast = results(topk_attention(*leaves, topk), leaves)
    loop = results(topk_attention_naive(*leaves, topk), leaves)
    torch.testing.assert_close(fast, loop)


@pytest.mark.parametrize("topk", [49, 50, 51])
def test_all_keys_are_full_attention(topk: int) -> None:
    """From T on; with one fewer only the last query differs."""
    q, k, v = (x.detach() for x in arguments(SHAPES["equal"]))
    found, full = topk_attention(q, k, v, topk), attention(q, k, v)
    torch.testing.assert_close(found[:, :49], full[:, :49])
    assert torch.allclose(found[:, 49:], full[:, 49:]) == (topk >= 50)


def test_half_precision_is_computed_in_float32() -> None:
    """The output has the dtype of the values."""
    q, k, v = arguments(SHAPES["cache"], torch.bfloat16)
    found = topk_attention(q, k, v, 7)
    assert found.dtype == torch.bfloat16
    expected = topk_attention_naive(q, k, v, 7)
    torch.testing.assert_close(found.double(), expected, rtol=2e-2, atol=2e-2)


def test_no_key_is_refused() -> None:
    """And the message says what to pass for all."""
    with pytest.raises(ValueError, match=r"topk is 0\. Expected at least 1.*Pass 90"):
        topk_attention(*arguments(SHAPES["cache"]), 0)
