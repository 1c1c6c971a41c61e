"""Which implementation each operator takes on this machine, for `daneel doctor`."""

from __future__ import annotations

import torch

from daneel.backbones.ops import peers
from daneel.backbones.ops.attention import HAS_FLASH3, HOPPER, has_flash2

TORCH = "torch, chunks"
HALF, SCAN = "half precision, no resets", "no gradient, no first state, no resets"
"""The calls that a peer takes; `ops/peers.py` says why."""

SDPA = "torch SDPA"
TILES = "torch, tiles"


def kernels(device: torch.device | str | None = None) -> dict[str, str]:
    """The implementation of each operator by its name, on `device`, the best at hand if left out.

    It depends on the call too, so entries say for which calls; all others of an operator with a
    peer take ours. For one call of attention ask `ops.attention.kernel_for`.
    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(device)
    found = {operator: _scan(operator, device) for operator in peers.SOURCES}
    found |= {"long_conv": "torch FFT", "topk_attention": TILES}
    return found | _attention(device)


def _scan(operator: str, device: torch.device) -> str:
    if device.type != peers.DEVICE or peers.load(operator) is None:
        return TORCH
    calls = SCAN if operator == "selective_scan" else HALF
    return f"{peers.SOURCES[operator][0]} ({calls}), else {TORCH}"


def _attention(device: torch.device) -> dict[str, str]:
    if device.type != "cuda":
        return {"attention": f"{SDPA} (flash, CPU)", "attention, queries over a cache": TILES}
    hopper = torch.cuda.get_device_capability(device) >= HOPPER
    rest = "flash-attention 2" if has_flash2() else SDPA
    best = "cuDNN SDPA" if hopper else rest
    if HAS_FLASH3 and torch.cuda.get_device_capability(device) == HOPPER:
        best = rest = "flash-attention 3"
    return {
        "attention": best,
        "attention, queries over a cache": rest,
        "attention, float32": SDPA,
        "attention, values of another width": "FlexAttention",
    }
