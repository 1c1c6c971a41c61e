"""The memory that training holds: bytes of weights, gradients and optimiser, counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TrainingBytes:
    """Bytes held between two steps, activations aside."""

    weights: int
    """Parameters and buffers, in the form in which they are kept."""
    grads: int
    """Gradients."""
    optimiser: int
    """The optimiser's tensors."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.grads + self.optimiser


def training_bytes(model: nn.Module, optimiser: torch.optim.Optimizer) -> TrainingBytes:
    """What is held after a backward and a step (before that, gradients and moments are absent)."""
    grads = (parameter.grad for parameter in model.parameters())
    moments = (value for state in optimiser.state.values() for value in state.values())
    return TrainingBytes(
        weights=_bytes([*model.parameters(), *model.buffers()]),
        grads=_bytes(grad for grad in grads if grad is not None),
        optimiser=_bytes(value for value in moments if isinstance(value, Tensor)),
    )


def _bytes(tensors: Iterable[Tensor]) -> int:
    """Tensors that share their memory count once."""
    return sum(
        {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values()
    )
