"""The residual stack that every backbone is: x + mixer(norm(x)), then x + mlp(norm(x)).

Pre-normalisation as in Xiong et al. (2020, arXiv 2002.04745), with a last norm at the end. The
mixers move information along time and own all state; everything else works on single steps.

Legend: B batch, T time, D model width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from daneel.backbones.padding import run_padded
from daneel.backbones.protocol import Backbone, State
from daneel.backbones.state import Shapes, check_state, zeros


class Mixer(nn.Module):
    """A causal map of sequences with a state, one layer's part of a backbone."""

    shapes: Shapes
    """Of its state, without the batch axis."""

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        """Maps `x [B, T, D]` to `y [B, T, D]` and the state after the last step."""
        raise NotImplementedError


class Layer(nn.Module):
    """A mixer and, where the paper's block has one, an MLP, each behind a norm and a residual."""

    def __init__(self, dim: int, mixer: Mixer, mlp: nn.Module | None = None) -> None:
        """Keeps the parts; `mlp` maps `[..., D]` to `[..., D]`."""
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.mixer = mixer
        self.mlp_norm = None if mlp is None else nn.LayerNorm(dim)
        self.mlp = mlp
        self.shapes = mixer.shapes

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        """Maps `x [B, T, D]` to `y [B, T, D]` and the state after the last step."""
        y, state = self.mixer(self.norm(x), state, resets)
        x = x + y
        if self.mlp is not None and self.mlp_norm is not None:
            x = x + self.mlp(self.mlp_norm(x))
        return x, state


