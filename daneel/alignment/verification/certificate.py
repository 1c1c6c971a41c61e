"""Certificates: a proof that is kept, and is checked again, cheaply, when the network was updated.

A certificate holds the property, the tree of cells that proved it with a margin, and the weights
that it was proved for. For updated weights of the same structure three things are tried, cheapest
first, and only what each leaves over goes on to the next:

1. difference: |new(x) - old(x)| is bounded by intervals over the root, then over each cell; where
   it stays below the margin the old proof holds for the new weights;
2. the cell is bounded again (`Search` beginning at the old leaves);
3. the cell is split further.

The reference stays the network that was proved in full, so small updates cannot add up unseen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from daneel.alignment.finding import Verdict
from daneel.alignment.verification.bounds import as_graph
from daneel.alignment.verification.difference import difference_bounds
from daneel.alignment.verification.graph import Graph
from daneel.alignment.verification.interval_proof import interval_proof
from daneel.alignment.verification.intervals import Interval, boxes
from daneel.alignment.verification.property import Case, Polyhedron, Property
from daneel.alignment.verification.search import Boxes, Limits, Search
from daneel.alignment.verification.tree import Tree, TreeWriter, leaf_nodes
from daneel.alignment.verification.verify import (
    Budget,
    VerificationResult,
    shifted,
    spread,
    verify,
)
from daneel.errors import CheckpointError

VERSION = 1
CHUNK = 4096
MARGIN = 0.02
"""Of the spread of the rows' values over the box: what a proof keeps for later updates."""


@dataclass(frozen=True, eq=False)
class Certificate:
    """A proof of one property of one network."""

    property: Property
    """What was proved."""
    margin: float
    """By how much, in every inequality."""
    trees: tuple[Tree, ...]
    """For each case, the cells."""
    graph: Graph
    """The network that it was proved for."""

    def save(self, path: str | Path) -> Path:
        """Write it as one safetensors file, whole or not at all."""
        from safetensors.torch import save

        tensors: dict[str, Tensor] = {}
        for k, (case, tree) in enumerate(zip(self.property.cases, self.trees, strict=True)):
            tensors |= {f"{k}.low": case.low, f"{k}.high": case.high}
            tensors |= {f"{k}.parent": tree.parent, f"{k}.dimension": tree.dimension}
            tensors[f"{k}.place"] = tree.place
            for p, part in enumerate(case.unsafe):
                tensors |= {f"{k}.{p}.rows": part.rows, f"{k}.{p}.offsets": part.offsets}
        for index, affine in enumerate(self.graph.affine()):
            tensors |= {f"weight.{index}": affine.weight, f"bias.{index}": affine.bias}
        facts = {
            "version": VERSION,
            "name": self.property.name,
            "property": self.property.hash(),
            "structure": self.graph.structure_hash(),
            "weights": self.graph.weights_hash(),
            "margin": self.margin,
            "strict": [[part.strict for part in case.unsafe] for case in self.property.cases],
        }
        data = save(
            {name: tensor.contiguous().clone() for name, tensor in tensors.items()},
            {"certificate": json.dumps(facts)},
        )
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(data)
        partial.replace(path)
        return path


