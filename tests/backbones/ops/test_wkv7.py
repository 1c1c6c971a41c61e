"""What is special to the RWKV-7 memory.

The rest is in `test_matrix_memories.py`.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from typing import Any

import torch

from daneel.backbones.ops import gla, wkv7
from daneel.backbones.ops.wkv7_slow_decay import FASTEST
from tests.backbones.ops.cases import wkv7 as case
from tests.backbones.ops.cases import wkv7_slow_decay as slow
from tests.backbones.ops.matching import check_equals_loop, normal


def test_without_correction_it_is_gated_linear_attention() -> None:
    """With b = 0 nothing is written back."""
    arguments: dict[str, Any] = case((2, 90, 2, 4, 3)).over_time
    state, nothing = normal(2, 2, 4, 3, seed=4), torch.zeros(2, 90, 2, 4, dtype=torch.float64)
    results = wkv7(**arguments | {"b": nothing}, state=state, scale=0.5)
    names = {"r": "q", "k": "k", "v": "v", "w": "log_decay"}
    renamed = {name: arguments[old] for old, name in names.items()}
    torch.testing.assert_close(results, gla(**renamed, state=state, scale=0.5))


def test_scale_applies_to_the_output_alone() -> None:
    """The state does not see it."""
    plain = case((1, 40, 1, 3, 3))
    output, state = plain.call()
    scaled, same = plain.call(scale=0.25)
    torch.testing.assert_close(scaled, 0.25 * output)
    assert torch.equal(same, state)


def test_the_fastest_slow_decay_loses_no_digits() -> None:
    """Every channel at the bound, where factors span e^-21 to e^21: float32 as ever."""
    arguments = slow((2, 150, 2, 8, 8))
    arguments.over_time["w"].fill_(-FASTEST)
    check_equals_loop(arguments, torch.float32)


def test_both_forms_agree() -> None:
    """One decay beyond the bound takes the whole call to the other form."""
    arguments: dict[str, Any] = slow((1, 100, 2, 8, 4)).over_time
    faster = arguments["w"].clone()
    faster[:, -1] = -1.001 * FASTEST
    here, there = wkv7(**arguments)[0], wkv7(**arguments | {"w": faster})[0]
    torch.testing.assert_close(here[:, :-1], there[:, :-1], rtol=1e-10, atol=1e-10)
