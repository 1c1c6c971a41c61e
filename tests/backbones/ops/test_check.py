"""Bad arguments are refused by name, with both shapes.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from daneel.backbones.ops import gated_delta_rule, gla, retention, ssd, wkv7


def zeros(*shape: int) -> Tensor:
    """Float32 zeros."""
    return torch.zeros(shape)


WIDE, RATE = (2, 5, 3, 4), (2, 5, 3)
ARGUMENTS: dict[str, tuple[Callable[..., Any], dict[str, Tensor]]] = {
    "retention": (retention, {n: zeros(*WIDE) for n in "qkv"} | {"log_decay": zeros(*RATE)}),
    "gla": (gla, {n: zeros(*WIDE) for n in ("q", "k", "v", "log_decay")}),
    "wkv7": (wkv7, {n: zeros(*WIDE) for n in "rwkvab"}),
    "delta": (
        gated_delta_rule,
        {n: zeros(*WIDE) for n in "qkv"} | {n: zeros(*RATE) for n in ("beta", "g")},
    ),
    "ssd": (
        ssd,
        {"x": zeros(*WIDE), "dt": zeros(*RATE), "A": zeros(3)}
        | {n: zeros(2, 5, 1, 6) for n in "BC"},
    ),
}
EVERY_ARGUMENT = [(op, name) for op, (_, arguments) in ARGUMENTS.items() for name in arguments]


def refusal(name: str, **changes: Any) -> str:
    """The message with which an operator refuses changed arguments."""
    operator, arguments = ARGUMENTS[name]
    with pytest.raises(ValueError) as caught:
        operator(**{**arguments, **changes})
    return str(caught.value)


@pytest.mark.parametrize(("operator", "argument"), EVERY_ARGUMENT)
def test_wrong_rank(operator: str, argument: str) -> None:
    """Named with its shape and the layout expected."""
    bad = ARGUMENTS[operator][1][argument][..., None, None]
    message = refusal(operator, **{argument: bad})
    assert message.startswith(f"{argument} has shape {tuple(bad.shape)}")


@pytest.mark.parametrize(("operator", "argument"), EVERY_ARGUMENT)
def test_not_a_number(operator: str, argument: str) -> None:
    """Named; one NaN or infinity is enough."""
    for value in (float("nan"), -float("inf")):
        bad = ARGUMENTS[operator][1][argument].clone()
        bad.view(-1)[-1] = value
        message = refusal(operator, **{argument: bad})
        assert message.startswith(f"{argument} (shape") and "holds 1 values" in message


@pytest.mark.parametrize(("operator", "argument"), EVERY_ARGUMENT)
def test_integers(operator: str, argument: str) -> None:
    """Refused rather than promoted."""
    bad = ARGUMENTS[operator][1][argument].long()
    assert "floating point" in refusal(operator, **{argument: bad})


@pytest.mark.parametrize("operator", ARGUMENTS)
@pytest.mark.parametrize("axis", [0, 1], ids=["batch", "time"])
def test_empty(operator: str, axis: int) -> None:
    """No rows and no steps are refused with the shape."""
    arguments = ARGUMENTS[operator][1]
    empty = {n: x.narrow(axis, 0, 0) for n, x in arguments.items() if x.ndim > 1}
    assert "is empty" in refusal(operator, **empty)


@pytest.mark.parametrize("operator", ARGUMENTS)
def test_state_of_another_batch(operator: str) -> None:
    """Named with its shape and that of the argument it disagrees with."""
    message = refusal(operator, state=zeros(7, 3, 4, 6 if operator == "ssd" else 4))
    assert message.startswith("state has shape (7, 3, 4,") and "(2, 5, 3, 4)" in message


@pytest.mark.parametrize("operator", ARGUMENTS)
def test_state_on_another_device(operator: str) -> None:
    """Refused before anything is computed."""
    state = torch.zeros(2, 3, 4, 6 if operator == "ssd" else 4, device="meta")
    message = refusal(operator, state=state)
    assert "is on meta" in message and "on cpu" in message


@pytest.mark.parametrize("operator", ARGUMENTS)
def test_resets(operator: str) -> None:
    """Bool of batch and time."""
    assert "resets has dtype" in refusal(operator, resets=zeros(2, 5))
    wrong = torch.zeros(2, 6, dtype=torch.bool)
    assert refusal(operator, resets=wrong).startswith("resets has shape (2, 6)")


@pytest.mark.parametrize(
    ("operator", "argument"),
    [("retention", "log_decay"), ("gla", "log_decay"), ("wkv7", "w"), ("delta", "g"), ("ssd", "A")],
)
def test_growing_state(operator: str, argument: str) -> None:
    """A positive log decay is refused with its largest value."""
    bad = ARGUMENTS[operator][1][argument] + 0.25
    message = refusal(operator, **{argument: bad})
    assert message.startswith(f"{argument} (shape") and "reaches 0.25" in message


def test_mismatched_heads_and_groups() -> None:
    """Both shapes are told."""
    message = refusal("gla", k=zeros(2, 5, 1, 4))
    assert "k has shape (2, 5, 1, 4)" in message and "q has shape (2, 5, 3, 4)" in message
    message = refusal("ssd", B=zeros(2, 5, 2, 6), C=zeros(2, 5, 2, 6))
    assert "groups to divide the heads" in message
    assert "dt (shape (2, 5, 3)) falls to -1" in refusal("ssd", dt=zeros(2, 5, 3) - 1)


def test_large_finite_values_pass() -> None:
    """A sum that overflows is not taken for an infinite value."""
    large = torch.full((1, 4, 1, 2), 3e38)
    assert torch.isinf(large.sum())  # what a check by the sum would see
    output, _ = retention(zeros(1, 4, 1, 2), large, zeros(1, 4, 1, 2))
    assert torch.equal(output, zeros(1, 4, 1, 2))
