"""The layers that `daneel bench backbones` runs: mixers alone, and torch's own beside them.

Legend: B batch, T time, D model width.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from daneel import backbones
from daneel.backbones import Backbone, State

SDPA, GRU = PEERS = ("torch SDPA", "nn.GRU")
BLOCK = 65_536
"""Most steps that are one pass."""


class Mixers(nn.Module):
    """The mixers of a backbone one after the other: `x [B, T, D]` and a state to the same."""

    def __init__(self, core: Backbone) -> None:
        """Keeps the backbone; one whose layers have no mixer of their own is run whole."""
        super().__init__()
        self.core = core
        layers = getattr(core, "layers", ())
        self.mixers = [getattr(layer, "mixer", None) for layer in layers]

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """What the mixers make of x."""
        if not self.mixers or None in self.mixers:
            return self.core(x, state)
        before = self.core.initial_state(len(x), x.device) if state is None else state
        after: State = {}
        for at, mixer in enumerate(self.mixers):
            assert mixer is not None
            prefix = f"layer{at}."
            names = [name for name in before if name.startswith(prefix)]
            x, part = mixer(x, {name.removeprefix(prefix): before[name] for name in names}, None)
            after |= {prefix + name: value for name, value in part.items()}
        return x, after


class SDPALayer(nn.Module):
    """Causal attention by torch, four heads, projections included."""

    def __init__(self, dim: int, heads: int = 4) -> None:
        """Projections without biases, as the backbones have them."""
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """`x [B, T, D]` to the same shape; there is no state to carry."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2)), {}


class GRULayer(nn.Module):
    """`nn.GRU`."""

    def __init__(self, dim: int) -> None:
        """One layer of width D."""
        super().__init__()
        self.gru = nn.GRU(dim, dim, batch_first=True)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """`x [B, T, D]` to the same shape, and the hidden vector."""
        y, hidden = self.gru(x, None if state is None else state["h"])
        return y, {"h": hidden}


def layers(names: Sequence[str], dim: int) -> dict[str, nn.Module]:
    """What is measured, by name, the peers first."""
    found: dict[str, nn.Module] = {SDPA: SDPALayer(dim), GRU: GRULayer(dim)}
    for name in names:
        depth = 2 if name == "hybrid" else 1  # one layer of each kind
        found[name] = Mixers(backbones.build(name, dim, depth))
    return found


def one_pass(module: nn.Module, x: Tensor) -> tuple[float, float]:
    """Seconds of a forward and of a backward pass.

    Beyond `BLOCK` steps both go block by block, the state carried and cut off between blocks: what
    a stream of that length needs, in the memory of a block.
    """
    forward, backward, state = 0.0, 0.0, None
    for block in x.split(BLOCK, dim=1):
        start = time.perf_counter()
        y, state = module(block.detach().requires_grad_(), state)
        middle = time.perf_counter()
        y.sum().backward()
        state = {name: value.detach() for name, value in state.items()}
        forward, backward = forward + middle - start, backward + time.perf_counter() - middle
    module.zero_grad(set_to_none=True)
    return forward, backward
