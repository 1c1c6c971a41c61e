"""Exact softmax attention by the best kernel at hand, in memory that grows linearly with time.

    o_i = sum_j p_ij v_j,   p_i = softmax_j(scale q_i . k_j)

`kernel_for` says which kernel a call takes. On CUDA, half precision: flash-attention 3 (Shah et al.
2024, arXiv 2407.08608) on Hopper, else cuDNN's kernel on Hopper and later, else flash-attention 2
(Dao 2023, arXiv 2307.08691); anything else torch's own, and FlexAttention (Dong et al. 2024, arXiv
2412.05496) where values are wider or narrower than keys. On a CPU torch's flash kernel, and where
that would fall back to a full matrix, the tiled form in `blockwise.py`.

Causal attention is aligned at the end: the last query sees every key, so a query may be the newest
part of a sequence whose keys are cached.

Legend: B batch, Q queries, T keys, H heads, D key width, V value width.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from daneel.backbones.ops import check
from daneel.backbones.ops.blockwise import blockwise_attention
from daneel.backbones.ops.precision import no_autocast

HAS_FLASH3 = find_spec("flash_attn_interface") is not None
"""Whether flash-attention 3 is installed; it also needs a Hopper GPU and half precision."""

HALF = (torch.float16, torch.bfloat16)
HOPPER = (9, 0)
"""Compute capability from which flash-attention 3 runs, and cuDNN is faster than version 2."""

Kernel = Callable[[Tensor, Tensor, Tensor, bool, float], Tensor]


def attention(
    q: Tensor, k: Tensor, v: Tensor, causal: bool = True, scale: float | None = None
) -> Tensor:
    """Attends from `q [B, Q, H, D]` to `k [B, T, H, D]`, `v [B, T, H, V]`; gives `[B, Q, H, V]`.

    Args:
        q: Queries; with `causal`, no more than keys, and the last query stands at the last key.
        k: Keys.
        v: Values.
        causal: Whether a query sees only keys at or before its own place.
        scale: Factor of the scores, `D**-0.5` when left out.

    Raises:
        ValueError: shapes, devices or values that do not fit; the message says which.
    """
    check_attention(q, k, v, causal)
    kernel = KERNELS[kernel_for(q, k, v, causal)]
    with no_autocast(q):
        return kernel(q, k, v, causal, score_scale(q, scale)).to(v.dtype)


def flash_attention3(
    q: Tensor, k: Tensor, v: Tensor, causal: bool = True, scale: float | None = None
) -> Tensor:
    """`attention` by the name of its fastest kernel, which it takes where `HAS_FLASH3` and can."""
    return attention(q, k, v, causal, scale)


def attention_naive(
    q: Tensor, k: Tensor, v: Tensor, causal: bool = True, scale: float | None = None
) -> Tensor:
    """The definition: one query at a time in float64; arguments as `attention`."""
    check_attention(q, k, v, causal)
    factor = score_scale(q, scale)
    q, k, v = q.double(), k.double(), v.double()
    past, outputs = k.shape[1] - q.shape[1], []
    for t in range(q.shape[1]):
        seen = past + t + 1 if causal else k.shape[1]
        scores = factor * torch.einsum("bhd,bthd->bth", q[:, t], k[:, :seen])
        outputs.append(torch.einsum("bth,bthv->bhv", scores.softmax(1), v[:, :seen]))
    return torch.stack(outputs, 1)


def kernel_for(q: Tensor, k: Tensor, v: Tensor, causal: bool = True) -> str:
    """The name in `KERNELS` of the kernel that `attention` takes for these arguments."""
    aligned = not causal or q.shape[1] in (1, k.shape[1])
    same_width = k.shape[-1] == v.shape[-1]
    if not q.is_cuda:
        return "sdpa" if aligned and same_width else "blockwise"
    if not same_width:
        return "flex"
    fits = q.dtype in HALF and q.dtype == k.dtype == v.dtype and q.shape[-1] <= 256
    if not fits:
        return "sdpa"
    if HAS_FLASH3 and torch.cuda.get_device_capability(q.device) == HOPPER:
        return "flash3"
    if torch.cuda.get_device_capability(q.device) >= HOPPER and aligned and q.shape[-1] <= 128:
        return "cudnn"
    return "flash2" if has_flash2() else "sdpa"


def score_scale(q: Tensor, scale: float | None) -> float:
    """The factor of the scores: what was asked for, or `D**-0.5`."""
    return float(q.shape[-1]) ** -0.5 if scale is None else scale


@functools.cache
def has_flash2() -> bool:
    """Whether flash-attention 2 is installed."""
    return find_spec("flash_attn") is not None


def check_attention(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> None:
    """Refuses tensors that cannot attend to each other.

    Raises:
        ValueError: the message says which and why.
    """
    axes = check.Axes()
    axes.take("q", q, "BQHD")
    axes.take("k", k, "BTHD")
    axes.take("v", v, "BTHV")
    if causal and q.shape[1] > k.shape[1]:
        raise ValueError(
            f"q has shape {tuple(q.shape)}, {q.shape[1]} queries, and k has shape "
            f"{tuple(k.shape)}, {k.shape[1]} keys. Expected no more queries than keys: the last "
            "query stands at the last key. Pass the cached keys too, or causal=False."
        )
    check.check_finite(q=q, k=k, v=v)


def _sdpa(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> Tensor:
    """Torch's choice among its kernels; all of them keep no matrix of scores here."""
    queries, keys = q.shape[1], k.shape[1]
    dtype = torch.promote_types(torch.promote_types(q.dtype, k.dtype), v.dtype)
    q, k, v = (x.to(dtype).transpose(1, 2) for x in (q, k, v))
    if not causal or queries in (1, keys):
        triangle = causal and queries > 1
        out = F.scaled_dot_product_attention(q, k, v, is_causal=triangle, scale=scale)
        return out.transpose(1, 2)
    # Imported here: it brings torch's compiler, a second of every start.
    from torch.nn.attention.bias import causal_lower_right

    bias: Any = causal_lower_right(queries, keys)
    return F.scaled_dot_product_attention(q, k, v, bias, scale=scale).transpose(1, 2)


