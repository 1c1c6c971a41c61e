"""One step of a backbone as an ONNX graph, for control without torch.

Inputs: `x [B, 1, D]` and the state's tensors under their own names. Outputs: `y [B, 1, D]` and the
next state's tensors, named `next.` + name. The batch axis is free unless a fixed one is asked for.
`onnxruntime` runs the graph; feed each `next.` output back as the input of that name, and begin an
episode with zeros (the cache of attention: with none).

The state of `hyena` changes shape from step to step, as its tiles fill. Its graph keeps the last
`window` inputs of every filter instead: the same outputs for that many steps of an episode, and for
ever with a window as long as the filter's memory; later ones miss what is older than the window. A
step then costs O(window D) where the tiles cost O(log^2) on average. Its first state is that of
`backbone.windowed(window).initial_state(batch)`.

Legend: B batch, D model width.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from daneel.backbones.hyena import HyenaBackbone
from daneel.backbones.protocol import Backbone, State
from daneel.backbones.state import wide

NEXT = "next."
"""Prefix of the outputs that carry the next state."""

_OPSET = 17


def export_step(
    backbone: Backbone, path: str | Path, batch: int | None = None, window: int | None = None
) -> list[str]:
    """Writes the step of `backbone` to `path`.

    Args:
        backbone: Float32; it is put into evaluation mode.
        path: File to write, `.onnx`.
        batch: Rows of the graph; None leaves them free.
        window: For `hyena`, and needed there: inputs that each filter keeps.

    Returns:
        Names of the state's tensors.

    Raises:
        ValueError: the backbone is not float32, `batch` or `window` is below 1, or `window` is
            missing for hyena or given for another backbone.
    """
    if batch is not None and batch < 1:
        raise ValueError(f"batch is {batch}. Expected None, or 1 or more. Set batch to None.")
    backbone = _fixed(backbone, window).eval()
    x, state = _example(backbone, batch or 2)
    names = list(state)
    assert names == list(backbone.initial_state(1)), names
    outputs = [NEXT + name for name in names]
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter that traces needs no other package, and says that a newer one exists.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Step(backbone, names),
            (x, *state.values()),
            str(path),
            input_names=["x", *names],
            output_names=["y", *outputs],
            dynamic_axes=_free_axes(backbone, names, batch),
            opset_version=_OPSET,
            dynamo=False,
        )
    return names


def _fixed(backbone: Backbone, window: int | None) -> Backbone:
    """A backbone with the same tensors in its state at every step, as a graph needs."""
    if not isinstance(backbone, HyenaBackbone):
        if window is None:
            return backbone
        raise ValueError(
            f"window is {window} for {type(backbone).__name__}. Expected None: only hyena has one. "
            "Leave window out."
        )
    if window is None:
        raise ValueError(
            "window is None for hyena, whose state has other tensors from step to step. Expected "
            "how many inputs its filters keep. Set window to its memory (8192 unless changed)."
        )
    return backbone.windowed(window)


class _Step(nn.Module):
    """A backbone with its state as positional tensors."""

    def __init__(self, backbone: Backbone, names: list[str]) -> None:
        super().__init__()
        self.backbone, self.names = backbone, names

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        y, after = self.backbone(x, dict(zip(self.names, state, strict=True)))
        return y, *(after[name] for name in self.names)


def _example(backbone: Backbone, batch: int) -> tuple[Tensor, State]:
    """Inputs to trace with: a state that has seen some steps, so that no axis is empty."""
    weight = next(backbone.parameters(), torch.zeros(()))
    if weight.dtype != torch.float32:
        raise ValueError(
            f"The backbone's weights are {weight.dtype}. Expected torch.float32. Use "
            "backbone.float()."
        )
    with torch.no_grad():
        past = torch.zeros(batch, 3, backbone.dim, device=weight.device)
        _, state = backbone(past)
    return wide(past[:, :1]), state


def _free_axes(
    backbone: Backbone, names: list[str], batch: int | None
) -> dict[str, dict[int, str]]:
    """Axes whose size the graph leaves open: the batch, and those that grow."""
    start = backbone.initial_state(1)
    axes: dict[str, dict[int, str]] = {name: {} for name in ("x", "y")}
    for name in names:
        grows = start[name].ndim > 1 and start[name].shape[1] == 0
        axes[name] = {1: "steps"} if grows else {}
        axes[NEXT + name] = {1: "steps_after"} if grows else {}
    if batch is None:
        for free in axes.values():
            free[0] = "batch"
    return axes
