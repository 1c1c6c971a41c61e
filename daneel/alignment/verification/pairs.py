"""Whether a network keeps a relation between pairs of inputs (`relation`).

Three ways, cheapest first. A witness is searched among pairs, by the same attack as for one input.
Rates and trends are proved by derivatives: an output changes by at most the largest derivative
times the distance, and derivatives of a box are bounded by `tangents`; what float32 adds to both
outputs is taken off the limit. What that does not decide, and symmetry, is proved with both copies
of the network side by side.

Legend: D inputs, A outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification import functions
from daneel.alignment.verification.attack import Replay, Witness, attack, confirmed
from daneel.alignment.verification.bounds import as_graph
from daneel.alignment.verification.difference import difference_bounds
from daneel.alignment.verification.graph import Builder, Graph
from daneel.alignment.verification.intervals import Interval
from daneel.alignment.verification.property import Case, Polyhedron, Property
from daneel.alignment.verification.relation import Pairs, Relation
from daneel.alignment.verification.tangents import derivatives, embed
from daneel.alignment.verification.verify import (
    Budget,
    VerificationResult,
    module_replay,
    verify,
)
from daneel.errors import ConfigError

_SHARES = (1.0, 0.5, 0.1, 0.01)
"""Parts of the distance at which a steep point is tried as a witness."""


def verify_pairs(
    network: nn.Module | Graph,
    relation: Relation,
    budget: Budget | None = None,
    replays: Sequence[Replay] = (),
) -> VerificationResult:
    """The verdict; a witness is x then x', and y then y'.

    Raises:
        NoBoundError: The network has a layer that is not known.
        ConfigError: The relation is about a network of other sizes.
    """
    budget = budget or Budget()
    graph = as_graph(network, relation.inputs)
    if (graph.inputs, graph.outputs) != (relation.inputs, relation.outputs):
        raise ConfigError(
            f"{relation.name} is about {relation.inputs} inputs and {relation.outputs} outputs; "
            f"the network has {graph.inputs} and {graph.outputs}. Expected a property of this "
            "network. Check which network it was written for."
        )
    if isinstance(network, nn.Module):
        replays = [*replays, module_replay(network)]
    runs = [_Run(graph, pairs, budget, replays) for pairs in relation.pairs]
    began, boxes = budget.clock(), 0
    for run in runs:
        witness = run.falsified()
        if witness is not None:
            return _result("violated", budget.clock() - began, 0, witness)
    for run in runs:
        found = run.proved(began)
        boxes += found.boxes
        if found.verdict != "holds":
            return replace(found, boxes=boxes, seconds=budget.clock() - began, trees=())
    return _result("holds", budget.clock() - began, boxes)


class _Run:
    """One family of pairs."""

    def __init__(
        self, graph: Graph, pairs: Pairs, budget: Budget, replays: Sequence[Replay]
    ) -> None:
        self.graph, self.pairs, self.budget = graph, pairs, budget
        self.twins, self.case = _twins(graph, pairs)
        self.inner = Case(*pairs.inner(), self.case.unsafe)
        self.replays = [_on_pairs(pairs, replay) for replay in replays]

    def falsified(self) -> Witness | None:
        """A pair that was run again, or None."""
        generator = torch.Generator().manual_seed(self.budget.seed)
        effort = self.budget.samples, self.budget.steps
        return self._pair(attack(self.twins, self.inner, generator, self.replays, *effort))

    def proved(self, began: float) -> VerificationResult:
        """By derivatives with half of what is left, then side by side."""
        spent = 0
        if self.pairs.slopes:
            found = self._by_derivatives(self._rest(began, 0.5))
            if found is not None and found.verdict != "unknown":
                return found
            spent = 0 if found is None else found.boxes
        wanted = Property((self.case,))
        found = verify(self.twins, wanted, self._rest(began, 1.0), self.replays)
        witness = None
        if found.witness is not None:
            z = torch.tensor([found.witness.input], dtype=torch.float64)
            witness = self._pair(confirmed(self.twins, self.inner, z, self.replays))
            if witness is None:
                found = replace(found, verdict="unknown", open=1)
        return replace(found, boxes=found.boxes + spent, witness=witness)

    def _rest(self, began: float, share: float) -> Budget:
        left = self.budget.seconds - (self.budget.clock() - began)
        return replace(self.budget, seconds=max(share * left, 1e-3))

    def _by_derivatives(self, budget: Budget) -> VerificationResult | None:
        """None where no derivative is known; a steep point alone is no violation."""
        try:
            steep, wanted = _steepness(self.graph, self.pairs)
        except NoBoundError:
            return None
        found = verify(steep, wanted, budget)
        if found.verdict != "violated" or found.witness is None:
            return found
        x = torch.tensor([found.witness.input], dtype=torch.float64)
        witness = self._pair(confirmed(self.twins, self.inner, self._beside(x), self.replays))
        verdict = "unknown" if witness is None else "violated"
        return replace(found, verdict=verdict, witness=witness, open=int(witness is None))

    def _beside(self, x: Tensor) -> Tensor:
        """Pairs `[N, Z]` around a steep point: every input that may differ, by shares of that."""
        directions = torch.cartesian_prod(
            *[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * min(self.pairs.step.shape[1], 8)
        ).reshape(-1, min(self.pairs.step.shape[1], 8))
        missing = self.pairs.step.shape[1] - directions.shape[1]
        directions = torch.nn.functional.pad(directions, (0, missing))
        rest = torch.cat([share * directions for share in _SHARES])
        return torch.cat([x.expand(len(rest), -1), rest], 1)

    def _pair(self, witness: Witness | None) -> Witness | None:
        """The pair and its outputs of a witness z."""
        if witness is None:
            return None
        x, other = self.pairs.pair(torch.tensor([witness.input], dtype=torch.float64))
        both = torch.cat([x, other])
        with torch.no_grad():
            output = self.graph(both)
        return Witness(tuple(both.flatten().tolist()), tuple(output.flatten().tolist()))


def _twins(graph: Graph, pairs: Pairs) -> tuple[Graph, Case]:
    """From z to (y, y'), and when they are unsafe."""
    builder = Builder(len(pairs.low))
    first = builder.gather(0, torch.arange(pairs.inputs))
    second = pairs.second(builder)
    ends = [embed(builder, graph, source)[-1] for source in (first, second)]
    unsafe = tuple(
        Polyhedron(-row[None], -limit[None], strict=True)
        for row, limit in zip(pairs.rows, pairs.limits, strict=True)
    )
    return builder.graph(builder.concat(*ends)), Case(pairs.low, pairs.high, unsafe)


def _on_pairs(pairs: Pairs, replay: Replay) -> Replay:
    def run(z: Tensor) -> Tensor:
        return torch.cat([replay(x) for x in pairs.pair(z)], 1)

    return run


def _steepness(graph: Graph, pairs: Pairs) -> tuple[Graph, Property]:
    """From x to how much each row can change over the distance, and the limits less rounding.

    Raises:
        NoBoundError: A derivative, or what float32 adds, is not known.
    """
    count, inputs = graph.outputs, pairs.inputs
    low, high = pairs.low[:inputs], pairs.high[:inputs]
    rounding = difference_bounds(graph, graph, Interval(low[None], high[None]))
    if rounding is None:
        raise NoBoundError("What float32 adds is not known.")
    builder, parts = Builder(inputs), []
    rows = pairs.rows[:, count:]
    for (_, far), tangent in zip(
        pairs.slopes, derivatives(builder, graph, [i for i, _ in pairs.slopes]), strict=True
    ):
        change = builder.affine(tangent, rows * far, torch.zeros(len(rows)))
        parts.append(change if pairs.rising else builder.apply(change, functions.ABSOLUTE))
    total = parts[0] if len(parts) == 1 else builder.add(*parts)
    room = 2 * (rows.abs() @ rounding[0].double())
    limits = pairs.limits - room
    if bool((limits <= 0).any()):
        raise NoBoundError("What float32 adds is more than the limit.")
    eye = torch.eye(len(rows), dtype=torch.float64)
    unsafe = tuple(
        Polyhedron(-row[None], -limit[None], strict=True)
        for row, limit in zip(eye, limits, strict=True)
    )
    return builder.graph(total), Property((Case(low, high, unsafe),))


def _result(
    verdict: str, seconds: float, boxes: int, witness: Witness | None = None
) -> VerificationResult:
    assert verdict in ("holds", "violated")
    return VerificationResult(verdict, witness, None, 0, boxes, seconds)