def load_certificate(path: str | Path, network: Graph) -> Certificate:
    """Read a certificate of a network of this structure.

    Raises:
        CheckpointError: It is not there, damaged, edited, or of another structure.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "pt") as file:
            facts = json.loads((file.metadata() or {})["certificate"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        found = _assembled(facts, tensors, network)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise _refused(path, f"cannot be read ({type(error).__name__}: {error})") from error
    if facts["version"] != VERSION or facts["structure"] != network.structure_hash():
        raise _refused(path, "is of another version or of a network of another structure")
    edited = facts["property"] != found.property.hash()
    if edited or facts["weights"] != found.graph.weights_hash():
        raise _refused(path, "was changed: its hashes do not fit what it holds")
    return found


def _assembled(facts: dict, tensors: dict[str, Tensor], network: Graph) -> Certificate:
    cases, trees = [], []
    for k, strict in enumerate(facts["strict"]):
        parts = [
            Polyhedron(tensors[f"{k}.{p}.rows"], tensors[f"{k}.{p}.offsets"], bool(closed))
            for p, closed in enumerate(strict)
        ]
        cases.append(Case(tensors[f"{k}.low"], tensors[f"{k}.high"], tuple(parts)))
        trees.append(Tree(tensors[f"{k}.parent"], tensors[f"{k}.dimension"], tensors[f"{k}.place"]))
    count = len(network.affine())
    graph = network.with_weights(
        [tensors[f"weight.{k}"] for k in range(count)], [tensors[f"bias.{k}"] for k in range(count)]
    )
    return Certificate(Property(tuple(cases), facts["name"]), facts["margin"], tuple(trees), graph)


def certify(
    network: nn.Module | Graph, property: Property, budget: Budget | None = None
) -> tuple[VerificationResult, Certificate | None]:
    """Verify, and keep the proof where there is one.

    A proof with a margin is tried first, with half of the budget; the margin is a share of the
    values' spread over the box and at most half of the least distance that points were seen at.
    """
    budget = budget or Budget()
    graph = as_graph(network, property.inputs)
    if interval_proof(network, property):
        result = verify(network, property, budget)
        kept = Certificate(property, 0.0, result.trees, graph)
        return result, kept if result.verdict == "holds" else None
    typical, nearest = spread(graph, property, budget)
    margin = max(0.0, min(MARGIN * typical, nearest / 2))
    result = verify(network, property, replace(budget, seconds=budget.seconds / 2), (), margin)
    if result.verdict == "unknown":
        rest = max(budget.seconds - result.seconds, 1e-3)
        margin, result = 0.0, verify(network, property, replace(budget, seconds=rest))
    if result.verdict != "holds":
        return result, None
    return result, Certificate(property, margin, result.trees, graph)


@dataclass(frozen=True)
class Recheck:
    """What became of a certificate after an update."""

    result: VerificationResult
    """The verdict for the new weights."""
    cells: int
    """Of the old proof."""
    kept: int
    """Those that the difference bound kept."""
    bounded: int
    """Boxes that were bounded anew."""
    anew: bool
    """Whether the property was proved from scratch instead."""
    stored: bool = True
    """Whether a certificate of this verdict is kept."""


def recheck(
    certificate: Certificate, network: nn.Module | Graph, budget: Budget | None = None
) -> Recheck:
    """The verdict for updated weights, from the old proof as far as it goes.

    Raises:
        CheckpointError: The network has another structure than the certificate's.
    """
    budget = budget or Budget()
    began = budget.clock()
    graph = as_graph(network, certificate.property.inputs)
    if graph.structure_hash() != certificate.graph.structure_hash():
        raise _refused("the certificate", "is of a network of another structure")
    if interval_proof(network, certificate.property):
        result = verify(network, certificate.property, budget)
        return Recheck(result, len(certificate.trees), 0, len(certificate.trees), False)
    joined = certificate.property.on(graph)
    old = certificate.property.on(certificate.graph)
    cases = certificate.property.widened(joined).cases
    cells = kept = bounded = 0
    for case, tree in zip(cases, certificate.trees, strict=True):
        search = Search(joined, shifted(case, certificate.margin))
        leaves = tree.leaves(boxes(case.low[None], case.high[None], torch.float32))
        cells += len(leaves.low)
        open_ = _unkept(old, joined, case, certificate.margin, leaves)
        kept += len(leaves.low) - len(open_)
        if len(open_):
            start = Boxes(leaves.rows(open_), leaf_nodes(tree)[open_], {})
            limits = Limits(began + budget.seconds / 2, budget.boxes, budget.clock)
            outcome = search.run(start, limits, TreeWriter.resume(tree))
            bounded += outcome.boxes
            if outcome.witness is not None or outcome.open:
                rest = max(budget.seconds - (budget.clock() - began), 1e-3)
                result = verify(network, certificate.property, replace(budget, seconds=rest))
                seconds = budget.clock() - began
                return Recheck(
                    replace(result, seconds=seconds), cells, 0, bounded + result.boxes, True
                )
    result = _holds(bounded, budget.clock() - began)
    return Recheck(result, cells, kept, bounded, False)


def _holds(boxes_: int, seconds: float) -> VerificationResult:
    verdict: Verdict = "holds"
    return VerificationResult(verdict, None, None, 0, boxes_, seconds)


def _unkept(old: Graph, new: Graph, case: Case, margin: float, leaves: Interval) -> Tensor:
    """Which leaves the difference bound does not keep."""
    everything = torch.arange(len(leaves.low))
    if margin <= 0:
        return everything
    root = Interval(leaves.low.amin(0, keepdim=True), leaves.high.amax(0, keepdim=True))
    if bool(_kept(old, new, case, margin, root).all()):
        return everything[:0]
    found = [_kept(old, new, case, margin, leaves.rows(some)) for some in everything.split(CHUNK)]
    return (~torch.cat(found)).nonzero()[:, 0]


def _kept(old: Graph, new: Graph, case: Case, margin: float, cells: Interval) -> Tensor:
    away = difference_bounds(old, new, cells)
    if away is None:
        return torch.zeros(len(cells.low), dtype=torch.bool)
    rows = torch.cat([part.rows for part in case.unsafe]).abs()
    return (away.double() @ rows.T).amax(1) * (1 + 1e-9) < margin


def _refused(path: str | Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"{path} {what}. Expected the certificate that `daneel verify` wrote. "
        "Delete it and type `daneel verify` to prove the property anew."
    )
