"""Branch and bound by splitting input boxes: many boxes at once, cheap bounds first.

Wang et al. 2018 (ReluVal, arXiv 1804.10829) for the splitting, Bunel et al. 2020 for the frame. One
round takes a batch of boxes from a stack and

1. bounds every unit by zonotopes, never wider than what was known of the parent,
2. bounds the rows of the unsafe set by one backward pass (CROWN), and drops boxes proved outside,
3. cuts from each remaining box what the planes prove safe (each unsafe point satisfies
   a x + b <= d, so each coordinate has an end of its own given the others' range),
4. tries the corners where the planes are least as witnesses,
5. splits in the dimension that is predicted to gain most: halving dimension i takes away a known
   part of each unit's interval, hence of its relaxation error, and the backward coefficients say
   what that error costs (a look-ahead that bounds nothing anew).

Every box is a node of a tree of cells: the part of the root that it stands for. Cells tile the root
also where step 3 cut a box; the tree is what a certificate keeps.

Legend: N boxes, D inputs, S rows, n units.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from daneel.alignment.verification.attack import Replay, Witness, confirmed
from daneel.alignment.verification.crown import Planes
from daneel.alignment.verification.functions import RELU
from daneel.alignment.verification.graph import Apply, Graph, Product
from daneel.alignment.verification.intervals import Interval, boxes
from daneel.alignment.verification.property import Case
from daneel.alignment.verification.rows import Below, Rows
from daneel.alignment.verification.tree import TreeWriter
from daneel.alignment.verification.zonotope import Form, zonotope_bounds

REFINED = 16
"""Units of a node that a backward pass bounds again."""


@dataclass(frozen=True)
class Limits:
    """When a search ends without a verdict."""

    deadline: float
    """Time at which it gives up."""
    boxes: int
    """Boxes that it may bound."""
    clock: Callable[[], float] = time.perf_counter
    """What tells the time."""


@dataclass(frozen=True)
class Boxes:
    """A batch of open boxes."""

    box: Interval
    """`[N, D]`, where an unsafe point may still be."""
    node: Tensor
    """`[N]`, its node of the tree."""
    known: dict[int, Interval]
    """Bounds of the nodes that relaxations need, which hold in the box."""

    def __len__(self) -> int:
        """N."""
        return len(self.box.low)

    def rows(self, index: Tensor) -> Boxes:
        """Some of them."""
        known = {node: interval.rows(index) for node, interval in self.known.items()}
        return Boxes(self.box.rows(index), self.node[index], known)


@dataclass
class Outcome:
    """What a search found."""

    witness: Witness | None = None
    """Set when the case is broken."""
    open: int = 0
    """Boxes neither proved nor split when it ended."""
    stuck: int = 0
    """Those of them that are too small for this precision to halve."""
    boxes: int = 0
    """Boxes bounded."""
    worst: float = torch.inf
    """Least lower bound over all boxes that were given up; infinite where none was."""
    tree: TreeWriter = field(default_factory=TreeWriter)
    """Every split; with none open, every leaf is proved."""


class Search:
    """The search over one case."""

    def __init__(
        self,
        graph: Graph,
        case: Case,
        dtype: torch.dtype = torch.float32,
        batch: int = 256,
        replays: Sequence[Replay] = (),
    ) -> None:
        """Prepares.

        Args:
            graph: The network in float64, as the property speaks of it.
            case: The box and its unsafe set.
            dtype: Precision of the bounds, sound in either.
            batch: Boxes bounded at once.
            replays: What a witness must also hold in.
        """
        self.exact, self.graph, self.case = graph, graph.to(dtype), case
        self.batch, self.dtype, self.replays = batch, dtype, replays
        self.rows = Rows(case)
        self.needed = sorted(
            {s for n in graph.nodes if isinstance(n, Apply | Product) for s in n.sources} - {0}
        )

    def root(self) -> Boxes:
        """The whole box of the case."""
        box = boxes(self.case.low[None], self.case.high[None], self.dtype)
        return Boxes(box, torch.zeros(1, dtype=torch.int64), {})

    def run(self, start: Boxes, limits: Limits, tree: TreeWriter | None = None) -> Outcome:
        """Prove every start box, find a witness, or run out of limits.

        Args:
            start: Where to begin: the root, or leaves of a tree.
            limits: When to give up.
            tree: The tree whose leaves `start` are; None where `start` is the root.
        """
        outcome, stack = Outcome(tree=tree or TreeWriter()), [start]
        with torch.no_grad():
            while stack:
                batch = self._take(stack)
                outcome.boxes += len(batch)
                rest = self._round(batch, outcome)
                if outcome.witness is not None:
                    break
                if len(rest):
                    stack.append(rest)
                if limits.clock() > limits.deadline or outcome.boxes >= limits.boxes:
                    break
        outcome.open += sum(len(block) for block in stack)
        return outcome

    def _take(self, stack: list[Boxes]) -> Boxes:
        """The newest boxes, as many as a batch: depth first keeps the stack small."""
        parts, room = [], self.batch
        while stack and room > 0:
            block = stack.pop()
            if parts and parts[0].known.keys() != block.known.keys():
                stack.append(block)
                break
            if len(block) > room:
                stack.append(block.rows(torch.arange(len(block) - room)))
                block = block.rows(torch.arange(len(block) - room, len(block)))
            parts.append(block)
            room -= len(block)
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _round(self, batch: Boxes, outcome: Outcome) -> Boxes:
        """Bound, drop, cut, try, split; returns what remains, split."""
        previous = [batch.known.get(index) for index in range(len(self.graph.nodes))]
        bounds, relaxations, forms = zonotope_bounds(self.graph, batch.box, previous, REFINED)
        found = self.rows.below(self.graph, batch.box, bounds, relaxations)
        alive = self.rows.met(found.gap)
        index = alive.any(1).nonzero()[:, 0]
        if not len(index):
            return batch.rows(index)
        found, alive = found.rows(index), alive[index]
        known = {node: bounds[node].rows(index) for node in self.needed}
        rest = Boxes(batch.box.rows(index), batch.node[index], known)
        outcome.witness = self._witness(rest.box, found.planes)
        if outcome.witness is not None:
            return rest
        scores = self._gains(index, self.rows.nearest(found.gap, alive), found, bounds, forms)
        box, empty = self._cut(rest.box, found, alive)
        keep = (~empty).nonzero()[:, 0]
        rest = Boxes(box, rest.node, rest.known).rows(keep)
        return self._split(rest, scores[keep], found.gap[keep], outcome)

    def _witness(self, box: Interval, planes: Planes) -> Witness | None:
        """Tries each box's centre and the corners where its planes are least."""
        corners = torch.where(planes.weight > 0, box.low[:, None], box.high[:, None])
        centre = (box.low + box.high)[:, None] / 2
        points = torch.cat([centre, corners], 1).reshape(-1, box.low.shape[1])
        rough = self.graph(points)
        near = torch.zeros(len(points), dtype=torch.bool)
        for part in self.case.unsafe:
            near |= part.gap(rough) <= 1e-5 * (1 + rough.abs().amax(1))
        points = points[near][:64]
        return confirmed(self.exact, self.case, points, self.replays) if len(points) else None

    def _cut(self, box: Interval, found: Below, alive: Tensor) -> tuple[Interval, Tensor]:
        """The hull of what each polyhedron that is still met may need of the box.

        Returns the boxes and which of them are empty.
        """
        low, high = torch.full_like(box.low, torch.inf), torch.full_like(box.low, -torch.inf)
        for part, members in enumerate(self.rows.members):
            cut = box
            for row in members * (2 if len(members) > 1 else 1):
                plane = found.planes.weight[:, row], found.planes.bias[:, row]
                cut = cut_box(cut, *plane, found.offsets[:, row])
            met = (alive[:, part] & (cut.low <= cut.high).all(1))[:, None]
            low = torch.where(met, torch.minimum(low, cut.low), low)
            high = torch.where(met, torch.maximum(high, cut.high), high)
        return Interval(low, high), (low > high).any(1)

    def _gains(
        self,
        index: Tensor,
        row: Tensor,
        found: Below,
        bounds: Sequence[Interval],
        forms: Sequence[Form],
    ) -> Tensor:
        """What halving each dimension is predicted to gain, both halves together, `[N, D]`."""
        box = bounds[0].rows(index)
        rows = torch.arange(len(index))
        gain = found.planes.weight[rows, row].abs() * (box.high - box.low) / 2
        for place, coefficient in found.kept.items():
            node = self.graph.nodes[place]
            assert isinstance(node, Apply)
            if node.law is not None:  # adds no error where the values obey it by themselves
                continue
            source = node.sources[0]
            weight = coefficient[rows, row].abs()  # [N, n]
            share = forms[source].generators[index, : gain.shape[1]].abs()  # [N, D, n]
            low, high = bounds[source].low[index][:, None], bounds[source].high[index][:, None]
            if node.function is RELU:
                less = 2 * _relu_error(low, high)
                less = less - _relu_error(low + share, high) - _relu_error(low, high - share)
            else:  # the error of a smooth function grows with the square of the width
                width = high - low
                less = (width.square() - (width - share).clamp(min=0).square()) / 8
            gain = gain + (less @ weight[:, :, None])[:, :, 0]
        return gain

    def _split(self, rest: Boxes, scores: Tensor, gap: Tensor, outcome: Outcome) -> Boxes:
        """Both halves of every box; one that float cannot halve any more is given up."""
        width = rest.box.high - rest.box.low
        middle = (rest.box.low + rest.box.high) / 2
        smallest = 8 * torch.finfo(self.dtype).eps * (rest.box.magnitude + 1e-30)
        splittable = width > smallest
        stuck = ~splittable.any(1)
        if bool(stuck.any()):
            outcome.open += int(stuck.sum())
            outcome.stuck += int(stuck.sum())
            outcome.worst = min(outcome.worst, float(gap[stuck].amax(1).min()))
            keep = (~stuck).nonzero()[:, 0]
            rest, scores, middle = rest.rows(keep), scores[keep], middle[keep]
            splittable = splittable[keep]
        scores = torch.where(splittable, scores, -torch.inf)
        dimension = scores.argmax(1)
        at = torch.nn.functional.one_hot(dimension, scores.shape[1]).bool()
        lower, upper = outcome.tree.split(rest.node, dimension, middle[at])
        left = Interval(rest.box.low, torch.where(at, middle, rest.box.high))
        right = Interval(torch.where(at, middle, rest.box.low), rest.box.high)
        return _joined([Boxes(left, lower, rest.known), Boxes(right, upper, rest.known)])


