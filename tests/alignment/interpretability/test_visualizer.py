"""Streamed statistics against the full matrix; watched layers; the page."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import torch

from daneel.alignment.interpretability import AttentionTrace, AttentionVisualizer, Options
from daneel.backbones import build
from daneel.errors import ConfigError


@pytest.mark.parametrize("window", [None, 7])
def test_streamed_statistics_equal_the_full_softmax(window: int | None) -> None:
    """Streamed statistics equal the full softmax."""
    g = torch.Generator().manual_seed(0)
    q, k = torch.randn(5, 2, 4, generator=g), torch.randn(40, 2, 4, generator=g)
    places = torch.tensor([3, 10, 11, 38, 39])
    trace = AttentionTrace(q, places, edges=3, window=window)
    for start in (16, 0, 33):  # any order, uneven blocks
        end = {16: 33, 0: 16, 33: 40}[start]
        trace.add(k[start:end], start)
    found = trace.finish()
    back = places[:, None] - torch.arange(40)
    seen = (back >= 0) & (back < (window or 40))
    scores = torch.einsum("qhd,nhd->qhn", q, k) / 2
    p = scores.masked_fill(~seen[:, None], -torch.inf).softmax(-1)
    best, at = p.topk(3, -1)
    torch.testing.assert_close(found.shares, best)
    assert bool((found.edges == at).all())
    entropy = -(p * p.clamp(min=1e-30).log2()).sum(-1)
    torch.testing.assert_close(found.entropy, entropy, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.distances.sum(-1), torch.ones(5, 2))
    near = p.gather(-1, places[:, None, None].expand(5, 2, 1))[..., 0]
    torch.testing.assert_close(found.distances[..., 0], near)


def test_a_watched_stream_equals_the_attention_of_one_pass() -> None:
    """A watched stream equals the attention of one pass."""
    torch.manual_seed(0)
    backbone = build("attention", 16, 2, heads=2)
    x = torch.randn(1, 24, 16)
    whole, parts = AttentionVisualizer(Options(queries=24)), AttentionVisualizer(Options(queries=8))
    with torch.no_grad(), whole.watch(backbone):
        backbone(x)
    state = None
    with torch.no_grad(), parts.watch(backbone):
        for piece in x.split(8, 1):
            _, state = backbone(piece, state)
    assert parts.steps == 24
    for name, record in whole.heads.items():
        other = parts.heads[name]
        assert other.queries == record.queries == 24
        torch.testing.assert_close(other.distances, record.distances, atol=1e-5, rtol=1e-4)
        assert {(e.query, e.key) for e in sorted(other.edges)[-9:]} == {
            (e.query, e.key) for e in sorted(record.edges)[-9:]
        }


def test_memory_does_not_grow_and_the_page_stands_alone(tmp_path: Path) -> None:
    """Memory does not grow and the page stands alone."""
    visualizer = AttentionVisualizer(Options(keep=5))
    g = torch.Generator().manual_seed(0)
    for place in range(0, 3000, 100):
        q = torch.randn(1, 2, 4, generator=g)
        blocks = [(0, torch.randn(place + 1, 2, 4, generator=g))]
        visualizer.trace("<b>", q, torch.tensor([place]), blocks)
    assert all(len(record.edges) == 5 for record in visualizer.heads.values())
    visualizer.retrieved("index", torch.tensor([True, False]), torch.rand(2), torch.ones(2), 3000)
    text = visualizer.save(tmp_path / "a.html", "Title & more").read_text()
    assert "&lt;b&gt;" in text and "Title &amp; more" in text and "prefers-color-scheme" in text
    assert "http" not in text and "<script" not in text
    svg = text[text.index("<svg") : text.index("</svg>") + 6]
    ElementTree.fromstring(svg)


def test_what_cannot_be_traced_is_refused() -> None:
    """What cannot be traced is refused."""
    with pytest.raises(ConfigError, match="no attention layer"):
        with AttentionVisualizer().watch(build("gru", 8)):
            pass
    with pytest.raises(ConfigError, match="Nothing was traced"):
        AttentionVisualizer().html()
    with pytest.raises(ConfigError, match="has seen no key"):
        AttentionTrace(torch.ones(1, 1, 2), torch.tensor([3])).finish()
