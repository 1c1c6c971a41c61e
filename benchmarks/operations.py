"""What single operations cost on one CPU thread: the reasons behind the planner's sizes.

python benchmarks/operations.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

ROWS = 128
REPEATS, CALLS = 9, 50


def microseconds(operation: Callable[[], object]) -> float:
    """Median time of one call, over `REPEATS` windows of `CALLS` calls."""
    windows = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        for _ in range(CALLS):
            operation()
        windows.append(1e6 * (time.perf_counter() - began) / CALLS)
    return float(np.median(windows[1:]))  # the first one warms up


def main() -> None:
    """Prints a Markdown table."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    print(f"| operation on [{ROWS}, width] | width 128 | width 256 |\n|---|---|---|")
    operations: dict[str, Callable[[torch.Tensor, torch.Tensor], object]] = {
        "linear layer": lambda x, w: F.linear(x, w),
        "LayerNorm": lambda x, w: F.layer_norm(x, x.shape[-1:]),
        "SiLU": lambda x, w: F.silu(x),
        "ELU": lambda x, w: F.elu(x),
        "Mish": lambda x, w: F.mish(x),
        "softmax over groups of 8 (SimNorm)": lambda x, w: x.view(ROWS, -1, 8).softmax(-1),
    }
    for name, operation in operations.items():
        cells = []
        for width in (128, 256):
            x = torch.randn(ROWS, width, generator=generator)
            w = torch.randn(width, width, generator=generator)
            cells.append(f"{microseconds(lambda o=operation, x=x, w=w: o(x, w)):.0f} µs")
        print(f"| {name} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main()
