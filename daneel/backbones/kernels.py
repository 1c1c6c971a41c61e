"""Which implementation each operator takes on this machine, for `daneel doctor`."""

from __future__ import annotations

import torch

from daneel.backbones.ops.attention import HAS_FLASH3, HOPPER, has_flash2

TORCH = "torch, chunks"
OPERATORS = ("retention", "gla", "ssd", "wkv7", "gated_delta_rule", "selective_scan")
SDPA = "torch SDPA"
TILES = "torch, tiles"


def kernels(device: torch.device | str | None = None) -> dict[str, str]:
    """The implementation of each operator by its name, on `device`, the best at hand if left out.

    Attention depends on the call too, so its entries say for which calls; for one call ask
    `ops.attention.kernel_for`.
    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    found = dict.fromkeys(OPERATORS, TORCH) | {"long_conv": "torch FFT", "topk_attention": TILES}
    return found | _attention(torch.device(device))


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
