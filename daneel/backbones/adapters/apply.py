"""Puts adapters on the linear layers of a model, and takes them off again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import torch
from torch import nn

from daneel.backbones.adapters.lora import LoRALinear
from daneel.backbones.adapters.quant_linear import QuantLinear


def apply_lora(
    model: nn.Module,
    rank: int = 8,
    alpha: float = 16.0,
    *,
    targets: str = "",
    freeze_rest: bool = True,
    generator: torch.Generator | None = None,
) -> list[str]:
    """Replaces linear layers inside `model`, in place, by themselves with a low-rank update.

    Args:
        model: Any model; it may not itself be the linear layer.
        rank: r, cut to the layer's smaller side.
        alpha: Scale of the updates, in units of r.
        targets: Regular expression that a layer's name must contain a match of; "" is all.
        freeze_rest: Whether everything else stops learning as well.
        generator: Draws the updates; None uses torch's.

    Returns:
        The names of the adapted layers.

    Raises:
        ValueError: no linear layer matches.
    """
    return _apply(model, rank, alpha, targets, freeze_rest, generator, lambda linear: linear)


def apply_quant_lora(
    model: nn.Module,
    rank: int = 8,
    alpha: float = 16.0,
    *,
    targets: str = "",
    freeze_rest: bool = True,
    generator: torch.Generator | None = None,
) -> list[str]:
    """As `apply_lora`, with the base weights packed in NF4 (QLoRA, arXiv 2305.14314)."""
    return _apply(model, rank, alpha, targets, freeze_rest, generator, QuantLinear)


def merge(model: nn.Module) -> list[str]:
    """Replaces every adapted layer by the plain `nn.Linear` that computes the same.

    The model is what `apply_lora` found, with other weights; it stays frozen where it was.

    Returns:
        The names of the merged layers.
    """
    done: dict[LoRALinear, nn.Module] = {}
    names = []
    for parent, key, name, layer in _children(model):
        if isinstance(layer, LoRALinear):
            setattr(parent, key, done.setdefault(layer, layer.merged()))
            names.append(name)
    return names


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that learn, for an optimiser."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _apply(
    model: nn.Module,
    rank: int,
    alpha: float,
    targets: str,
    freeze_rest: bool,
    generator: torch.Generator | None,
    pack: Callable[[nn.Linear], nn.Linear | QuantLinear],
) -> list[str]:
    found = [
        (parent, key, name, layer)
        for parent, key, name, layer in _children(model)
        if isinstance(layer, nn.Linear) and re.search(targets, name)
    ]
    if not found:
        raise ValueError(
            f"No linear layer of the {type(model).__name__} matches {targets!r}. Expected at "
            "least one. Print [name for name, _ in model.named_modules()] to see the names."
        )
    if freeze_rest:
        model.requires_grad_(False)
    done: dict[nn.Linear, LoRALinear] = {}
    for parent, key, _, layer in found:
        if layer not in done:  # a layer that is used in two places is adapted once
            low = min(rank, layer.in_features, layer.out_features)
            done[layer] = LoRALinear(pack(layer), low, alpha * low / rank, generator)
        setattr(parent, key, done[layer])
    return [name for _, _, name, _ in found]


def _children(model: nn.Module) -> Iterator[tuple[nn.Module, str, str, nn.Module]]:
    """Parent, key, full name and module of every child that is not inside an adapted layer."""
    for prefix, parent in list(model.named_modules()):
        if isinstance(parent, LoRALinear):
            continue
        for key, child in list(parent._modules.items()):
            if child is not None:
                yield parent, key, f"{prefix}.{key}" if prefix else key, child
