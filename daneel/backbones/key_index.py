"""One decoding step of top-k attention over a long cache, without scoring every key.

`TopKSparseAttention` keeps the newest keys as they came and groups older ones, a segment at a time,
into lists with bounds (`key_lists.py`). A query opens the lists that may hold its best keys first,
most promising first, and stops when what it has not seen cannot matter; otherwise it looks at
everything. In the family of inverted-file search (Sivic and Zisserman 2003) and of Quest (Tang et
al. 2024, arXiv 2406.10774), whose pages have bounds but are not grouped by content.

Legend: B batch, H heads, R = B H rows, T cached keys, D key width, V value width, L lists.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from daneel.backbones.key_lists import Lists, seal
from daneel.backbones.ops import check

Certificate = Literal["bound", "estimate"]


@dataclass(frozen=True)
class Options:
    """How a cache is indexed and when its answer is good enough."""

    topk: int = 64
    """Keys that a query and head may use."""
    segment: int = 8192
    """Keys that are grouped at once; the newest, fewer than that, are always scored."""
    list_keys: int = 128
    """Keys of a list on average."""
    probe: int = 32
    """Lists opened first; four times as many at a second attempt."""
    tolerance: float = 1e-2
    """Share of the softmax that may lie in keys not seen."""
    certificate: Certificate = "estimate"
    """Whether that share is bounded for certain, or estimated from the variances of the lists."""
    fallback: bool = True
    """Whether a query whose share stays above the tolerance scores every key."""

    def __post_init__(self) -> None:
        """Refuses sizes below 1 and tolerances that are no share.

        Raises:
            ValueError: a field is out of its range.
        """
        for name in ("topk", "segment", "list_keys", "probe"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}. Expected 1 or more. Raise it.")
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance is {self.tolerance}. Expected 0 or more, below 1.")


class Decoded(NamedTuple):
    """The answer to one query, and how far it can be trusted."""

    output: Tensor
    """`[B, H, V]`, softmax over the best keys found."""
    exact: Tensor
    """`[B, H]`, true where no unseen key can be among the best: certain, whatever the options."""
    missed: Tensor
    """`[B, H]`, share of the whole softmax in keys not seen, at most or about (`certificate`)."""
    read: Tensor
    """`[B, H]`, keys that were scored."""


class TopKSparseAttention:
    """A cache of keys and values that answers queries by its best `topk` keys.

    Without `fallback` and with `tolerance` 0 the cost is bounded and `exact` says what it bought;
    with both at their defaults answers are right and the cost depends on how the keys cluster. No
    gradients: for training see `ops.topk_attention`.

    Args:
        options: How to index.
        scale: Factor of the scores, `D**-0.5` when left out.
    """

    def __init__(self, options: Options | None = None, scale: float | None = None) -> None:
        """An empty cache."""
        self.options = Options() if options is None else options
        self.scale = scale
        self._recent: tuple[Tensor, Tensor] | None = None
        self._filled = 0
        self._lists: Lists | None = None
        self._spare: Lists | None = None
        self._sealed = 0
        self._batch = (0, 0)

    def __len__(self) -> int:
        """T, cached keys of each row."""
        return self._sealed + self._filled

    @torch.no_grad()
    def append(self, k: Tensor, v: Tensor) -> None:
        """Adds `k [B, n, H, D]` and `v [B, n, H, V]`, the next n of every row.

        Raises:
            ValueError: shapes, devices or values that do not fit; the message says which.
        """
        axes = check.Axes()
        axes.take("k", k, "BTHD")
        axes.take("v", v, "BTHV")
        check.check_finite(k=k, v=v)
        self._same_rows("k", k)
        self._batch = (k.shape[0], k.shape[2])
        keys, values = (x.transpose(1, 2).flatten(0, 1) for x in (k, v))
        while keys.shape[1]:
            taken = self._write(keys, values)
            keys, values = keys[:, taken:], values[:, taken:]

    @torch.no_grad()
    def decode(self, q: Tensor) -> Decoded:
        """Answers `q [B, H, D]`, which sees every cached key.

        Raises:
            ValueError: nothing is cached, or `q` does not fit the cache.
        """
        if not len(self):
            raise ValueError("The cache is empty. Expected keys to attend to. Call append first.")
        axes = check.Axes()
        axes.take("q", q, "BHD")
        check.check_finite(q=q)
        self._same_rows("q", q[:, None])
        scale = q.shape[-1] ** -0.5 if self.scale is None else self.scale
        rows = [self._row(row, query * scale) for row, query in enumerate(q.flatten(0, 1))]
        output, exact, missed, read = zip(*rows, strict=True)
        figures = (
            torch.tensor(x, device=q.device).view(self._batch) for x in (exact, missed, read)
        )
        return Decoded(torch.stack(output).view(*self._batch, -1), *figures)

    def _row(self, row: int, q: Tensor) -> tuple[Tensor, bool, float, int]:
        """Output `[V]` of one row, whether exact, share missed and keys read."""
        assert self._recent is not None
        seen = self._recent[0][row, : self._filled] @ q
        places = torch.arange(self._sealed, len(self), device=q.device)
        if self._lists is None:
            return self._answer(row, seen, places, True, 0.0)
        outlook = _Outlook(self._lists, row, q, self.options.certificate)
        for attempt in (1, 4):
            opened = outlook.open(attempt * self.options.probe)
            scores = torch.cat([seen, self._lists.keys[row].index_select(0, opened) @ q])
            exact, missed = outlook.unseen(scores, self.options.topk)
            if exact or missed <= self.options.tolerance:
                return self._answer(row, scores, torch.cat([places, opened]), exact, missed)
        if self.options.fallback:
            scores = torch.cat([self._lists.keys[row] @ q, seen])
            return self._answer(row, scores, torch.arange(len(self), device=q.device), True, 0.0)
        return self._answer(row, scores, torch.cat([places, opened]), exact, missed)

    def _answer(
        self, row: int, scores: Tensor, places: Tensor, exact: bool, missed: float
    ) -> tuple[Tensor, bool, float, int]:
        assert self._recent is not None
        best, chosen = scores.topk(min(self.options.topk, len(scores)))
        chosen, recent = places[chosen], self._recent[1][row]
        values = recent[(chosen - self._sealed).clamp(min=0)]
        if self._lists is not None:
            old = self._lists.values[row][chosen.clamp(max=self._sealed - 1)]
            values = torch.where((chosen < self._sealed)[:, None], old, values)
        return best.softmax(0) @ values, exact, missed, len(scores)

    def _write(self, keys: Tensor, values: Tensor) -> int:
        """Writes what fits of `keys [R, n, D]`; a segment that is full is grouped at once."""
        size = self.options.segment
        if self._recent is None:
            new = (x.new_empty(len(x), size, x.shape[-1]) for x in (keys, values))
            self._recent = next(new), next(new)
        taken = min(size - self._filled, keys.shape[1])
        for buffer, x in zip(self._recent, (keys, values), strict=True):
            buffer[:, self._filled : self._filled + taken] = x[:, :taken]
        self._filled += taken
        if self._filled == size:
            self._grow(seal(*self._recent, max(1, size // self.options.list_keys)))
            self._sealed, self._filled = self._sealed + size, 0
        return taken

    def _grow(self, new: Lists) -> None:
        """Appends to buffers that double, so that a key is copied a constant number of times."""
        count = 0 if self._lists is None else self._lists.keys.shape[1]
        merged, spare = {}, {}
        for field in fields(Lists):
            part = getattr(new, field.name)
            used = count * part.shape[1] // new.keys.shape[1]
            room = None if self._spare is None else getattr(self._spare, field.name)
            if room is None or room.shape[1] < used + part.shape[1]:
                larger = part.new_empty(len(part), 2 * (used + part.shape[1]), *part.shape[2:])
                if room is not None:
                    larger[:, :used] = room[:, :used]
                room = larger
            room[:, used : used + part.shape[1]] = part
            spare[field.name], merged[field.name] = room, room[:, : used + part.shape[1]]
        self._lists, self._spare = Lists(**merged), Lists(**spare)

    def _same_rows(self, name: str, x: Tensor) -> None:
        """Refuses `x [B, n, H, D]` of other rows or another width than the cache."""
        if self._recent is None:
            return
        keys = self._recent[0]
        if (x.shape[0], x.shape[2], x.shape[3]) != (*self._batch, keys.shape[-1]):
            raise ValueError(
                f"{name} has shape {tuple(x.shape)} with time in the second place, and the cache "
                f"holds {self._batch[0]} rows of {self._batch[1]} heads of width {keys.shape[-1]}. "
                f"Expected the same. Pass {name} of the sequence that was appended."
            )


class _Outlook:
    """What the lists of one row promise one query, best first."""

    def __init__(self, lists: Lists, row: int, q: Tensor, certificate: Certificate) -> None:
        self.sizes = lists.sizes[row]
        self.starts = self.sizes.cumsum(0) - self.sizes
        middle = lists.centres[row] @ q
        bound = middle + q.norm() * lists.radii[row]
        self.bound = bound.masked_fill(self.sizes == 0, -torch.inf)
        rise = 0.5 * (lists.variances[row] @ q.square()) if certificate == "estimate" else None
        level = self.bound if rise is None else torch.minimum(middle + rise, self.bound)
        self.mass = level + self.sizes.to(q.dtype).log()
        self.order = self.bound.argsort(descending=True)
        self.opened = 0

    def open(self, count: int) -> Tensor:
        """Places of all keys in the `count` most promising lists."""
        best = self.order[:count]
        self.opened = len(best)
        sizes = self.sizes[best]
        shift = self.starts[best] - (sizes.cumsum(0) - sizes)
        return torch.arange(int(sizes.sum()), device=sizes.device) + shift.repeat_interleave(sizes)

    def unseen(self, scores: Tensor, topk: int) -> tuple[bool, float]:
        """Whether the other lists hold none of the best keys, and what share they hold."""
        rest = self.order[self.opened :]
        if not len(rest):
            return True, 0.0
        enough = len(scores) >= topk
        exact = enough and bool(scores.topk(topk)[0][-1] >= self.bound[rest[0]])
        return exact, float(torch.sigmoid(self.mass[rest].logsumexp(0) - scores.logsumexp(0)))
