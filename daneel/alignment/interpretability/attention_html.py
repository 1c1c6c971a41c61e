"""The page of `AttentionVisualizer`: one card a head, drawn as inline SVG.

Above, arcs from keys to queries along the run, thicker and darker with their share; below, the
share of attention by distance in powers of two. Colours follow the reader's light or dark setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Protocol

from torch import Tensor

_WIDTH, _ARCS, _BARS = 460, 96, 70
_CSS = """
:root { color-scheme: light dark; --page: #f6f6f4; --card: #fff; --ink: #23221f; --soft: #6a6862;
  --line: #e3e2de; --accent: #0b6e99; }
@media (prefers-color-scheme: dark) { :root { --page: #151514; --card: #1e1e1c; --ink: #ecebe6;
  --soft: #a3a199; --line: #34332f; --accent: #5fb8de; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { font-size: 26px; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 14px; margin: 0 0 2px; overflow-wrap: anywhere; }
p { margin: 0 0 12px; color: var(--soft); font-size: 13.5px; }
.cards { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px; min-width: 0; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
.axis { stroke: var(--line); } .arc { fill: none; stroke: var(--accent); }
.bar { fill: var(--accent); }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; margin-bottom: 16px; }
th, td { text-align: right; padding: 4px 8px; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 600; }
"""


class _Edge(Protocol):
    @property
    def share(self) -> float: ...
    @property
    def query(self) -> int: ...
    @property
    def key(self) -> int: ...


class _Head(Protocol):
    @property
    def queries(self) -> int: ...
    @property
    def entropy(self) -> float: ...
    @property
    def distances(self) -> Tensor: ...
    @property
    def edges(self) -> Sequence[_Edge]: ...


def page(
    title: str,
    steps: int,
    heads: Mapping[tuple[str, int], _Head],
    retrievals: Mapping[str, Sequence[int | float]],
) -> str:
    """The whole file.

    Args:
        title: Its heading.
        steps: Length of the run.
        heads: Record of each layer and head.
        retrievals: Of each index: answers, exact ones, sum of missed shares, keys read, keys held.
    """
    cards = "".join(_card(name, head, steps, record) for (name, head), record in heads.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_CSS}</style></head><body><main>"
        f"<h1>{escape(title)}</h1><p>{steps:,} steps, {len(heads)} heads. Arcs: the strongest "
        "looks from a query back to a key. "
        "Bars: share of attention by distance, in powers of two.</p>"
        f'{_retrieval_table(retrievals)}<div class="cards">{cards}</div></main></body></html>\n'
    )


def _card(name: str, head: int, steps: int, record: _Head) -> str:
    count = max(record.queries, 1)
    return (
        f"<section><h2>{escape(name)} head {head}</h2><p>{record.queries:,} queries, entropy "
        f"{record.entropy / count:.2f} bits</p>{_arcs(record.edges, steps)}"
        f"{_bars((record.distances / count).tolist())}</section>"
    )


def _arcs(edges: Sequence[_Edge], steps: int) -> str:
    drawn = []
    for edge in sorted(edges, key=lambda e: e.share):
        left, right = (
            4 + (_WIDTH - 8) * place / max(steps - 1, 1) for place in (edge.key, edge.query)
        )
        # Nearby looks of a long run would have no width: the arc is at least a hairline high.
        top = _ARCS - max(6.0, min(_ARCS - 6.0, (right - left) / 2))
        drawn.append(
            f'<path class="arc" stroke-width="{0.5 + 2 * edge.share:.2f}" '
            f'opacity="{0.15 + 0.85 * edge.share:.2f}" d="M{left:.1f} {_ARCS} Q'
            f'{(left + right) / 2:.1f} {2 * top - _ARCS:.1f} {right:.1f} {_ARCS}"><title>'
            f"{edge.query:,} looks at {edge.key:,}: {100 * edge.share:.1f} %</title></path>"
        )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_ARCS + 18}" role="img" aria-label="strongest edges">'
        f'{"".join(drawn)}<line class="axis" x1="0" x2="{_WIDTH}" y1="{_ARCS}" y2="{_ARCS}"/>'
        f'<text x="0" y="{_ARCS + 14}">0</text><text x="{_WIDTH}" y="{_ARCS + 14}" '
        f'text-anchor="end">step {steps - 1:,}</text></svg>'
    )


def _bars(shares: list[float]) -> str:
    used = max((i for i, share in enumerate(shares) if share > 0), default=0) + 1
    wide = _WIDTH / used
    drawn = "".join(
        f'<rect class="bar" x="{i * wide + 1:.1f}" y="{_BARS * (1 - share):.1f}" '
        f'width="{max(wide - 2, 1):.1f}" height="{_BARS * share:.1f}"><title>{_range(i)}: '
        f"{100 * share:.1f} %</title></rect>"
        for i, share in enumerate(shares[:used])
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_BARS + 18}" role="img" aria-label="share by distance">'
        f'{drawn}<line class="axis" x1="0" x2="{_WIDTH}" y1="{_BARS}" y2="{_BARS}"/>'
        f'<text x="0" y="{_BARS + 14}">distance 0</text><text x="{_WIDTH}" y="{_BARS + 14}" '
        f'text-anchor="end">{_range(used - 1)}</text></svg>'
    )


def _range(index: int) -> str:
    if index < 2:
        return str(index)
    return f"{2 ** (index - 1):,} to {2**index - 1:,}"


def _retrieval_table(retrievals: Mapping[str, Sequence[int | float]]) -> str:
    if not retrievals:
        return ""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{held:,}</td><td>{answers:,}</td>"
        f"<td>{100 * exact / answers:.1f} %</td><td>{100 * missed / answers:.3f} %</td>"
        f"<td>{read / answers:,.0f}</td></tr>"
        for name, (answers, exact, missed, read, held) in retrievals.items()
    )
    return (
        "<table><tr><th>index</th><th>keys</th><th>answers</th><th>certain</th><th>share missed"
        f"</th><th>keys read an answer</th></tr>{rows}</table>"
    )
