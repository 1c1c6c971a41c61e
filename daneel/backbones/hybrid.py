"""Retention and Mamba layers in turn: a matrix memory with fixed decay, then a selective one.

Interleaving kinds of layers as Jamba does (Lieber et al. 2024, arXiv 2403.19887), with retention
(see `retention.py`) where Jamba has attention, so that the whole keeps a constant state.
"""

from __future__ import annotations

from torch import nn

from daneel.backbones.mamba import MambaBlock
from daneel.backbones.mlp import MakeMLP, make_mlp
from daneel.backbones.retention import RetNetRetention
from daneel.backbones.stack import Layer, Stack, positive


class HybridRetention(Stack):
    """Layers 0, 2, 4, ... are retention with a gated MLP, layers 1, 3, 5, ... are Mamba.

    Args:
        dim: D, a multiple of `heads`.
        depth: Layers of both kinds together; 2 and more to have both.
        heads: Of retention.
        expand: Inner channels of Mamba over D.
        state: Mamba's state width per channel.
        mlp: Makes the MLP behind retention; None is `GatedMLP`.
    """

    def __init__(
        self,
        dim: int,
        depth: int = 2,
        *,
        heads: int = 4,
        expand: int = 2,
        state: int = 16,
        mlp: MakeMLP | None = None,
    ) -> None:
        """Builds the layers."""
        positive(dim=dim, depth=depth)
        layers: list[nn.Module] = []
        for i in range(depth):
            if i % 2:
                layers.append(Layer(dim, MambaBlock(dim, expand, state)))
            else:
                layers.append(Layer(dim, RetNetRetention(dim, heads), make_mlp(dim, mlp)))
        super().__init__(dim, layers)
