"""What is special to the gated delta rule.

The rest is in `test_matrix_memories.py`.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

import pytest
import torch

from daneel.backbones.ops import gated_delta_rule, gated_delta_rule_naive
from tests.backbones.ops.cases import delta as case
from tests.backbones.ops.matching import Case, check_equals_loop, normal


@pytest.mark.parametrize("beta", [1.0, 1.9])
def test_one_key_again_and_again(beta: float) -> None:
    """The powers of this system's matrix pass 10^18; its solution is bounded, and exact."""
    arguments = case((1, 130, 1, 4, 3)).over_time
    arguments["k"] = arguments["k"][:, :1].expand(-1, 130, -1, -1)
    arguments["beta"] = torch.full((1, 130, 1), beta, dtype=torch.float64)
    arguments["g"] = torch.zeros(1, 130, 1, dtype=torch.float64)
    state = normal(1, 1, 4, 3, seed=4)
    same = Case(gated_delta_rule, gated_delta_rule_naive, arguments, state, {})
    for dtype in (torch.float64, torch.float32):
        check_equals_loop(same, dtype)


def test_a_key_holds_what_was_written_last() -> None:
    """With beta 1 and no decay, reading a key gives the last value written to it."""
    keys = torch.eye(4)[torch.tensor([0, 1, 2, 0, 3, 1])].view(1, 6, 1, 4)
    values = torch.arange(6.0).view(1, 6, 1, 1)
    ones, zeros = torch.ones(1, 6, 1), torch.zeros(1, 6, 1)
    _, state = gated_delta_rule(keys, keys, values, ones, zeros)
    assert state.flatten().tolist() == [3.0, 5.0, 2.0, 4.0]
