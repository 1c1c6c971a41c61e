"""What is special to retention.

The rest is in `test_matrix_memories.py`.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from daneel.backbones.ops import default_log_decay, retention, retention_naive
from tests.backbones.ops.cases import retention as case
from tests.backbones.ops.matching import Case, check_equals_loop, normal, some_resets


@pytest.mark.parametrize("length", [1, 5, 64, 200])
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("given", [False, True])
def test_constant_decays(length: int, resets: bool, given: bool) -> None:
    """The paper's decays, and `[H]` of one's own with their gradient, also with resets."""
    arguments: dict[str, Any] = case((2, length, 3, 4, 2)).over_time
    del arguments["log_decay"]
    fixed = {"log_decay": torch.tensor([-0.1, -2.0, 0.0]).double()} if given else {}
    begins = some_resets(2, length) if resets else None
    state = normal(2, 3, 4, 2, seed=4)
    constant = Case(retention, retention_naive, arguments, state, fixed | {"scale": 0.3}, begins)
    for dtype in (torch.float64, torch.float32):
        check_equals_loop(constant, dtype)


def test_default_decays_are_the_papers() -> None:
    """1 - 2^-5, 1 - 2^-6, ..."""
    expected = torch.tensor([31 / 32, 63 / 64, 127 / 128], dtype=torch.float64)
    torch.testing.assert_close(default_log_decay(3).exp(), expected)


def test_by_hand() -> None:
    """Two steps of one head: o = q (e^g k_0 v_0 + k_1 v_1)."""
    q, k, v = (torch.tensor(x).view(1, 2, 1, 1) for x in ([1.0, 2.0], [3.0, 5.0], [7.0, 11.0]))
    output, state = retention(q, k, v, torch.tensor([0.5]).log())
    assert output.flatten().tolist() == pytest.approx([21.0, 2 * (10.5 + 55)])
    assert state.item() == pytest.approx(65.5)


def test_strong_decays_leave_the_later_ones_their_digits() -> None:
    """After -1e4 a step, decays of a hundredth are still exact in float32."""
    arguments: dict[str, Any] = case((1, 64, 1, 4, 4)).over_time
    decay = torch.full((1, 64, 1), -0.01, dtype=torch.float64)
    decay[:, 1:32] = -1e4
    strong = Case(
        retention,
        retention_naive,
        arguments | {"log_decay": decay},
        normal(1, 1, 4, 4, seed=4),
        {},
    ).to(torch.float32)
    output, expected = strong.call()[0], strong.call(retention_naive)[0]
    torch.testing.assert_close(output.double(), expected, rtol=1e-5, atol=1e-5)


def test_long_sequences_stay_exact() -> None:
    """Float32 within 1e-4 of the loop after 4096 steps."""
    long = case((1, 4096, 1, 4, 4)).to(torch.float32)
    output, expected = long.call(log_decay=None)[0], long.call(retention_naive, log_decay=None)[0]
    torch.testing.assert_close(output.double(), expected, rtol=1e-4, atol=1e-4)


def test_noncontiguous_inputs() -> None:
    """Transposed views are read as they are."""
    plain = case((2, 70, 3, 4, 5))
    views = {
        name: x.transpose(1, 2).contiguous().transpose(1, 2) for name, x in plain.over_time.items()
    }
    torch.testing.assert_close(plain.call(**views), plain.call())
