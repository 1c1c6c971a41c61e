"""Attention, each kernel that runs here, against its loop.

Legend: B batch, Q queries, T keys, H heads, D key width, V value width.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from daneel.backbones.ops import attention, attention_naive, flash_attention3
from daneel.backbones.ops.attention import HAS_FLASH3, KERNELS, kernel_for
from tests.backbones.ops.matching import normal

SHAPES = {
    "equal": (2, 50, 50, 2, 8, 8),
    "one query": (1, 1, 70, 3, 8, 8),
    "cache": (2, 17, 90, 2, 8, 8),
    "narrow values": (2, 40, 61, 2, 8, 5),
    "one of all": (1, 1, 1, 1, 4, 4),
}
ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2}
Shape = tuple[int, int, int, int, int, int]


def arguments(shape: Shape, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values that take gradients."""
    batch, queries, keys, heads, wide, value = shape
    shapes = [
        (batch, queries, heads, wide),
        (batch, keys, heads, wide),
        (batch, keys, heads, value),
    ]
    tensors = [normal(*shape, seed=seed).to(dtype) for seed, shape in enumerate(shapes)]
    q, k, v = (tensor.requires_grad_() for tensor in tensors)
    return q, k, v


def results(output: Tensor, leaves: Sequence[Tensor]) -> list[Tensor]:
    """The output, and the gradient of a random function of it."""
    weight = normal(*output.shape, seed=9)
    return [output, *torch.autograd.grad((output.double() * weight).sum(), leaves)]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tiles in short sequences."""
    monkeypatch.setattr("daneel.backbones.ops.blockwise.QUERIES", 16)
    monkeypatch.setattr("daneel.backbones.ops.blockwise.KEYS", 24)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "full"])
@pytest.mark.parametrize("dtype", list(ROUNDING), ids=str)
def test_equals_the_loop(shape: Shape, causal: bool, dtype: torch.dtype) -> None:
    """In value and gradient; the last query sees every key."""
    leaves = arguments(shape, dtype)
    fast = results(attention(*leaves, causal=causal), leaves)
    loop = results(attention_naive(*leaves, causal=causal), leaves)
    assert fast[0].dtype == dtype
    for found, expected in zip(fast, loop, strict=True):
        size = 1 + expected.double().abs().max()
        assert (found.double() - expected.double()).abs().max() <= ROUNDING[dtype] * size


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "full"])
def test_the_tiled_form_agrees_where_torch_has_a_kernel(causal: bool) -> None:
    """Both are exact, so they are equal, gradients too."""
    leaves = arguments((2, 50, 50, 2, 8, 8))
    ours = results(KERNELS["blockwise"](*leaves, causal, 0.5), leaves)
    torch.testing.assert_close(ours, results(KERNELS["sdpa"](*leaves, causal, 0.5), leaves))


def test_the_tiled_form_survives_large_scores() -> None:
    """Scores past the range of exp are no reason for infinities."""
    q, k, v = arguments((1, 9, 40, 1, 8, 4))
    out = attention(q * 1e3, k, v)
    torch.testing.assert_close(out, attention_naive(q * 1e3, k, v))


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "full"])
def test_the_flex_kernel_means_the_same(causal: bool) -> None:
    """It is taken on CUDA only; on a CPU it runs without gradients, which shows its mask."""
    q, k, v = (x.detach().float() for x in arguments((2, 17, 40, 2, 8, 5)))
    out = KERNELS["flex"](q, k, v, causal, 0.3)
    expected = attention_naive(q, k, v, causal, 0.3).float()
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)


def test_the_torch_kernel_aligns_at_the_end_too() -> None:
    """As it is taken on CUDA for a few queries over a cache."""
    q, k, v = (x.detach() for x in arguments((1, 5, 12, 2, 8, 8)))
    torch.testing.assert_close(
        KERNELS["sdpa"](q, k, v, True, 0.3), attention_naive(q, k, v, True, 0.3)
    )


def test_the_choice_of_kernel_can_be_asked() -> None:
    """Torch's where it has one without a matrix of scores, ours elsewhere."""
    for name, kernel in (("equal", "sdpa"), ("one query", "sdpa"), ("cache", "blockwise")):
        assert kernel_for(*arguments(SHAPES[name])) == kernel
    assert kernel_for(*arguments(SHAPES["cache"]), causal=False) == "sdpa"
    assert kernel_for(*arguments(SHAPES["narrow values"])) == "blockwise"
    assert isinstance(HAS_FLASH3, bool)


def test_the_mission_s_name_is_the_same_function() -> None:
    """Whatever is installed, the result is exact attention."""
    q, k, v = arguments(SHAPES["equal"])
    assert torch.equal(flash_attention3(q, k, v), attention(q, k, v))


def test_no_output_depends_on_the_future() -> None:
    """To the last bit, cached or not."""
    for name in ("equal", "cache"):
        q, k, v = (x.detach() for x in arguments(SHAPES[name]))
        before = attention(q, k, v)
        k[:, -5:], v[:, -5:] = 3.0, 7.0
        after = attention(q, k, v)
        assert torch.equal(before[:, :-5], after[:, :-5])
        assert not torch.equal(before[:, -5:], after[:, -5:])


def test_bad_arguments_are_refused_by_name() -> None:
    """With both shapes."""
    q, k, v = (x.detach() for x in arguments(SHAPES["equal"]))
    for call, words in (
        ((q, k[:, :40], v[:, :40]), "50 queries.*40.*no more queries than keys"),
        ((q, k[..., :4], v), r"k has shape.*q has shape"),
        ((q, k, v[:, :40]), r"v has shape.*k has shape"),
        ((q[0], k, v), "q has shape"),
        ((q * torch.nan, k, v), "q .*NaN"),
    ):
        with pytest.raises(ValueError, match=f"(?s){words}"):
            attention(*call)
