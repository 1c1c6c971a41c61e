"""What queries look at among any number of keys, in the memory of one block of keys.

Exact: scores are made block by block, as in blockwise attention (Milakov, Gimelshein 2018, arXiv
1805.02867), and what is kept of each query is what can be kept on line: the largest score, the sum
of exponentials, their score-weighted sum (so, the entropy), the share at each distance in powers of
two, and the best k keys. Nothing grows with the number of keys.

Legend: Q queries, T keys, N keys of a block, H heads, D key width, K edges, L distance bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.errors import ConfigError

BINS = 41
"""L: bin 0 is the query's own place, bin i > 0 is distances from 2^(i-1) up to 2^i - 1."""


@dataclass(frozen=True)
class Trace:
    """Statistics of each query and head over all keys it sees."""

    places: Tensor
    """`[Q]`, where the queries stand."""
    edges: Tensor
    """`[Q, H, K]`, places of the keys with the largest shares, best first; -1 where fewer."""
    shares: Tensor
    """`[Q, H, K]`, their shares of the softmax; 0 where fewer."""
    entropy: Tensor
    """`[Q, H]`, in bits."""
    distances: Tensor
    """`[Q, H, L]`, share of the softmax in each distance bin; adds up to 1."""
    keys: int
    """Keys that went by."""


class AttentionTrace:
    """Takes the queries once and then the keys, block by block, in any order.

    Args:
        queries: `[Q, H, D]`, turned by their positions if the model does so.
        places: `[Q]` integers; a query sees keys at or before its place.
        edges: K, best keys kept for each query and head.
        scale: Factor of the scores, `D**-0.5` when left out.
        window: Steps that a query sees, itself included; None is all.

    Raises:
        ConfigError: shapes that do not fit, or no edge to keep.
    """

    def __init__(
        self,
        queries: Tensor,
        places: Tensor,
        *,
        edges: int = 8,
        scale: float | None = None,
        window: int | None = None,
    ) -> None:
        """No key seen yet."""
        if queries.ndim != 3 or places.shape != queries.shape[:1] or edges < 1:
            raise ConfigError(
                f"queries have shape {list(queries.shape)}, places {list(places.shape)}, edges is "
                f"{edges}. Expected [Q, H, D], [Q] and 1 or more. Reshape them."
            )
        count, heads, width = queries.shape
        self._q = (queries.float() * (width**-0.5 if scale is None else scale)).transpose(0, 1)
        self._places, self._window, self._keys = places.long(), window, 0
        self._high = torch.full((heads, count), -torch.inf)
        self._sum, self._weighted = torch.zeros(heads, count), torch.zeros(heads, count)
        self._bins = torch.zeros(heads, count, BINS)
        self._best = torch.full((heads, count, edges), -torch.inf)
        self._edges = torch.full((heads, count, edges), -1)

    @torch.no_grad()
    def add(self, keys: Tensor, start: int) -> None:
        """Shows every query the keys `[N, H, D]` at places `start`, `start + 1`, ..."""
        places = start + torch.arange(len(keys))
        back = self._places[:, None] - places  # [Q, N]
        seen = back >= 0
        if self._window is not None:
            seen &= back < self._window
        self._keys += len(keys)
        if not seen.any():
            return
        scores = self._q @ keys.float().permute(1, 2, 0)  # [H, Q, N]
        scores = scores.masked_fill(~seen, -torch.inf)
        self._add_shares(scores, back)
        best, at = torch.cat([self._best, scores], -1).topk(self._best.shape[-1], -1)
        known = torch.cat([self._edges, places.expand_as(scores)], -1)
        self._best, self._edges = best, known.gather(-1, at)

    def _add_shares(self, scores: Tensor, back: Tensor) -> None:
        """The on-line softmax: everything kept is relative to the largest score so far."""
        high = torch.maximum(self._high, scores.amax(-1))
        base = torch.where(high.isfinite(), high, torch.zeros_like(high))
        old = (self._high - base).exp()
        power = (scores - base[..., None]).exp()
        self._sum = self._sum * old + power.sum(-1)
        self._weighted = self._weighted * old + (power * scores.clamp(min=-1e30)).sum(-1)
        bins = _bins(back).expand_as(power)
        self._bins = (self._bins * old[..., None]).scatter_add(-1, bins, power)
        self._high = high

    def finish(self) -> Trace:
        """The statistics of what was seen so far.

        Raises:
            ConfigError: a query has seen no key.
        """
        if not bool((self._sum > 0).all()):
            raise ConfigError(
                "A query has seen no key. Expected at least its own. Add the block with its place."
            )
        log_sum = self._high + self._sum.log()
        entropy = (log_sum - self._weighted / self._sum) / torch.tensor(2.0).log()
        found = self._best.isfinite()
        return Trace(
            places=self._places,
            edges=self._edges.masked_fill(~found, -1).transpose(0, 1),
            shares=(self._best - log_sum[..., None]).exp().transpose(0, 1),
            entropy=entropy.clamp(min=0).T,
            distances=(self._bins / self._sum[..., None]).transpose(0, 1),
            keys=self._keys,
        )


def _bins(back: Tensor) -> Tensor:
    """The bin of each distance; the logarithm is exact at powers of two by `frexp`."""
    _, exponent = torch.frexp(back.clamp(min=0).double())
    return exponent.long().clamp(max=BINS - 1)
