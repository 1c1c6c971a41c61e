"""Derivatives of a network along its inputs, as a graph: what bounds how fast an output changes.

Forward mode: beside every node stands its derivative along one input (a tangent). The chain rule
makes it of nodes that the bounds know: affine maps without bias, and products with the slopes of
the functions (`slopes`). A tangent that does not depend on the input is kept as numbers.

Legend: D inputs, A outputs, n units of a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification import functions
from daneel.alignment.verification.graph import (
    Affine,
    Apply,
    Builder,
    Concat,
    Gather,
    Graph,
    Node,
    Product,
    Sum,
)
from daneel.alignment.verification.slopes import slope_of

Tangent = Tensor | int
"""Numbers `[n]`, or a node."""


def embed(builder: Builder, graph: Graph, source: int) -> list[int]:
    """A copy of a graph behind a node; returns where each of its nodes is now."""
    places = [source]
    for node in graph.nodes[1:]:
        moved = replace(node, sources=tuple(places[k] for k in node.sources))
        builder.nodes.append(moved)
        places.append(len(builder.nodes) - 1)
    return places


def derivatives(builder: Builder, graph: Graph, inputs: Sequence[int]) -> list[int]:
    """Behind the builder's input: for each of `inputs`, the derivatives `[A]` along it.

    Raises:
        NoBoundError: The slope of a function is not known; it is named.
    """
    writer = _Writer(builder, graph, embed(builder, graph, 0))
    return [writer.node(writer.along(index)) for index in inputs]


class _Writer:
    """Writes tangents; slopes are written once and shared."""

    def __init__(self, builder: Builder, graph: Graph, places: Sequence[int]) -> None:
        self.builder, self.graph, self.places = builder, graph, places
        self.slopes: dict[int, int] = {}

    def along(self, index: int) -> Tangent:
        """The derivative of the output along one input."""
        unit = torch.zeros(self.graph.inputs, dtype=torch.float64)
        unit[index] = 1.0
        found: list[Tangent] = [unit]
        for place, node in enumerate(self.graph.nodes[1:], start=1):
            found.append(self._through(place, node, [found[k] for k in node.sources]))
        return found[-1]

    def node(self, tangent: Tangent) -> int:
        """A tangent as a node, numbers too."""
        if isinstance(tangent, int):
            return tangent
        nothing = torch.zeros(len(tangent), self.builder.size(0), dtype=torch.float64)
        return self.builder.affine(0, nothing, tangent)

    def _through(self, place: int, node: Node, sources: list[Tangent]) -> Tangent:
        first, b = sources[0], self.builder
        match node:
            case Affine():
                if isinstance(first, Tensor):
                    return node.weight @ first
                return b.affine(first, node.weight, torch.zeros(node.size))
            case Gather():
                return (
                    first[node.index] if isinstance(first, Tensor) else b.gather(first, node.index)
                )
            case Sum():
                return self._sum(sources)
            case Concat():
                if all(isinstance(tangent, Tensor) for tangent in sources):
                    return torch.cat([t for t in sources if isinstance(t, Tensor)])
                return b.concat(*(self.node(tangent) for tangent in sources))
            case Apply():
                # A law changes no value, hence no derivative.
                return first if node.law is not None else self._times(first, self._slope(place))
            case Product():
                left, right = (self.places[k] for k in node.sources)
                return self._sum([self._times(sources[1], left), self._times(first, right)])
        raise AssertionError(node)

    def _sum(self, parts: list[Tangent]) -> Tangent:
        if all(isinstance(part, Tensor) for part in parts):
            return torch.stack([part for part in parts if isinstance(part, Tensor)]).sum(0)
        kept = [part for part in parts if isinstance(part, int) or bool(part.any())]
        return kept[0] if len(kept) == 1 else self.builder.add(*(self.node(part) for part in kept))

    def _times(self, tangent: Tangent, factor: int) -> Tangent:
        if isinstance(tangent, int):
            return self.builder.product(factor, tangent)
        if not bool(tangent.any()):
            return tangent
        return self.builder.scale(factor, tangent)

    def _slope(self, place: int) -> int:
        """The derivative of the function at node `place`, as a node."""
        if place not in self.slopes:
            node = self.graph.nodes[place]
            assert isinstance(node, Apply)
            source = self.places[node.sources[0]]
            if node.function is functions.SQUARE:
                self.slopes[place] = self.builder.scale(source, 2.0)
            else:
                self.slopes[place] = self.builder.apply(source, _slope_of(node))
        return self.slopes[place]


def _slope_of(node: Apply) -> functions.Function:
    found = slope_of(node.function)
    if found is None:
        raise NoBoundError(
            f"The slope of {node.function.name.partition('(')[0]} is not known. Expected another "
            "function. Verify the property with one that is known."
        )
    return found
