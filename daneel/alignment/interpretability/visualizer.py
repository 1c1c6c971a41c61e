"""Pictures of attention and retrieval over runs of any length: `AttentionVisualizer`.

Two sources. `watch(backbone)` hooks the attention layers of a backbone while it reads a stream
chunk by chunk, and traces some queries of every chunk against the cache that the layer carries.
`trace(queries, places, blocks)` traces queries against keys that come block by block from anywhere,
such as an index of a million keys; `retrieved` adds what an index said of its own answers.

Only sums, and the edges with the largest shares, are kept: memory does not grow with the run.

Legend: B batch, T time, S cached keys, H heads, D key width, L distance bins.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from daneel.alignment.interpretability.attention_html import page
from daneel.alignment.interpretability.attention_trace import BINS, AttentionTrace, Trace
from daneel.backbones.attention import CausalAttention
from daneel.backbones.rotary import angles, rotate
from daneel.errors import ConfigError

_BLOCK = 4096
"""Keys of a block: with 64 queries and 4 heads its scores are 4 MiB."""


def _keep(kept: dict[str, Tensor], _: nn.Module, __: object, output: Tensor) -> None:
    kept["qkv"] = output.detach()


@dataclass(frozen=True, order=True)
class Edge:
    """One look: a query's share in one key."""

    share: float
    """Of the softmax."""
    query: int
    """Place of the query."""
    key: int
    """Place of the key."""


@dataclass
class HeadRecord:
    """What is kept of one head: sums, and the strongest edges."""

    queries: int = 0
    """Queries traced."""
    entropy: float = 0.0
    """Sum of their entropies in bits."""
    distances: Tensor = field(default_factory=lambda: torch.zeros(BINS, dtype=torch.float64))
    """`[L]`, sum of their shares by distance."""
    edges: list[Edge] = field(default_factory=list)
    """A heap of the strongest edges, the weakest first."""

    def add(self, trace: Trace, head: int, keep: int) -> None:
        """Adds the queries of a trace, and keeps the `keep` strongest edges."""
        self.queries += len(trace.places)
        self.entropy += float(trace.entropy[:, head].sum())
        self.distances += trace.distances[:, head].sum(0).double()
        for query, keys, shares in zip(
            trace.places.tolist(),
            trace.edges[:, head].tolist(),
            trace.shares[:, head].tolist(),
            strict=True,
        ):
            for key, share in zip(keys, shares, strict=True):
                if key >= 0:
                    self._push(Edge(share, query, key), keep)

    def _push(self, edge: Edge, keep: int) -> None:
        if edge.key == edge.query:  # every head looks at its own place; that is no retrieval
            return
        if len(self.edges) < keep:
            heapq.heappush(self.edges, edge)
        elif edge > self.edges[0]:
            heapq.heapreplace(self.edges, edge)


@dataclass(frozen=True)
class Options:
    """How much of a run is traced and kept."""

    queries: int = 16
    """Queries traced of each chunk, evenly spaced."""
    edges: int = 4
    """Best keys of each query."""
    keep: int = 64
    """Strongest edges kept of each head, over the whole run."""

    def __post_init__(self) -> None:
        """Checks the sizes.

        Raises:
            ConfigError: one is below 1.
        """
        for name in ("queries", "edges", "keep"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}. Expected 1 or more. Raise it.")


