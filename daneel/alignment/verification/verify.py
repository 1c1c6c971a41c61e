"""Whether a network keeps a property: holds, violated with a witness, or unknown.

`holds` is a proof for every input of the box, in exact arithmetic and for the deployed float32
network in any order of summation. `violated` comes with an input that was run again: in float64,
and in whatever the network is deployed as. `unknown` means that the budget ended first, and is
never a pass.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from daneel.alignment.finding import Verdict
from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification.attack import Replay, Witness, attack, points_of
from daneel.alignment.verification.bounds import as_graph
from daneel.alignment.verification.graph import Graph
from daneel.alignment.verification.interval_proof import interval_proof
from daneel.alignment.verification.property import Case, Polyhedron, Property
from daneel.alignment.verification.relation import Relation
from daneel.alignment.verification.relu_splitting import ReluSearch
from daneel.alignment.verification.search import Limits, Outcome, Search
from daneel.alignment.verification.tree import Tree
from daneel.errors import ConfigError

WIDE = 24
"""From this many inputs that vary on, ReLUs are split instead of inputs."""


@dataclass(frozen=True)
class Budget:
    """How much may be spent on a property."""

    seconds: float = 60.0
    """Time, all cases together."""
    boxes: int = 100_000_000
    """Boxes that may be bounded, for each case."""
    samples: int = 2048
    """Random points in the search for a witness, for each case."""
    steps: int = 40
    """Of gradient descent from the best of them."""
    seed: int = 0
    """Seed of that search."""
    clock: Callable[[], float] = time.perf_counter
    """What tells the time; `time.process_time` where a machine is shared."""

    def __post_init__(self) -> None:
        """Refuse what cannot be spent.

        Raises:
            ConfigError: A number that is not positive.
        """
        for name in ("seconds", "boxes", "samples", "steps"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    f"budget.{name} is {getattr(self, name)}. Expected more than 0. "
                    "Give it a larger number."
                )


@dataclass(frozen=True)
class VerificationResult:
    """The verdict on one property."""

    verdict: Verdict
    """holds | violated | unknown."""
    witness: Witness | None
    """The input that breaks the property; only when violated."""
    bound: float | None
    """How far the weakest part of the box was from being proved; only when unknown."""
    open: int
    """Boxes left unproved; 0 when it holds."""
    boxes: int
    """Boxes that were bounded."""
    seconds: float
    """By the budget's clock."""
    detail: str = ""
    """Why it is unknown, where no budget would change it."""
    trees: tuple[Tree, ...] = field(default=(), repr=False)
    """For each case, the cells that were proved; only when it holds."""


def verify(
    network: nn.Module | Graph,
    property: Property | Relation,
    budget: Budget | None = None,
    replays: Sequence[Replay] = (),
    margin: float = 0.0,
) -> VerificationResult:
    """Search for a witness, then for a proof, until one is found or the budget ends.

    Args:
        network: Torch layers in float32, or a graph.
        property: What must hold, of every input or of pairs of inputs.
        budget: When to give up; a minute by default.
        replays: What a witness must also hold in, besides the graph in float64 and the module.
        margin: A proof keeps this distance from the unsafe set; a certificate lives on it. A
            witness breaks the property itself.

    Raises:
        NoBoundError: The network has a layer that is not known, or weights that are not finite.
        ConfigError: The property is about a network of other sizes.
    """
    if isinstance(property, Relation):
        from daneel.alignment.verification.pairs import verify_pairs

        return verify_pairs(network, property, budget, replays)
    budget = budget or Budget()
    graph = as_graph(network, property.inputs)
    joined = property.on(graph)
    if isinstance(network, nn.Module):
        replays = [*replays, module_replay(network)]
    known = margin == 0 and interval_proof(network, property)
    run = _Run(joined, property.widened(joined), budget, replays, margin, known)
    return run.verdict()


