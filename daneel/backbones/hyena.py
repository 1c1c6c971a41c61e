"""The block of Hyena: gates around a long convolution; and the backbone of such blocks.

Poli et al., "Hyena Hierarchy" (2023, arXiv 2302.10866), order 2: three projections, each behind a
short convolution; y = out(a * filter(b * c)). The filter is as long as `memory` and made by a small
network (`hyena_filter.py`), so what is older is forgotten at once.

The state of the filter depends on how many steps it has seen: after another number of steps it has
other tensors. It can be selected from, repeated and saved like any other, but two states can be
joined only after equally many steps, and `lengths` needs a batch that begins without a state.
`windowed` gives the same map with a state of fixed shape, for graphs.

Legend: B batch, T time, D model width, W kernel width.
"""

from __future__ import annotations

from copy import deepcopy

from torch import Tensor, nn

from daneel.backbones.hyena_filter import HyenaFilter
from daneel.backbones.hyena_window import WindowedFilter
from daneel.backbones.mlp import MakeMLP, make_mlp
from daneel.backbones.padding import run_aligned
from daneel.backbones.protocol import State
from daneel.backbones.short_conv import ShortConv
from daneel.backbones.stack import Layer, Mixer, Stack, check_input, positive
from daneel.backbones.state import GROWS

_FILTER = "filter."


class HyenaMixer(Mixer):
    """`x [B, T, D]` to `y [B, T, D]`, state `conv [B, W - 1, 3 D]` and `filter.* [B, any, D]`.

    Args:
        dim: D.
        memory: Steps that the filter reaches back.
        width: W, steps of the short convolutions.

    Raises:
        ValueError: a size is below 1 (the width below 2).
    """

    def __init__(self, dim: int, memory: int = 8192, width: int = 3) -> None:
        """Torch's own initial weights, the filter's its own."""
        super().__init__()
        positive(memory=memory)
        self.inputs = nn.Linear(dim, 3 * dim)
        self.conv = ShortConv(3 * dim, width, activation=False)
        self.filter: nn.Module = HyenaFilter(dim, max_len=memory)
        self.out = nn.Linear(dim, dim)
        self.shapes = {"conv": self.conv.shape, _FILTER + "*": (GROWS, dim)}

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        """Definition 3.1 with N = 2, the gate in front as in the authors' code."""
        mixed, tail = self.conv(self.inputs(x), state["conv"], resets)
        a, b, c = mixed.chunk(3, -1)
        history = {k.removeprefix(_FILTER): v for k, v in state.items() if k.startswith(_FILTER)}
        y, history = self.filter(b * c, history, resets)
        return self.out(a * y), {"conv": tail, **{_FILTER + k: v for k, v in history.items()}}

    def windowed(self, length: int) -> HyenaMixer:
        """A copy whose filter is a `WindowedFilter` of this length."""
        copy = deepcopy(self)
        assert isinstance(copy.filter, HyenaFilter)
        short = WindowedFilter(copy.filter, length)
        copy.filter = short
        copy.shapes = {"conv": self.conv.shape, _FILTER + "window": short.shape}
        return copy


class HyenaBackbone(Stack):
    """Layers of Hyena and gated MLP.

    Args:
        dim: D.
        depth: Layers.
        memory: Steps that a filter reaches back.
        width: W.
        mlp: Makes the MLP of a layer; None is `GatedMLP`.
    """

    def __init__(
        self,
        dim: int,
        depth: int = 1,
        *,
        memory: int = 8192,
        width: int = 3,
        mlp: MakeMLP | None = None,
    ) -> None:
        """Builds the layers."""
        positive(dim=dim, depth=depth)
        mixers = [HyenaMixer(dim, memory, width) for _ in range(depth)]
        super().__init__(dim, [Layer(dim, mixer, make_mlp(dim, mlp)) for mixer in mixers])

    def windowed(self, length: int) -> Stack:
        """A copy whose state has tensors of fixed shape: each filter keeps its last inputs.

        Equal to this backbone for `length` steps of an episode, and for ever if `length` is
        `memory` or more. A step costs O(length), and the filters are frozen.

        Args:
            length: Inputs that a filter keeps, the current one included.

        Raises:
            ValueError: `length` is below 1.
        """
        layers = [deepcopy(layer) for layer in self.layers]
        for layer in layers:
            assert isinstance(layer, Layer) and isinstance(layer.mixer, HyenaMixer)
            layer.mixer = layer.mixer.windowed(length)
            layer.shapes = layer.mixer.shapes
        core = Stack(self.dim, layers)
        core.norm = deepcopy(self.norm)
        return core

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        resets: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """As any `Stack`.

        Raises:
            ValueError: also for `lengths` together with a state that has seen steps.
        """
        if lengths is None:
            return super().forward(x, state, resets)
        check_input(x, self.dim, resets)
        if state is not None and any(_FILTER in key for key in state):
            raise ValueError(
                f"lengths {lengths.tolist()} came with a state that has seen steps. Expected "
                "lengths with state=None, for rows of different ends cannot be joined. Run rows "
                "of different lengths one after the other."
            )
        return run_aligned(self, x, lengths, resets)
