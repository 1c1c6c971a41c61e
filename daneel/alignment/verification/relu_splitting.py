"""Branch and bound by splitting ReLUs, for networks of many inputs.

Halving one of hundreds of inputs gains nothing; assuming a unit active or inactive makes one
relaxation exact (Bunel et al. 2020, "Branch and bound for piecewise linear neural network
verification"). A part of the proof is the whole input box together with assumptions on units; its
bounds are zonotopes tightened by CROWN, then slopes and multipliers of the assumptions by gradient
(`alpha`). Depth first, hardest part first; the unit whose relaxation costs the bound most is split.

Legend: N parts, n units, S rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.rounding import LARGEST
from daneel.alignment.verification.alpha import alpha_planes
from daneel.alignment.verification.attack import Replay, Witness, confirmed
from daneel.alignment.verification.crown import Planes, backward
from daneel.alignment.verification.functions import RELU
from daneel.alignment.verification.graph import Apply, Graph
from daneel.alignment.verification.intervals import Interval, boxes
from daneel.alignment.verification.property import Case
from daneel.alignment.verification.rows import Rows
from daneel.alignment.verification.search import Limits, Outcome
from daneel.alignment.verification.zonotope import zonotope_bounds

BATCH = 16
REFINED = 64
STEPS = 12


@dataclass(frozen=True)
class _Parts:
    known: dict[int, Interval]
    """Bounds of every ReLU's input, assumptions included, `[N, n]` each."""
    signs: dict[int, Tensor]
    """1 where a unit is assumed active, -1 inactive, else 0."""

    def rows(self, index: Tensor) -> _Parts:
        return _Parts(
            {node: interval.rows(index) for node, interval in self.known.items()},
            {node: sign[index] for node, sign in self.signs.items()},
        )

    def __len__(self) -> int:
        return len(next(iter(self.signs.values())))


