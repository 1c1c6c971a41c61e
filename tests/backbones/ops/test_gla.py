"""What is special to gated linear attention.

The rest is in `test_matrix_memories.py`.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from typing import Any

import torch

from daneel.backbones.ops import gla, retention
from tests.backbones.ops.cases import gla as case
from tests.backbones.ops.matching import normal


def test_equal_rates_are_retention() -> None:
    """With the same decay in every channel it is retention."""
    arguments: dict[str, Any] = case((2, 90, 2, 4, 3)).over_time
    rate = arguments.pop("log_decay")[..., 0]
    state = normal(2, 2, 4, 3, seed=4)
    wide = rate[..., None].expand(-1, -1, -1, 4)
    results = gla(**arguments, log_decay=wide, state=state)
    torch.testing.assert_close(results, retention(**arguments, log_decay=rate, state=state))


def test_channels_fade_apart() -> None:
    """A channel that forgets everything at each step does not touch one that keeps everything."""
    arguments: dict[str, Any] = case((1, 100, 1, 2, 3)).over_time
    decay = torch.tensor([-1e4, 0.0]).expand(1, 100, 1, 2)
    q, k, v = (arguments[name].float() for name in "qkv")
    _, state = gla(q, k, v, decay)
    k, v = k[0, :, 0], v[0, :, 0]
    expected = torch.stack((k[-1, 0] * v[-1], k[:, 1] @ v))
    torch.testing.assert_close(state[0, 0], expected, rtol=1e-5, atol=1e-5)