def _cudnn(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> Tensor:
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        return _sdpa(q, k, v, causal, scale)


def _flash2(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> Tensor:
    module = importlib.import_module("flash_attn")
    return module.flash_attn_func(q, k, v, softmax_scale=scale, causal=causal)


def _flash3(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> Tensor:
    module = importlib.import_module("flash_attn_interface")
    out = module.flash_attn_func(q, k, v, softmax_scale=scale, causal=causal)
    # Releases differ in whether they return the log-sum-exp too.
    return out[0] if isinstance(out, tuple) else out


def _flex(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> Tensor:
    past = k.shape[1] - q.shape[1]
    heads_first = (x.transpose(1, 2) for x in (q, k, v))
    mask = _triangle(q.shape[1], k.shape[1], past, q.device) if causal else None
    run = _compiled_flex() if q.is_cuda else _flex_function()
    return run(*heads_first, block_mask=mask, scale=scale).transpose(1, 2)


@functools.lru_cache(maxsize=8)
def _triangle(queries: int, keys: int, past: int, device: torch.device) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    def visible(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return key <= query + past

    return create_block_mask(visible, None, None, queries, keys, device=str(device))


def _flex_function() -> Callable[..., Any]:
    from torch.nn.attention import flex_attention

    return flex_attention.flex_attention


@functools.cache
def _compiled_flex() -> Callable[..., Any]:
    return torch.compile(_flex_function())


KERNELS: dict[str, Kernel] = {
    "flash3": _flash3,
    "cudnn": _cudnn,
    "flash2": _flash2,
    "sdpa": _sdpa,
    "flex": _flex,
    "blockwise": blockwise_attention,
}
"""The kernels by name; all of them take `(q, k, v, causal, scale)`."""
