"""Attention and retrieval over a million tokens in bounded memory (T-10, `AttentionVisualizer`)."""

from __future__ import annotations

import torch

from daneel.alignment.interpretability import AttentionVisualizer
from daneel.backbones import TopKSparseAttention, build
from daneel.evaluation.bench.inside import Options, figure
from daneel.evaluation.evidence import Evidence

ROW = "T-10 long traces"
_BLOCK = 8192


def measure(options: Options) -> list[Evidence]:
    """A watched backbone that reads the tokens, and an index of as many keys with needles in it."""
    tokens = options.sized(2**20, 2**14)
    visualizer = AttentionVisualizer()
    kept = [_watch(visualizer, tokens // 2), _watch(visualizer, tokens)]
    found = _retrieve(visualizer, tokens, options.seed)
    options.work.mkdir(parents=True, exist_ok=True)
    page = visualizer.save(options.work / "attention.html", f"Attention over {tokens:,} tokens")
    return [
        figure(ROW, "tokens watched", "AttentionVisualizer", visualizer.steps, "tokens", 1_000_000),
        figure(ROW, "numbers kept, whole run over half of it", "AttentionVisualizer",
               kept[1] / kept[0], "x", 1, "lower", details={"kept": kept}),
        figure(ROW, "needles that are their query's strongest edge", "AttentionVisualizer",
               100 * found, "%", 100),
        figure(ROW, "size of the page", "AttentionVisualizer", page.stat().st_size / 2**20, "MiB"),
    ]  # fmt: skip


@torch.no_grad()
def _watch(visualizer: AttentionVisualizer, tokens: int) -> int:
    """Streams random inputs through windowed attention; returns how many numbers are kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = build("attention", 16, 1, heads=2, window=256)
    g, state = torch.Generator().manual_seed(0), None
    with visualizer.watch(backbone):
        for _ in range(0, tokens, _BLOCK):
            _, state = backbone(torch.randn(1, _BLOCK, 16, generator=g), state)
    return sum(3 * len(r.edges) + len(r.distances) + 2 for r in visualizer.heads.values())


@torch.no_grad()
def _retrieve(visualizer: AttentionVisualizer, tokens: int, seed: int) -> float:
    """Plants 16 needles among the keys, asks an index and the exact trace for them."""
    g, index = torch.Generator().manual_seed(seed), TopKSparseAttention()
    needles = torch.randint(tokens - 1, (16,), generator=g).unique()
    queries = torch.randn(len(needles), 1, 32, generator=g)

    def blocks():
        keys = torch.Generator().manual_seed(seed + 1)
        for start in range(0, tokens, _BLOCK):
            block = torch.randn(_BLOCK, 1, 32, generator=keys)
            here = (needles >= start) & (needles < start + _BLOCK)
            block[needles[here] - start] = 3 * queries[here]
            yield start, block

    for _, block in blocks():
        index.append(block[None], block[None])
    for query in queries:
        said = index.decode(query[None])
        visualizer.retrieved("top-k index", said.exact, said.missed, said.read, tokens)
    places = torch.full((len(needles),), tokens - 1)
    trace = visualizer.trace("retrieval", queries, places, blocks())
    return float((trace.edges[:, 0, 0] == needles).float().mean())
