"""The inequalities of an unsafe set as rows to bound: one by one, and one sum a polyhedron.

A box is proved outside a polyhedron when one of its rows is above its offset everywhere, or one
weighted sum of them is (`multipliers`). The sum's planes come from a backward pass of their own:
its relaxations are chosen for the sum, which is tighter than the sum of the rows' planes.

Legend: N boxes, S rows of all polyhedra, P polyhedra, R = S + sums, D inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.verification.crown import Planes, Relaxation, backward
from daneel.alignment.verification.graph import Graph
from daneel.alignment.verification.intervals import Interval
from daneel.alignment.verification.multipliers import multipliers
from daneel.alignment.verification.property import Case


@dataclass(frozen=True)
class Below:
    """Planes below rows, and how far above the unsafe set they are."""

    planes: Planes
    """`[N, R]`."""
    offsets: Tensor
    """`[N, R]` float64; an unsafe point is at or below them."""
    gap: Tensor
    """`[N, R]` float64, least value over the box above the offset; positive is proved."""
    kept: dict[int, Tensor]
    """Coefficients `[N, R, n]` at each function."""

    def rows(self, index: Tensor) -> Below:
        """The boxes `index`."""
        planes = Planes(self.planes.weight[index], self.planes.bias[index])
        kept = {node: coefficient[index] for node, coefficient in self.kept.items()}
        return Below(planes, self.offsets[index], self.gap[index], kept)


class Rows:
    """The rows of one case."""

    def __init__(self, case: Case) -> None:
        """Lays out the rows: those of every polyhedron, then the sums."""
        self.case = case
        self.plain = torch.cat([part.rows for part in case.unsafe])
        self.offsets = torch.cat([part.offsets for part in case.unsafe])
        self.strict = [part.strict for part in case.unsafe]
        self.members: list[list[int]] = []
        begin = 0
        for part in case.unsafe:
            self.members.append(list(range(begin, begin + len(part.offsets))))
            begin += len(part.offsets)
        self.summed = [part for part, rows in enumerate(self.members) if len(rows) > 1]
        for place, part in enumerate(self.summed):
            self.members[part].append(begin + place)

    def below(
        self,
        graph: Graph,
        box: Interval,
        bounds: Sequence[Interval],
        relaxations: dict[int, Relaxation],
    ) -> Below:
        """Planes of every row and sum."""
        last = len(graph.nodes) - 1
        kept: dict[int, Tensor] = {}
        planes = backward(graph, last, self.plain, bounds, relaxations, kept)
        offsets = self.offsets.expand(len(planes.bias), -1)
        if self.summed:
            rows, ends = self._sums(planes, box)
            more: dict[int, Tensor] = {}
            sums = backward(graph, last, rows, bounds, relaxations, more)
            planes = Planes(
                torch.cat([planes.weight, sums.weight], 1), torch.cat([planes.bias, sums.bias], 1)
            )
            kept = {node: torch.cat([kept[node], more[node]], 1) for node in kept}
            offsets = torch.cat([offsets, ends], 1)
        return Below(planes, offsets, planes.least(box).double() - offsets, kept)

    def _sums(self, planes: Planes, box: Interval) -> tuple[Tensor, Tensor]:
        """The sums' rows `[N, Q, A]` and offsets `[N, Q]`, rounded up."""
        rows, ends = [], []
        for part in self.summed:
            members = self.members[part][:-1]
            some = Planes(planes.weight[:, members], planes.bias[:, members])
            offsets = self.offsets[members]
            weights = multipliers(some, offsets, box).double()
            rows.append(weights @ self.plain[members])
            ends.append(weights @ offsets + 1e-14 * (weights @ offsets.abs()))
        return torch.stack(rows, 1), torch.stack(ends, 1)

    def met(self, gap: Tensor) -> Tensor:
        """Which polyhedra each box may still meet, `[N, P]`."""
        return ~torch.stack(
            [
                ((gap[:, rows] >= 0) if strict else (gap[:, rows] > 0)).any(1)
                for rows, strict in zip(self.members, self.strict, strict=True)
            ],
            1,
        )

    def nearest(self, gap: Tensor, alive: Tensor) -> Tensor:
        """The row `[N]` nearest to excluding the hardest polyhedron that is still met."""
        best = torch.stack([torch.tensor(rows)[gap[:, rows].argmax(1)] for rows in self.members], 1)
        height = torch.stack([gap[:, rows].amax(1) for rows in self.members], 1)
        hardest = torch.where(alive, height, torch.inf).argmin(1)
        return best.gather(1, hardest[:, None])[:, 0]