def _relu_error(low: Tensor, high: Tensor) -> Tensor:
    """Height of the triangle around an unstable ReLU: -l u / (u - l)."""
    up, down = high.clamp(min=0), (-low).clamp(min=0)
    return up * down / (up + down).clamp(min=torch.finfo(low.dtype).tiny)


def cut_box(box: Interval, weight: Tensor, bias: Tensor, offset: Tensor) -> Interval:
    """What of each box can satisfy weight x + bias <= offset; empty where nothing can.

    Args:
        box: `[N, D]`.
        weight: `[N, D]`.
        bias: `[N]`.
        offset: `[N]`, float64.
    """
    numbers, terms = torch.finfo(weight.dtype), 4 * (weight.shape[1] + 8)
    ends = weight * box.low, weight * box.high
    least = torch.minimum(*ends)
    offset = offset.to(weight.dtype)
    heavy = torch.maximum(ends[0].abs(), ends[1].abs()).sum(1) + bias.abs() + offset.abs()
    total = least.sum(1) + bias - offset - terms * (numbers.eps * heavy + numbers.tiny)
    room = -(total[:, None] - least)  # weight_i x_i is at most this
    bound = room / weight
    away = 4 * numbers.eps * bound.abs() + numbers.tiny
    useful = (weight != 0) & torch.isfinite(bound)  # what overflows cuts nothing
    high = torch.where(useful & (weight > 0), torch.minimum(box.high, bound + away), box.high)
    low = torch.where(useful & (weight < 0), torch.maximum(box.low, bound - away), box.low)
    return Interval(low, high)


def _joined(parts: Sequence[Boxes]) -> Boxes:
    def meet(intervals: Sequence[Interval]) -> Interval:
        return Interval(
            torch.cat([i.low for i in intervals]), torch.cat([i.high for i in intervals])
        )

    return Boxes(
        meet([part.box for part in parts]),
        torch.cat([part.node for part in parts]),
        {node: meet([part.known[node] for part in parts]) for node in parts[0].known},
    )
