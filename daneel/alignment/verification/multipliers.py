"""Several planes at once: a weighted sum of them may exclude what none of them excludes alone.

An unsafe point satisfies weight_k x + bias_k <= 0 for EVERY k, hence for every weighted sum with
weights >= 0. The weights that lift the sum's least value most are found by exponentiated gradient
ascent on the simplex (Kivinen and Warmuth 1997); the value is concave in them. Any weights are
sound: they are a guess, and what is made of them is bounded anew.

Legend: N boxes, K planes, D inputs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daneel.alignment.verification.crown import Planes
from daneel.alignment.verification.intervals import Interval

STEPS = 12
RATE = 2.0


def multipliers(planes: Planes, offsets: Tensor, box: Interval, steps: int = STEPS) -> Tensor:
    """Weights `[N, K]`, each row summing to 1, whose sum of planes is least below its offset.

    Args:
        planes: `[N, K]` planes, of which an unsafe point is below `offsets`.
        offsets: `[K]`.
        box: The boxes.
        steps: Of the ascent.
    """
    bias = planes.bias - offsets.to(planes.bias.dtype)
    count, many = bias.shape
    logits = torch.zeros_like(bias)
    best, height = torch.full_like(bias, 1 / many), bias.new_full((count,), -torch.inf)
    for step in range(steps):
        weights = logits.softmax(1)
        slope = (weights[:, None] @ planes.weight)[:, 0]  # [N, D]
        lowest = torch.where(slope > 0, box.low, box.high)
        gaps = (planes.weight @ lowest[:, :, None])[:, :, 0] + bias  # [N, K]
        value = (weights * gaps).sum(1)
        higher = value > height
        height = torch.where(higher, value, height)
        best = torch.where(higher[:, None], weights, best)
        scale = gaps.abs().amax(1, keepdim=True).clamp(min=torch.finfo(bias.dtype).tiny)
        logits = logits + RATE / (1 + 0.3 * step) * gaps / scale
    return best
