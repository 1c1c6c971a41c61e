"""What every operator with a matrix state must do, as checks that their tests share.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

Operator = Callable[..., tuple[Tensor, Tensor]]
ROUNDING = {torch.float64: 1e-11, torch.float32: 2e-5, torch.bfloat16: 1e-2}
"""Largest relative error against the float64 loop, as a ratio of norms."""


@dataclass(frozen=True)
class Case:
    """Arguments of one call, by name; every tensor but the state and the weights is over time."""

    operator: Operator
    naive: Operator
    over_time: dict[str, Tensor]
    state: Tensor
    fixed: dict[str, Any]
    """Arguments without a time axis."""
    resets: Tensor | None = None

    def call(self, operator: Operator | None = None, /, **changes: Any) -> tuple[Tensor, Tensor]:
        """The operator's outputs."""
        arguments = {**self.over_time, **self.fixed, "state": self.state, "resets": self.resets}
        return (operator or self.operator)(**{**arguments, **changes})

    def to(self, dtype: torch.dtype) -> Case:
        """Every tensor in `dtype`; the state is never narrower than float32."""
        wide = torch.float32 if dtype == torch.bfloat16 else dtype
        return replace(
            self,
            over_time={name: x.to(dtype) for name, x in self.over_time.items()},
            fixed={n: x.to(dtype) if isinstance(x, Tensor) else x for n, x in self.fixed.items()},
            state=self.state.to(wide),
        )

    def steps(self, start: int, stop: int, state: Tensor) -> Case:
        """The same call on a part of the sequence."""
        over_time = {name: x[:, start:stop] for name, x in self.over_time.items()}
        resets = None if self.resets is None else self.resets[:, start:stop]
        return replace(self, over_time=over_time, resets=resets, state=state)

    @property
    def length(self) -> int:
        """T."""
        return next(iter(self.over_time.values())).shape[1]


def generator(seed: int = 0) -> torch.Generator:
    """A generator with this seed."""
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int) -> Tensor:
    """Standard normal values, float64."""
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


def unit(*shape: int, seed: int) -> Tensor:
    """Vectors of length 1 along the last axis."""
    return torch.nn.functional.normalize(normal(*shape, seed=seed), dim=-1)


def some_resets(batch: int, time: int, seed: int = 9) -> Tensor:
    """About one episode in eight steps."""
    return torch.rand(batch, time, generator=generator(seed)) < 0.125


def mixed_decay(log_decay: Tensor) -> Tensor:
    """Steps that keep everything, that forget at -40 and at -1e4, between ordinary ones."""
    log_decay = log_decay.clone()
    log_decay[:, ::3] = 0
    log_decay[:, 1::5] = -40
    log_decay[:, log_decay.shape[1] // 2] = -1e4
    return log_decay


def gradients(case: Case, operator: Operator) -> dict[str, Tensor]:
    """Outputs, and the gradient of a random function of them, by name, in float64."""
    leaves = {**case.over_time, **case.fixed, "state": case.state}
    leaves = {n: x.clone().requires_grad_() for n, x in leaves.items() if isinstance(x, Tensor)}
    output, state = case.call(operator, **leaves)
    weights = (normal(*output.shape, seed=77), normal(*state.shape, seed=78))
    loss = (output.double() * weights[0]).sum() + (state.double() * weights[1]).sum()
    found = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
    results = {f"d {name}": value for name, value in found.items()}
    return {n: x.detach().double() for n, x in (results | {"o": output, "s": state}).items()}


def check_equals_loop(case: Case, dtype: torch.dtype) -> None:
    """Values and gradients are the loop's, to the rounding of `dtype`."""
    case = case.to(dtype)
    fast, loop = gradients(case, case.operator), gradients(case, case.naive)
    # Rows whose true gradient is nearly zero are judged against the largest of their kind.
    largest = max(float(x.norm()) for name, x in loop.items() if name.startswith("d "))
    for name, expected in loop.items():
        size = max(float(expected.norm()), 1e-3 * largest)
        error = float((fast[name] - expected).norm()) / size
        assert error <= ROUNDING[dtype], f"{name}: relative error {error:.1e}"


def check_splits(case: Case, cuts: list[int]) -> None:
    """Parts with the state carried between them equal the whole, in value and gradient."""

    def parts(**arguments: Any) -> tuple[Tensor, Tensor]:
        names = {**case.over_time, **case.fixed}
        whole = replace(
            case,
            over_time={name: arguments[name] for name in case.over_time},
            fixed={name: arguments[name] for name in case.fixed},
        )
        assert set(arguments) == {*names, "state", "resets"}
        outputs, state = [], arguments["state"]
        for start, stop in zip([0, *cuts], [*cuts, case.length], strict=True):
            output, state = whole.steps(start, stop, state).call()
            outputs.append(output)
        return torch.cat(outputs, 1), state

    whole, pieces = gradients(case, case.operator), gradients(case, parts)
    for name, expected in whole.items():
        torch.testing.assert_close(pieces[name], expected, rtol=1e-9, atol=1e-9, msg=name)


def check_resets_are_new_sequences(case: Case) -> None:
    """A reset in all rows gives what two separate sequences give."""
    half = case.length // 2
    resets = torch.zeros(len(case.state), case.length, dtype=torch.bool)
    resets[:, half] = True
    output, state = replace(case, resets=resets).call()
    plain = replace(case, resets=None)
    first, _ = plain.steps(0, half, case.state).call()
    second, last = plain.steps(half, case.length, torch.zeros_like(case.state)).call()
    torch.testing.assert_close(output, torch.cat((first, second), 1))
    torch.testing.assert_close(state, last)


def check_causal(case: Case) -> None:
    """What comes later changes no earlier output, to the last bit."""
    step = case.length // 2
    before, _ = case.call()
    later = {name: x.clone() for name, x in case.over_time.items()}
    for x in later.values():
        x[:, step:] *= 0.5
    after, _ = case.call(**later)
    assert torch.equal(before[:, :step], after[:, :step])
    assert not torch.equal(before[:, step:], after[:, step:])


def check_rows_apart(case: Case) -> None:
    """The other rows of a batch change nothing."""
    together, _ = case.call()
    changed = {name: torch.cat((x[:1], 0.5 * x[1:])) for name, x in case.over_time.items()}
    assert torch.equal(case.call(**changed)[0][0], together[0])


def check_autocast(case: Case) -> None:
    """Under autocast the state stays float32 and the products are not narrowed."""
    case = case.to(torch.float32)
    plain = gradients(case, case.operator)
    with torch.autocast("cpu", torch.bfloat16):
        output, state = case.call()
        narrowed = gradients(case, case.operator)
    assert output.dtype == state.dtype == torch.float32
    for name, expected in plain.items():
        torch.testing.assert_close(narrowed[name], expected, rtol=1e-4, atol=1e-4, msg=name)


def check_no_second_derivative(case: Case) -> None:
    """A second derivative through the chunked form is refused, not wrong."""
    leaf = case.state.clone().requires_grad_()
    output, _ = case.call(state=leaf)
    (first,) = torch.autograd.grad(output.square().sum(), leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        first.sum().backward()