def module_replay(network: nn.Module) -> Replay:
    """The module as it is deployed: a float32 copy in eval mode on the CPU."""
    deployed = copy.deepcopy(network).cpu().float().eval().requires_grad_(False)
    return lambda x: deployed(x.float()).double()


@dataclass
class _Run:
    """One call of `verify`."""

    graph: Graph
    property: Property
    budget: Budget
    replays: Sequence[Replay]
    margin: float
    known: bool = False
    """Interval bounds have proved it: only the falsification is left."""
    boxes: int = 0

    def __post_init__(self) -> None:
        self.began = self.budget.clock()
        self.deadline = self.began + self.budget.seconds

    def verdict(self) -> VerificationResult:
        generator = torch.Generator().manual_seed(self.budget.seed)
        for case in self.property.cases:  # falsification first: it is cheap, and ends the matter
            effort = self.budget.samples, self.budget.steps
            witness = attack(self.graph, case, generator, self.replays, *effort)
            if witness is not None:
                return self._result("violated", witness)
        trees = []
        for case in self.property.cases:
            if self.known or not case.unsafe:
                trees.append(Outcome().tree.tree())
                continue
            try:
                outcome = self._prove(shifted(case, self.margin))
            except NoBoundError as error:
                return replace(self._result("unknown", open=1), detail=str(error))
            if outcome.witness is not None and self._breaks(case, outcome.witness):
                return self._result("violated", outcome.witness)
            if outcome.open or outcome.witness is not None:
                bound = None if outcome.worst == torch.inf else outcome.worst
                return self._result("unknown", open=max(outcome.open, 1), bound=bound)
            trees.append(outcome.tree.tree())
        return self._result("holds", trees=tuple(trees))

    def _prove(self, case: Case) -> Outcome:
        """Float32 engine first; what it cannot halve any more, again in float64."""
        if int((case.low < case.high).sum()) >= WIDE:
            search = ReluSearch(self.graph, case, self.replays)
            outcome = search.run(self._limits())
            self.boxes += outcome.boxes
            return outcome
        outcome = Outcome()
        for dtype in (torch.float32, torch.float64):
            search = Search(self.graph, case, dtype, replays=self.replays)
            outcome = search.run(search.root(), self._limits())
            self.boxes += outcome.boxes
            if outcome.stuck == 0 or outcome.witness is not None:
                return outcome
        return outcome

    def _limits(self) -> Limits:
        return Limits(self.deadline, self.budget.boxes, self.budget.clock)

    def _breaks(self, case: Case, witness: Witness) -> bool:
        x = torch.tensor([witness.input], dtype=torch.float64)
        return bool(case.contains(x, self.graph(x)).any())

    def _result(
        self,
        verdict: Verdict,
        witness: Witness | None = None,
        open: int = 0,
        bound: float | None = None,
        trees: tuple[Tree, ...] = (),
    ) -> VerificationResult:
        seconds = self.budget.clock() - self.began
        return VerificationResult(verdict, witness, bound, open, self.boxes, seconds, trees=trees)


def shifted(case: Case, margin: float) -> Case:
    """The case with an unsafe set that is larger by `margin` in every inequality."""
    if margin == 0:
        return case
    parts = [Polyhedron(p.rows, p.offsets + margin, p.strict) for p in case.unsafe]
    return Case(case.low, case.high, tuple(parts))


def spread(graph: Graph, property: Property, budget: Budget) -> tuple[float, float]:
    """How much the gaps to the unsafe sets vary over random points, and the least gap seen."""
    joined = property.on(graph)
    generator = torch.Generator().manual_seed(budget.seed)
    gaps = []
    for case in property.widened(joined).cases:
        points = points_of(case, budget.samples, generator)
        for part in case.unsafe:
            gaps.append(part.gap(joined(points)))
    found = torch.stack(gaps) if gaps else torch.zeros(1, 2, dtype=torch.float64)
    return float(found.std(1).min()), float(found.min())
