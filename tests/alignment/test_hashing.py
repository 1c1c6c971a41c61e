"""The hash depends on everything that matters and on nothing else."""

from __future__ import annotations

import torch

from daneel.alignment import weights_hash

STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(1)}


def test_order_and_memory_layout_do_not_count() -> None:
    """Order and memory layout do not count."""
    transposed = STATE["a"].T.contiguous().T
    assert not transposed.is_contiguous()
    assert weights_hash({"b": STATE["b"], "a": transposed}) == weights_hash(STATE)


def test_names_values_shapes_and_dtypes_count() -> None:
    """Names values shapes and dtypes count."""
    one_ulp = STATE["a"].clone()
    one_ulp[1, 2] = torch.nextafter(one_ulp[1, 2], torch.tensor(9.0))
    others = [
        {"a": one_ulp, "b": STATE["b"]},
        {"a": STATE["a"].reshape(3, 2), "b": STATE["b"]},
        {"a": STATE["a"], "c": STATE["b"]},
        {"a": STATE["a"], "b": STATE["b"].int()},
        {"a": STATE["a"]},
        {},
    ]
    hashes = {weights_hash(state) for state in [STATE, *others]}
    assert len(hashes) == 1 + len(others)


def test_known_value() -> None:
    """Recorded hashes must stay valid: another algorithm needs a new version of gate.json."""
    digest = weights_hash({"w": torch.zeros(2), "n": torch.tensor(3, dtype=torch.bfloat16)})
    assert digest == "8cb11b5d5422ba7ce9037915b57357b47fbae20ab769ee6c6eb5282f858dc832"
