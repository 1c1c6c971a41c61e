"""A router without parameters: the experts of a token are a hash of its id.

Roller, Sukhbaatar, Szlam, Weston (2021, arXiv 2106.04426). O(1) a token: one table look-up, or a
few integer operations. With `frequencies` the table is the paper's balanced assignment: ids in
falling frequency, each to the experts that have the least so far. What differs: K > 1 experts of
equal weight.

Legend: N tokens, E experts, K experts of each token, V ids, B batch, T time.
"""

from __future__ import annotations

import heapq

import torch
from torch import Tensor

from daneel.backbones.moe.router import Router, Routing

_MIX = ((31, 0x7FB5D329728EA185), (27, -0x7E25210B43D22BB3))
"""Shifts and odd multipliers of Stafford's Mix01 (2011), the second as a signed number."""


class HashRouter(Router):
    """Token ids to experts, fixed for ever.

    Ids are given with each call (`layer(x, tokens)`), or bound before it (`router.bind(tokens)`)
    when the layer is inside a model that does not pass them on.

    Args:
        experts: E.
        top_k: K, different experts of each id.
        frequencies: `[V]` how often each id occurs; balances the load for ids below V. None hashes
            any integer.
        seed: Of the hash; another seed is another assignment.

    Raises:
        ValueError: sizes out of range, or frequencies that are not `[V]` finite and >= 0.
    """

    table: Tensor | None

    def __init__(
        self, experts: int, top_k: int = 1, frequencies: Tensor | None = None, seed: int = 0
    ) -> None:
        """Fills the table, if there is one."""
        super().__init__(experts, top_k)
        self.seed = seed
        self._bound: Tensor | None = None
        table = None if frequencies is None else _balanced(frequencies, experts, top_k)
        self.register_buffer("table", table)

    def bind(self, tokens: Tensor | None) -> None:
        """Sets the ids `[B, T]` of the forwards to come that are not given any."""
        self._bound = tokens

    def route(self, x: Tensor, tokens: Tensor | None) -> Routing:
        """The experts of the ids `[N]`, each with weight 1 / K."""
        ids = self._ids(x, tokens)
        expert = self._hash(ids) if self.table is None else self.table[ids]
        weight = x.new_full(expert.shape, 1 / self.top_k)
        return Routing(expert, weight)

    def _ids(self, x: Tensor, tokens: Tensor | None) -> Tensor:
        tokens = self._bound if tokens is None else tokens
        if tokens is None:
            raise ValueError(
                "HashRouter got no token ids. Expected one id for each row of x. "
                "Call layer(x, tokens), or router.bind(tokens) before the model."
            )
        if tokens.is_floating_point() or tokens.numel() != len(x):
            raise ValueError(
                f"tokens is {tokens.dtype} {list(tokens.shape)} for {len(x)} rows of x. "
                "Expected integers, one for each row. Pass the ids of the same batch as x."
            )
        ids = tokens.reshape(-1).to(torch.int64)
        size = None if self.table is None else len(self.table)
        if size is not None and bool(((ids < 0) | (ids >= size)).any()):
            raise ValueError(
                f"tokens has ids from {int(ids.min())} to {int(ids.max())}. Expected 0 to "
                f"{size - 1}, the ids that `frequencies` covers. Build the router with all ids."
            )
        return ids

    def _hash(self, ids: Tensor) -> Tensor:
        """`[N]` to `[N, K]`: a first expert, and K - 1 others at hashed distances from it."""
        first = _mix(ids, self.seed) % self.experts
        if self.top_k == 1:
            return first[:, None]
        # Steps of one stride visit K different experts: K * stride never wraps onto the start.
        room = (self.experts - 1) // (self.top_k - 1)
        stride = 1 + _mix(ids, self.seed + 1) % room
        steps = torch.arange(self.top_k, device=ids.device)
        return (first[:, None] + stride[:, None] * steps) % self.experts


def _mix(ids: Tensor, seed: int) -> Tensor:
    """Non-negative well mixed integers; int64 products wrap, as the mixer wants."""
    h = ids * 2 + (2 * seed + 1)
    for shift, factor in _MIX:
        h = (h ^ (h >> shift)) * factor
    return (h ^ (h >> 33)) & 0x7FFFFFFFFFFFFFFF


def _balanced(frequencies: Tensor, experts: int, top_k: int) -> Tensor:
    """`[V, K]`: the most frequent ids first, each to the K experts with the least load."""
    ok = frequencies.dim() == 1 and len(frequencies) > 0 and bool(torch.isfinite(frequencies).all())
    if not ok or bool((frequencies < 0).any()):
        raise ValueError(
            f"frequencies has shape {list(frequencies.shape)} or entries that are negative or not "
            "finite. Expected [V], V >= 1, counts of ids. Use torch.bincount(ids, minlength=V)."
        )
    table = torch.empty(len(frequencies), top_k, dtype=torch.int64)
    heap = [(0.0, expert) for expert in range(experts)]
    for token in frequencies.argsort(descending=True, stable=True).tolist():
        least = [heapq.heappop(heap) for _ in range(top_k)]
        table[token] = torch.tensor([expert for _, expert in least])
        for load, expert in least:
            heapq.heappush(heap, (load + float(frequencies[token]), expert))
    return table
