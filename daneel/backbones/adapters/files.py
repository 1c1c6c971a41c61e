"""Adapters on disk: the learned numbers alone, as safetensors."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from daneel.backbones.adapters.lora import LoRALinear
from daneel.errors import CheckpointError

FORMAT = "daneel.lora.1"


def save(model: nn.Module, path: str | Path) -> None:
    """Writes every update of `model`, and everything else of it that learns.

    Raises:
        ValueError: the model has no adapted layer.
    """
    _layers(model)
    tensors = {name: tensor.detach().contiguous() for name, tensor in _learned(model).items()}
    save_file(tensors, path, {"format": FORMAT})


@torch.no_grad()
def load(model: nn.Module, path: str | Path) -> None:
    """Sets the updates of `model`, which was adapted as the saved one was.

    Raises:
        CheckpointError: the file is none of `save`, or of another model or rank.
        ValueError: the model has no adapted layer.
    """
    _layers(model)
    found, expected = _read(path), _learned(model)
    sizes = {name: list(tensor.shape) for name, tensor in found.items()}
    wanted = {name: list(tensor.shape) for name, tensor in expected.items()}
    if sizes != wanted:
        name = sorted(n for n in sizes.keys() | wanted.keys() if sizes.get(n) != wanted.get(n))[0]
        raise CheckpointError(
            f"{path} has {name} of shape {sizes.get(name)}, the model {wanted.get(name)}. "
            "Expected the same adapted layers and rank. "
            "Apply the adapters as they were when the file was saved, then load."
        )
    for name, tensor in expected.items():
        tensor.copy_(found[name])


def _read(path: str | Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as file:
            kind = (file.metadata() or {}).get("format")
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} cannot be read: {error}. Expected a file that adapters.save wrote. "
            "Look whether the path is right and the file whole."
        ) from error
    if kind != FORMAT:
        raise CheckpointError(
            f"{path} has the format {kind!r}. Expected {FORMAT!r}. "
            "Load whole models with the function that saved them."
        )
    return tensors


def _learned(model: nn.Module) -> dict[str, Tensor]:
    """Updates and other learned parameters by name."""
    updates = {
        f"{name}.{part}"
        for name, layer in model.named_modules()
        if isinstance(layer, LoRALinear)
        for part in ("down", "up")
    }
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if name in updates or parameter.requires_grad
    }


def _layers(model: nn.Module) -> list[LoRALinear]:
    layers = [layer for layer in model.modules() if isinstance(layer, LoRALinear)]
    if not layers:
        raise ValueError(
            f"The {type(model).__name__} has no adapted layer. Expected one or more. "
            "Call apply_lora or apply_quant_lora on it first."
        )
    return layers
