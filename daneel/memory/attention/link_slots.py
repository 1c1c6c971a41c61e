"""`LinkSlotAttention`: attention to the few best of many remembered steps.

Queries come from the present steps, keys and values from slots written at earlier ones, as in the
memorizing transformer (Wu et al. 2022, arXiv 2203.08913), but the slots are differentiable, and
which steps are worth a slot is learned:

    score = q . k / sqrt(K) + log strength     weights = softmax over the top k scores and a sink
    y     = W_o sum of weights v               strength = sigmoid(w . x)

The sink stands for "nothing fits": empty slots give exactly zero. All S slots hold the strongest
steps of the whole past. The best S of a union are the best of both bests, so that writing step by
step or in pieces of any length gives the same slots; ties go to the older step.

Nothing is written by `forward`: it reads the slots it is given, and `write` returns new ones.

Legend: B batch, T time, D model width, H heads, K width of a head, S slots.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Slots(NamedTuple):
    """Remembered steps, the strongest first: plain tensors that can be a part of any state.

    All zero is empty, as a backbone's own initial state.
    """

    keys: Tensor
    """`[B, S, D]`."""

    values: Tensor
    """`[B, S, D]`."""

    strength: Tensor
    """`[B, S]` in [0, 1]; zero is an empty slot."""

    def detach(self) -> Slots:
        """The same slots, cut from the graph: truncated backpropagation."""
        return Slots(*(part.detach() for part in self))


class LinkSlotAttention(nn.Module):
    """Top-k attention over slots; the caller adds y to its residual stream.

    Args:
        dim: D, width of input and output.
        slots: S, how many steps are remembered.
        top_k: How many slots a head reads at each step.
        heads: H.
        decay: What the log of the strength loses each step. 0: the strongest stay for ever;
            above, old ones give way to new ones a little weaker.
    """

    def __init__(
        self, dim: int, slots: int, top_k: int = 8, heads: int = 1, decay: float = 0.0
    ) -> None:
        """Torch's own initial weights; all strengths begin at about one half.

        Raises:
            ValueError: A size is out of range.
        """
        super().__init__()
        _check_sizes(dim, slots, top_k, heads, decay)
        self.dim, self.slots, self.heads = dim, slots, heads
        self.top_k, self.decay = min(top_k, slots), decay
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.strength = nn.Linear(dim, 1)
        self.sink = nn.Parameter(torch.zeros(heads))
        self.out = nn.Linear(dim, dim, bias=False)

    def empty(self, batch: int, like: Tensor | None = None) -> Slots:
        """Slots without content for `batch` rows, of dtype and device of `like` (the weights')."""
        like = self.sink if like is None else like
        wide = like.new_zeros(batch, self.slots, self.dim)
        return Slots(wide, wide, like.new_zeros(batch, self.slots))

    def forward(self, x: Tensor, slots: Slots, resets: Tensor | None = None) -> Tensor:
        """What the steps `x [B, T, D]` read in `slots`: `[B, T, D]`.

        Args:
            x: Present steps.
            slots: What was written before the first of them.
            resets: `[B, T]` bool, true where an episode begins: from there on the slots count as
                empty.

        Raises:
            ValueError: A shape does not fit.
        """
        weights = self.weights(x, slots, resets)
        read = weights @ self._by_head(slots.values)  # [B, H, T, K]
        return self.out(read.transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, slots: Slots, resets: Tensor | None = None) -> Tensor:
        """How much each head reads of each slot: `[B, H, T, S]`, at most `top_k` above zero.

        Raises:
            ValueError: A shape does not fit.
        """
        self._check(x, slots, resets)
        queries, keys = self._by_head(self.query(x)), self._by_head(slots.keys)
        scores = queries @ keys.transpose(2, 3) / keys.shape[3] ** 0.5
        scores = scores + _log(slots.strength)[:, None, None]
        if resets is not None:
            begun = resets.cumsum(1) > 0
            scores = scores.masked_fill(begun[:, None, :, None], -torch.inf)
        best, places = scores.topk(self.top_k, -1)
        sink = self.sink[:, None, None].expand(*best.shape[:3], 1).to(best.dtype)
        shares = torch.cat([best, sink], -1).softmax(-1)[..., :-1]
        # Under autocast a softmax is wider than the scores.
        return torch.zeros_like(scores, dtype=shares.dtype).scatter(-1, places, shares)

    def write(self, x: Tensor, slots: Slots, resets: Tensor | None = None) -> Slots:
        """The strongest of `slots` and of the steps `x [B, T, D]`; neither is changed.

        Args:
            x: Steps to remember.
            slots: What was written before the first of them.
            resets: `[B, T]` bool, true where an episode begins: what came before is forgotten.

        Raises:
            ValueError: A shape does not fit.
        """
        self._check(x, slots, resets)
        new, old = self.strength(x).squeeze(-1).sigmoid(), slots.strength
        if resets is not None:
            following = resets.flip(1).cumsum(1).flip(1)  # resets at this step or later
            new = new.masked_fill((following - resets.long()) > 0, 0)
            old = old.masked_fill(following[:, :1] > 0, 0)
        if self.decay:
            ages = torch.arange(x.shape[1] - 1, -1, -1, device=x.device, dtype=x.dtype)
            new = new * (-self.decay * ages).exp()
            old = old * math.exp(-self.decay * x.shape[1])
        both = Slots(
            torch.cat([slots.keys, self.key(x)], 1),
            torch.cat([slots.values, self.value(x)], 1),
            torch.cat([old, new], 1),
        )
        return _strongest(both, self.slots)

    def unroll(
        self,
        x: Tensor,
        slots: Slots | None = None,
        resets: Tensor | None = None,
        piece: int = 32,
    ) -> tuple[Tensor, Slots]:
        """Reads and writes `x [B, T, D]` in pieces: y `[B, T, D]` and the slots at the end.

        The steps of a piece read what was written before it. Calls that are cut at multiples of
        `piece` therefore give the same as one call.

        Raises:
            ValueError: A shape does not fit, or `piece` is below 1.
        """
        if piece < 1:
            raise ValueError(f"piece is {piece}. Expected 1 or more steps.")
        slots, outputs = self.empty(len(x), x) if slots is None else slots, []
        for begin in range(0, x.shape[1], piece):
            part = x[:, begin : begin + piece]
            starts = None if resets is None else resets[:, begin : begin + piece]
            outputs.append(self(part, slots, starts))
            slots = self.write(part, slots, starts)
        return torch.cat(outputs, 1), slots

    def _by_head(self, x: Tensor) -> Tensor:
        """`[B, N, D]` to `[B, H, N, K]`."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def _check(self, x: Tensor, slots: Slots, resets: Tensor | None) -> None:
        if x.ndim != 3 or x.shape[2] != self.dim or 0 in x.shape:
            raise ValueError(
                f"x has shape {tuple(x.shape)}. Expected [B, T, {self.dim}] with at least one row "
                "and one step."
            )
        wanted = (len(x), self.slots, self.dim)
        if slots.keys.shape != wanted or slots.values.shape != wanted:
            raise ValueError(
                f"slots hold keys {tuple(slots.keys.shape)} and values "
                f"{tuple(slots.values.shape)}. Expected {wanted} for x of shape {tuple(x.shape)}. "
                "Use empty(batch) for new rows."
            )
        if resets is not None and (resets.shape != x.shape[:2] or resets.dtype != torch.bool):
            raise ValueError(
                f"resets has shape {tuple(resets.shape)} and dtype {resets.dtype}. Expected bool "
                f"of shape {tuple(x.shape[:2])}."
            )


def _strongest(slots: Slots, count: int) -> Slots:
    """The best `count`, strongest first, of equal ones the older."""
    order = slots.strength.sort(stable=True, dim=1, descending=True).indices[:, :count]
    strength = slots.strength.gather(1, order)
    wide = order[..., None].expand(-1, -1, slots.keys.shape[2])
    empty = (strength <= 0)[..., None]  # what was forgotten leaves nothing behind
    keys, values = (part.gather(1, wide).masked_fill(empty, 0) for part in slots[:2])
    return Slots(keys, values, strength)


def _log(strength: Tensor) -> Tensor:
    """Its logarithm, minus infinity for empty slots; without their infinite slope."""
    floor = torch.finfo(strength.dtype).tiny
    return strength.clamp_min(floor).log().masked_fill(strength <= 0, -torch.inf)


def _check_sizes(dim: int, slots: int, top_k: int, heads: int, decay: float) -> None:
    for name, size in {"dim": dim, "slots": slots, "top_k": top_k, "heads": heads}.items():
        if size < 1:
            raise ValueError(f"{name} is {size}. Expected 1 or more.")
    if dim % heads:
        raise ValueError(f"dim {dim} is not divisible by heads {heads}. Expected a multiple.")
    if not 0 <= decay < float("inf"):
        raise ValueError(f"decay is {decay}. Expected a finite number of at least 0.")