class ReluSearch:
    """The search over one case of a network with ReLUs."""

    def __init__(self, graph: Graph, case: Case, replays: Sequence[Replay] = ()) -> None:
        """Prepares; `graph` in float64, as the property speaks of it."""
        self.exact, self.graph, self.case = graph, graph.to(torch.float32), case
        self.replays, self.rows = replays, Rows(case)
        self.box = boxes(case.low[None], case.high[None], torch.float32)
        self.sources = sorted(
            {n.sources[0] for n in graph.nodes if isinstance(n, Apply) and n.function is RELU} - {0}
        )

    def run(self, limits: Limits) -> Outcome:
        """Prove every part, find a witness, or run out of limits."""
        none = {node: torch.zeros(1, self.graph.nodes[node].size) for node in self.sources}
        # Nothing is known yet but that what leaves float32 is refused anyway.
        infinite = {node: Interval(z - LARGEST, z + LARGEST) for node, z in none.items()}
        outcome, stack = Outcome(), [_Parts(infinite, none)]
        with torch.no_grad():
            while stack and outcome.witness is None:
                if limits.clock() > limits.deadline or outcome.boxes >= limits.boxes:
                    break
                parts = stack.pop()
                if len(parts) > BATCH:
                    stack.append(parts.rows(torch.arange(len(parts) - BATCH)))
                    parts = parts.rows(torch.arange(len(parts) - BATCH, len(parts)))
                outcome.boxes += len(parts)
                rest = self._round(parts, outcome)
                if rest is not None:
                    stack.append(rest)
        outcome.open += sum(len(parts) for parts in stack)
        return outcome

    def _round(self, parts: _Parts, outcome: Outcome) -> _Parts | None:
        count = len(parts)
        box = Interval(self.box.low.expand(count, -1), self.box.high.expand(count, -1))
        previous = [parts.known.get(index) for index in range(len(self.graph.nodes))]
        bounds, relaxations, _ = zonotope_bounds(self.graph, box, previous, REFINED)
        plain = self.rows.plain.float()
        planes = alpha_planes(self.graph, self.rows.plain, bounds, relaxations, STEPS, parts.signs)
        # Rows that float32 rounds are bounded with the room for it by the plain pass below.
        kept: dict[int, Tensor] = {}
        simple = backward(self.graph, len(self.graph.nodes) - 1, self.rows.plain, bounds,
                          relaxations, kept)  # fmt: skip
        least = simple.least(box)
        if bool((plain.double() == self.rows.plain).all()):
            least = torch.maximum(least, planes.least(box))
        gap = least.double() - self.rows.offsets
        alive = self._met(gap)
        index = alive.any(1).nonzero()[:, 0]
        if not len(index):
            return None
        outcome.witness = self._witness(planes, index)
        if outcome.witness is not None:
            return None
        row = self._nearest(gap[index], alive[index])
        return self._split(parts, index, row, gap, bounds, kept, outcome)

    def _met(self, gap: Tensor) -> Tensor:
        found = []
        for members, strict in zip(self.rows.members, self.rows.strict, strict=True):
            some = gap[:, [row for row in members if row < gap.shape[1]]]
            found.append(((some >= 0) if strict else (some > 0)).any(1))
        return ~torch.stack(found, 1)

    def _nearest(self, gap: Tensor, alive: Tensor) -> Tensor:
        plain = [[row for row in members if row < gap.shape[1]] for members in self.rows.members]
        best = torch.stack([torch.tensor(rows)[gap[:, rows].argmax(1)] for rows in plain], 1)
        height = torch.stack([gap[:, rows].amax(1) for rows in plain], 1)
        return best.gather(1, torch.where(alive, height, torch.inf).argmin(1)[:, None])[:, 0]

    def _witness(self, planes: Planes, index: Tensor) -> Witness | None:
        """The corners of the box where the planes are least."""
        corners = torch.where(planes.weight[index] > 0, self.box.low, self.box.high)
        points = corners.reshape(-1, corners.shape[2])[:256]
        return confirmed(self.exact, self.case, points, self.replays)

    def _split(
        self,
        parts: _Parts,
        index: Tensor,
        row: Tensor,
        gap: Tensor,
        bounds: Sequence[Interval],
        kept: dict[int, Tensor],
        outcome: Outcome,
    ) -> _Parts | None:
        """Both assumptions on the unit that costs each part most; the hardest parts last."""
        costs = []
        for place, coefficient in kept.items():
            node = self.graph.nodes[place]
            assert isinstance(node, Apply)
            if node.function is RELU and node.sources[0] in parts.known:
                source = bounds[node.sources[0]].rows(index)
                up, down = source.high.clamp(min=0), (-source.low).clamp(min=0)
                height = up * down / (up + down).clamp(min=1e-30)
                weight = coefficient[index, row].abs()
                costs.append((node.sources[0], (weight + 1e-9) * height))
        every = torch.cat([cost for _, cost in costs], 1)
        most, at = every.max(1)
        stuck = most <= 0
        if bool(stuck.any()):
            outcome.open += int(stuck.sum())
            outcome.worst = min(outcome.worst, float(gap[index][stuck].amax(1).min()))
        order = gap[index].amax(1).argsort(descending=True)
        order = order[~stuck[order]]
        if not len(order):
            return None
        tight = _Parts({n: bounds[n].rows(index) for n in parts.known}, parts.rows(index).signs)
        return self._halves(tight.rows(order), costs, at[order])

    def _halves(self, parts: _Parts, costs: list[tuple[int, Tensor]], at: Tensor) -> _Parts:
        both = parts.rows(torch.arange(len(at)).repeat_interleave(2))
        sign = torch.tensor([1.0, -1.0]).repeat(len(at))
        at, start = at.repeat_interleave(2), 0
        known, signs = {}, {}
        for node, cost in costs:
            width = cost.shape[1]
            here = ((at >= start) & (at < start + width)).nonzero()[:, 0]
            unit = at[here] - start
            low, high = both.known[node].low.clone(), both.known[node].high.clone()
            mark = both.signs[node].clone()
            active = sign[here] > 0
            low[here[active], unit[active]] = 0.0
            high[here[~active], unit[~active]] = 0.0
            mark[here, unit] = sign[here]
            known[node], signs[node] = Interval(low, high), mark
            start += width
        return _Parts(known, signs)