class Stack(Backbone):
    """Layers one after the other; their states are named `layer0.s`, `layer0.conv`, ...

    Args:
        dim: D, width of input and output.
        layers: Modules with `shapes` and the signature of `Layer.forward`, first to last.
    """

    def __init__(self, dim: int, layers: Sequence[nn.Module]) -> None:
        """Keeps the layers.

        Raises:
            ValueError: there is none.
        """
        super().__init__()
        if not layers:
            raise ValueError("depth is 0. Expected 1 or more layers. Set depth to 1 or more.")
        self.dim = dim
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(dim)
        self._shapes = {
            f"layer{i}.{key}": shape
            for i, layer in enumerate(layers)
            for key, shape in _shapes(layer).items()
        }

    def initial_state(
        self,
        batch: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> State:
        """Zeros on `device` (None: where the weights are).

        Float32, or float64 if the weights are or `dtype` asks for it; a narrower `dtype` is
        widened, for a state that is rounded at each step drifts.

        Raises:
            ValueError: `batch` is less than 1.
        """
        if batch < 1:
            raise ValueError(f"batch is {batch}. Expected 1 or more rows. Set batch to 1 or more.")
        weight = self.norm.weight
        double = torch.float64 in (weight.dtype, dtype)
        device = weight.device if device is None else device
        return zeros(self._shapes, batch, device, torch.float64 if double else torch.float32)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        resets: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Maps `x [B, T, D]` to `y [B, T, D]` and the state after the last step.

        Args:
            x: Inputs, finite.
            state: State before the first input; None is `initial_state`.
            resets: `[B, T]` bool, true where an episode begins: the state before that step counts
                as zero.
            lengths: `[B]`, how many first steps of each row are real. y is zero on the rest, and
                the state is the one after the last real step. One pass per distinct length.

        Raises:
            ValueError: an argument has a wrong shape, dtype or device, or x is not finite.
        """
        check_input(x, self.dim, resets)
        _check_recording(x)
        if lengths is not None:
            return run_padded(self, x, lengths, state, resets)
        if state is None:
            state = self.initial_state(len(x), x.device)
        else:
            check_state(self._shapes, state, len(x), x.device)
        x, parts = self.run(x, self._divided(state), resets)
        after = {f"layer{i}.{key}": v for i, part in enumerate(parts) for key, v in part.items()}
        return self.norm(x), after

    def _divided(self, state: State) -> list[State]:
        """The part of each layer, under the layer's own names."""
        parts: list[State] = [{} for _ in self.layers]
        for name, value in state.items():
            layer, key = name.split(".", 1)
            parts[int(layer.removeprefix("layer"))][key] = value
        return parts

    def run(
        self, x: Tensor, parts: list[State], resets: Tensor | None
    ) -> tuple[Tensor, list[State]]:
        """The layers in turn, each with its part of the state."""
        after = []
        for layer, part in zip(self.layers, parts, strict=True):
            x, part = layer(x, part, resets)
            after.append(part)
        return x, after


def check_input(x: Tensor, dim: int, resets: Tensor | None) -> None:
    """Refuses inputs that no backbone of width `dim` can read.

    Raises:
        ValueError: names the argument, its shape and the one expected.
    """
    if x.ndim != 3 or x.shape[2] != dim or 0 in x.shape:
        raise ValueError(
            f"x has shape {tuple(x.shape)}. Expected [B, T, {dim}] with at least one row and one "
            "step. Reshape x, or skip the call when there is no data."
        )
    if not x.dtype.is_floating_point:
        raise ValueError(f"x has dtype {x.dtype}. Expected floating point. Use x.float().")
    if resets is not None and (resets.shape != x.shape[:2] or resets.dtype != torch.bool):
        raise ValueError(
            f"resets has shape {tuple(resets.shape)} and dtype {resets.dtype}. Expected bool of "
            f"shape {tuple(x.shape[:2])} for x of shape {tuple(x.shape)}, true where an episode "
            "begins. Reshape it, or convert it with resets.bool()."
        )
    if resets is not None and resets.device != x.device:
        raise ValueError(
            f"resets (shape {tuple(resets.shape)}) is on {resets.device}, but x (shape "
            f"{tuple(x.shape)}) is on {x.device}. Expected one device. Use resets.to(x.device)."
        )
    _check_finite(x)


def positive(**sizes: int) -> None:
    """Refuses sizes below 1; the keywords are the options' names.

    Raises:
        ValueError: names the option and its value.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}. Expected 1 or more. Set {name} to 1 or more.")


def head_width(dim: int, heads: int, what: str = "dim") -> int:
    """How wide each of `heads` equal parts of `dim` is.

    Raises:
        ValueError: they do not divide it.
    """
    positive(**{what: dim}, heads=heads)
    if dim % heads:
        raise ValueError(
            f"{what} {dim} is not divisible by heads {heads}. Expected a multiple. Set heads to a "
            f"divisor of {dim}."
        )
    return dim // heads


def recorded() -> bool:
    """Whether a graph is being recorded, where values are unknown and must not be looked at."""
    return torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export()


def _check_recording(x: Tensor) -> None:
    """Refuses what `torch.export` cannot record: the hand-written backward of whole sequences."""
    if torch.compiler.is_exporting() and torch.is_grad_enabled() and x.shape[1] > 1:
        raise ValueError(
            f"torch.export is to record x of shape {tuple(x.shape)} with gradients. Expected one "
            "step, or no gradients. Call torch.export.export under torch.no_grad()."
        )


def _check_finite(x: Tensor) -> None:
    # Not on an accelerator either, where looking would stop the queue.
    if x.device.type != "cpu" or recorded():
        return
    # One sum is many times cheaper than isfinite, and enough unless the sum itself overflows.
    if bool(x.detach().sum().isfinite()) or bool(x.isfinite().all()):
        return
    bad = int((~x.isfinite()).sum())
    raise ValueError(
        f"x (shape {tuple(x.shape)}) holds {bad} values that are NaN or infinite. Expected finite "
        "values. Find where x became non-finite."
    )


def _shapes(layer: nn.Module) -> Shapes:
    shapes = layer.shapes
    assert isinstance(shapes, dict)
    return shapes
