"""Kernels of other packages, taken on an accelerator where they compute exactly what we promise.

flash-linear-attention (`fla`, Triton) has the operators with a matrix state, mamba-ssm (CUDA and
Triton) the scans of Mamba. A call goes to one of them if its package imports, its tensors are on
CUDA and the kernel does all of it: no episode begins inside, more than one step, heads of a width
that the kernels tile, and half precision for those that multiply on tensor cores (in float32 these
round to TF32, which loses the digits promised here). `selective_scan_fn` begins without a state and
ignores the gradient of the last one, so it is taken only where neither is asked for.

The mapping of arguments follows fla-core 0.6.0 and mamba-ssm 2.3. It is tested against the peers'
own references; the kernels were not run on a GPU yet.

Legend: B batch, T time, H heads, K key width, V value width, P head width, N state width.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

FLA, MAMBA = "flash-linear-attention", "mamba-ssm"
SOURCES = {
    "retention": (FLA, "fla.ops.simple_gla", "chunk_simple_gla"),
    "gla": (FLA, "fla.ops.gla", "chunk_gla"),
    "wkv7": (FLA, "fla.ops.rwkv7", "chunk_rwkv7"),
    "gated_delta_rule": (FLA, "fla.ops.gated_delta_rule", "chunk_gated_delta_rule"),
    "ssd": (MAMBA, "mamba_ssm.ops.triton.ssd_combined", "mamba_chunk_scan_combined"),
    "selective_scan": (MAMBA, "mamba_ssm.ops.selective_scan_interface", "selective_scan_fn"),
}
"""Package, module and function of each operator's peer."""

DEVICE = "cuda"
"""Where the peers run."""

HALF = (torch.bfloat16, torch.float16)
TILE, WIDEST = 16, 256
"""Head widths are multiples of the first, up to the second."""

SSD_CHUNK = 256
"""Steps of a chunk, the default of mamba-ssm."""


@cache
def load(operator: str) -> Callable[..., Any] | None:
    """The peer's function, None where its package is missing or does not work here."""
    _, module, name = SOURCES[operator]
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, OSError, RuntimeError):
        return None


def takes(operator: str, *tensors: Tensor, resets: Tensor | None) -> bool:
    """Whether the peer computes this call; `tensors [B, T, H, *]` are what it multiplies."""
    first = tensors[0]
    if first.device.type != DEVICE or resets is not None or first.shape[1] == 1:
        return False
    half = first.dtype in HALF and all(x.dtype == first.dtype for x in tensors)
    tiled = all(x.shape[-1] % TILE == 0 and x.shape[-1] <= WIDEST for x in tensors)
    return half and tiled and load(operator) is not None


def takes_scan(*tensors: Tensor | None, state: Tensor | None, resets: Tensor | None) -> bool:
    """Whether mamba-ssm computes this selective scan, the first of `tensors` being `u [B, T, D]`.

    Its kernel multiplies in float32, and all of its inputs over time share one dtype.
    """
    given = [x for x in tensors if x is not None]
    if given[0].device.type != DEVICE or state is not None or resets is not None:
        return False
    graph = torch.is_grad_enabled() and any(x.requires_grad for x in given)
    same = all(x.dtype == given[0].dtype for x in given if x.ndim == 3)
    plain = given[0].dtype in (*HALF, torch.float32)
    return not graph and same and plain and load("selective_scan") is not None


def retention(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, state: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """`ops.retention` by `chunk_simple_gla`, whose constant rates have no gradient."""
    constant = log_decay.ndim == 1 and not log_decay.requires_grad
    rates = log_decay.float() if constant else log_decay.float().expand(q.shape[:3]).contiguous()
    return _function("retention")(
        q, k, v, **{"g_gamma" if constant else "g": rates}, **_carried(state, scale)
    )


def gla(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, state: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """`ops.gla` by `chunk_gla`."""
    return _function("gla")(q, k, v, log_decay.float(), **_carried(state, scale))


def wkv7(inputs: list[Tensor], state: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """`ops.wkv7` by `chunk_rwkv7`; inputs are r, w, k, v, a, b."""
    r, w, k, v, a, b = inputs
    return _function("wkv7")(r=r, w=w.float(), k=k, v=v, a=a, b=b, **_carried(state, scale))


def gated_delta_rule(inputs: list[Tensor], state: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """`ops.gated_delta_rule` by `chunk_gated_delta_rule`; inputs are q, k, v, beta, g."""
    q, k, v, beta, g = inputs
    arguments = {"g": g.float(), "beta": beta.float(), **_carried(state, scale)}
    return _function("gated_delta_rule")(q, k, v, **arguments)


def ssd(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, state: Tensor
) -> tuple[Tensor, Tensor]:
    """`ops.ssd` by `mamba_chunk_scan_combined`."""
    skip = None if D is None else D.float()
    arguments = {"D": skip, "initial_states": state.contiguous(), "return_final_states": True}
    return _function("ssd")(x, dt.float(), A.float(), B, C, SSD_CHUNK, **arguments)


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    softplus: bool,
) -> tuple[Tensor, Tensor]:
    """`ops.selective_scan` by `selective_scan_fn`, whose time is the last axis."""
    skip, bias = (None if x is None else x.float() for x in (D, delta_bias))
    y, state = _function("selective_scan")(
        *(u.mT, delta.mT, A.float(), B.mT, C.mT),
        D=skip,
        z=None if z is None else z.mT,
        delta_bias=bias,
        delta_softplus=softplus,
        return_last_state=True,
    )
    return y.mT, state.float()


def _carried(state: Tensor, scale: float) -> dict[str, Any]:
    """The arguments that all of fla's operators share."""
    return {"scale": scale, "initial_state": state.contiguous(), "output_final_state": True}


def _function(operator: str) -> Callable[..., Any]:
    found = load(operator)
    assert found is not None
    return found