class AttentionVisualizer:
    """Collects traces by layer and head, and writes them as one HTML file.

    Args:
        options: How much is traced and kept.
    """

    def __init__(self, options: Options | None = None) -> None:
        """Nothing seen yet."""
        self.options = options or Options()
        self.heads: dict[tuple[str, int], HeadRecord] = {}
        self.retrievals: dict[str, list[int | float]] = {}
        self.steps = 0

    def trace(
        self,
        name: str,
        queries: Tensor,
        places: Tensor,
        blocks: Iterable[tuple[int, Tensor]],
        *,
        scale: float | None = None,
        window: int | None = None,
    ) -> Trace:
        """Traces queries `[Q, H, D]` against blocks of `(place of the first, keys [N, H, D])`."""
        traced = AttentionTrace(
            queries, places, edges=self.options.edges, scale=scale, window=window
        )
        for start, keys in blocks:
            traced.add(keys, start)
        found = traced.finish()
        for head in range(queries.shape[1]):
            record = self.heads.setdefault((name, head), HeadRecord())
            record.add(found, head, self.options.keep)
        self.steps = max(self.steps, int(places.max()) + 1)
        return found

    def retrieved(self, name: str, exact: Tensor, missed: Tensor, read: Tensor, keys: int) -> None:
        """Adds what an index says of its answers (`TopKSparseAttention`'s `Decoded`).

        Args:
            name: Whose index.
            exact: Answers that are certain to be the best keys, boolean.
            missed: Share of the softmax in keys not seen.
            read: Keys scored.
            keys: Keys in the index.
        """
        kept = self.retrievals.setdefault(name, [0, 0, 0.0, 0, 0])
        news = (exact.numel(), int(exact.sum()), float(missed.sum()), int(read.sum()))
        for i, value in enumerate(news):
            kept[i] += value
        kept[4] = max(kept[4], keys)

    @contextmanager
    def watch(self, backbone: nn.Module) -> Iterator[None]:
        """Traces every attention layer of `backbone` while it runs, chunk after chunk, one row.

        Raises:
            ConfigError: it has no attention layer.
        """
        layers = {n: m for n, m in backbone.named_modules() if isinstance(m, CausalAttention)}
        if not layers:
            raise ConfigError(
                f"{type(backbone).__name__} has no attention layer. Expected CausalAttention "
                "inside. For linear backbones use state_attribution."
            )
        with ExitStack() as stack:
            for name, layer in layers.items():
                kept: dict[str, Tensor] = {}
                hooks = (
                    layer.qkv.register_forward_hook(partial(_keep, kept)),
                    layer.register_forward_hook(partial(self._seen, name, layer, kept)),
                )
                for hook in hooks:
                    stack.callback(hook.remove)
            yield

    @torch.no_grad()
    def _seen(
        self,
        name: str,
        layer: CausalAttention,
        kept: dict[str, Tensor],
        _: nn.Module,
        inputs: tuple[Any, ...],
        __: object,
    ) -> None:
        """Traces a few queries of a chunk of the first row."""
        qkv = kept["qkv"]
        state, resets = inputs[1], inputs[2] if len(inputs) > 2 else None
        if resets is not None:
            raise ConfigError(
                "The watched run has resets. Expected one episode. Watch episodes one by one."
            )
        q, k = qkv[:1].reshape(1, -1, 3, layer.heads, layer.key).unbind(2)[:2]
        cached = state["k"][:1]
        multiple, rest = state["position"][0].double().tolist()
        start = int(multiple * 2**20 + rest)
        places = start + torch.arange(q.shape[1])
        cos, sin = (a[None, :, None] for a in angles(places, layer.key, q.dtype))
        keys = torch.cat([cached.to(k.dtype), rotate(k, cos, sin)], 1)[0]
        chosen = torch.linspace(0, len(places) - 1, min(self.options.queries, len(places))).long()
        first = start - cached.shape[1]
        blocks = ((first + i, keys[i : i + _BLOCK]) for i in range(0, len(keys), _BLOCK))
        turned = rotate(q, cos, sin)[0]
        self.trace(name, turned[chosen], places[chosen], blocks, window=layer.window)
        self.steps = max(self.steps, int(places[-1]) + 1)

    def html(self, title: str = "Attention") -> str:
        """One self-contained page: inline SVG, no script, light and dark.

        Raises:
            ConfigError: nothing was traced.
        """
        if not self.heads:
            raise ConfigError("Nothing was traced. Expected a run. Use watch(...) or trace(...).")
        return page(title, self.steps, self.heads, self.retrievals)

    def save(self, path: str | Path, title: str = "Attention") -> Path:
        """Writes the page and returns its path."""
        path = Path(path)
        path.write_text(self.html(title), encoding="utf-8")
        return path
