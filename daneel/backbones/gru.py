"""GRU as a backbone: the classic recurrent core, exact but sequential.

Cho et al. (2014, arXiv 1406.1078) in the form of torch's fused kernel (cuDNN's: the reset gate
acts after the recurrent product). There is no parallel form, so its time grows with T on any
hardware; its state is the smallest of all.

    r, z = sigmoid(W x + U h)     n = tanh(W_n x + r (U_n h))     h = (1 - z) n + z h

Legend: B batch, T time, D model width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from daneel.backbones.mlp import MakeMLP, make_mlp
from daneel.backbones.ops.precision import no_autocast
from daneel.backbones.protocol import State
from daneel.backbones.stack import Layer, Mixer, Stack, positive
from daneel.backbones.state import wide


class GRUMixer(Mixer):
    """One GRU layer of width D; computes in float32, for its state is its only memory."""

    def __init__(self, dim: int) -> None:
        """Torch's own initial weights."""
        super().__init__()
        self.cell = nn.GRU(dim, dim, batch_first=True)
        self.shapes = {"h": (dim,)}

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        """Maps `x [B, T, D]`; runs from reset to reset, whichever rows begin there."""
        hidden, dtype = state["h"], x.dtype
        with no_autocast(x):
            x, outputs = wide(x), []
            for begin, end in _cuts(x.shape[1], resets):
                if resets is not None:
                    hidden = hidden.masked_fill(resets[:, begin, None], 0)
                y, hidden = self._run(x[:, begin:end], hidden)
                outputs.append(y)
            return torch.cat(outputs, 1).to(dtype), {"h": hidden}

    def _run(self, x: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        weights = [wide(weight) for weight in self.cell.all_weights[0]]
        hidden = hidden.to(x.dtype).unsqueeze(0)
        y, after = torch.gru(x, hidden, weights, True, 1, 0.0, self.training, False, True)
        return y, after[0]


def _cuts(steps: int, resets: Tensor | None) -> list[tuple[int, int]]:
    """Pieces of the sequence at whose first step some row begins an episode."""
    if resets is None or steps == 1:
        return [(0, steps)]
    starts = sorted({0, *resets.any(0).nonzero().flatten().tolist()})
    return list(zip(starts, [*starts[1:], steps], strict=True))


class GRUBackbone(Stack):
    """Layers of GRU and gated MLP.

    Args:
        dim: D, width of input, output and state.
        depth: Layers.
        mlp: Makes the MLP of a layer; None is `GatedMLP`.
    """

    def __init__(self, dim: int, depth: int = 1, *, mlp: MakeMLP | None = None) -> None:
        """Builds the layers."""
        positive(dim=dim, depth=depth)
        super().__init__(dim, [Layer(dim, GRUMixer(dim), make_mlp(dim, mlp)) for _ in range(depth)])
