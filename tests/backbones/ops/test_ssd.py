"""What is special to state space duality.

The rest is in `test_matrix_memories.py`.

Legend: B batch, T time, H heads, G groups, P head width, N state width.
"""

from __future__ import annotations

import pytest
import torch

from daneel.backbones.ops import ssd, ssd_naive
from tests.backbones.ops.cases import ssd as case
from tests.backbones.ops.matching import Case, check_equals_loop, normal


@pytest.mark.parametrize(("heads", "groups"), [(4, 1), (4, 2), (4, 4), (6, 3)])
def test_groups_serve_neighbouring_heads(heads: int, groups: int) -> None:
    """B and C of group 0 are those of the first heads; without D the input is not added."""
    arguments = case((2, 70, heads, 3, 5))
    shared = {name: normal(2, 70, groups, 5, seed=seed) for name, seed in (("B", 7), ("C", 8))}
    fixed = {"A": arguments.fixed["A"]}
    grouped = Case(ssd, ssd_naive, arguments.over_time | shared, arguments.state, fixed)
    check_equals_loop(grouped, torch.float64)
    spread = {name: x.repeat_interleave(heads // groups, 2) for name, x in shared.items()}
    torch.testing.assert_close(grouped.call(**spread), grouped.call())
