"""The network that is verified, as a small graph of seven kinds of node.

Whatever a network is written in (torch modules, ONNX), its readers translate it to this. A value
is a flat vector per input: `[N, size]`. Nodes stand in an order in which sources come first; the
first is the input, the last the output. Weights are kept in float64 as they were given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from daneel.alignment.rounding import Bounds, NoBoundError
from daneel.alignment.verification import functions
from daneel.alignment.verification.functions import Function

MOST_WEIGHTS = 40_000_000
"""Entries of one dense matrix that a convolution or a scale may become."""


Law = Callable[[Tensor, Tensor], Bounds]
"""From bounds `[N, m]` of one node to bounds `[N, n]` of another, deployed rounding included."""


@dataclass(frozen=True)
class Input:
    """The flattened input."""

    size: int
    """Number of inputs."""
    sources: tuple[int, ...] = ()
    """None."""


@dataclass(frozen=True, eq=False)
class Affine:
    """weight x + bias."""

    sources: tuple[int, ...]
    """One."""
    weight: Tensor
    """`[m, n]`."""
    bias: Tensor
    """`[m]`."""
    roundings: int = 0
    """Float32 roundings of the deployed layer beyond those of one product and one sum a weight."""
    magnitude: Tensor = field(init=False)
    """|weight|, `[m, n]`."""

    def __post_init__(self) -> None:
        """Keep |weight|, which every bound needs."""
        object.__setattr__(self, "magnitude", self.weight.abs())

    @property
    def size(self) -> int:
        """Number of outputs."""
        return len(self.bias)


@dataclass(frozen=True, eq=False)
class Gather:
    """Picks, repeats or reorders units: slices, transposes, reshapes."""

    sources: tuple[int, ...]
    """One."""
    index: Tensor
    """`[m]`, int64."""

    @property
    def size(self) -> int:
        """Number of outputs."""
        return len(self.index)


@dataclass(frozen=True)
class Sum:
    """The sum of nodes of one size."""

    sources: tuple[int, ...]
    """Two or more."""
    size: int
    """Number of outputs."""


@dataclass(frozen=True)
class Concat:
    """Nodes one after the other."""

    sources: tuple[int, ...]
    """Two or more."""
    size: int
    """Number of outputs."""


@dataclass(frozen=True)
class Apply:
    """A scalar function of every unit; or, with a law, the unit itself, known to obey it."""

    sources: tuple[int, ...]
    """One; and what the law reads, where there is one."""
    function: Function
    """What is applied."""
    size: int
    """Number of outputs."""
    law: Law | None = None
    """What the values never leave, whatever their own bounds say."""


@dataclass(frozen=True)
class Product:
    """The product of two nodes, unit by unit."""

    sources: tuple[int, ...]
    """Two."""
    size: int
    """Number of outputs."""


Node = Input | Affine | Gather | Sum | Concat | Apply | Product


@dataclass(frozen=True)
class Graph:
    """A network."""

    nodes: tuple[Node, ...]
    """In order; node 0 is the only `Input`."""

    @property
    def inputs(self) -> int:
        """Size of the flat input."""
        return self.nodes[0].size

    @property
    def outputs(self) -> int:
        """Size of the flat output."""
        return self.nodes[-1].size

    def __call__(self, x: Tensor) -> Tensor:
        """`[N, inputs]` to `[N, outputs]` in the precision of `x`; differentiable."""
        values: list[Tensor] = []
        for node in self.nodes:
            values.append(x if isinstance(node, Input) else _value(node, values))
        return values[-1]

    def to(self, dtype: torch.dtype) -> Graph:
        """The graph with its weights in this precision."""
        return Graph(
            tuple(
                replace(node, weight=node.weight.to(dtype), bias=node.bias.to(dtype))
                if isinstance(node, Affine)
                else node
                for node in self.nodes
            )
        )

    def affine(self) -> list[Affine]:
        """The nodes with weights, in order."""
        return [node for node in self.nodes if isinstance(node, Affine)]

    def with_weights(self, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Graph:
        """The same structure with other weights, in the order of `affine`."""
        fresh = iter(zip(weights, biases, strict=True))
        nodes = []
        for node in self.nodes:
            if isinstance(node, Affine):
                weight, bias = next(fresh)
                if weight.shape != node.weight.shape:
                    raise ValueError(f"weights {list(weight.shape)} for {list(node.weight.shape)}")
                node = replace(node, weight=weight, bias=bias)
            nodes.append(node)
        return Graph(tuple(nodes))

    def structure_hash(self) -> str:
        """Hash of everything but the weights: two updates of one network share it."""
        digest = hashlib.sha256()
        for node in self.nodes:
            name = node.function.name if isinstance(node, Apply) else ""
            digest.update(f"{type(node).__name__} {node.sources} {node.size} {name};".encode())
            if isinstance(node, Gather):
                digest.update(node.index.numpy().tobytes())
        return digest.hexdigest()

    def weights_hash(self) -> str:
        """Hash of the structure and of every weight."""
        digest = hashlib.sha256(self.structure_hash().encode())
        for node in self.nodes:
            if isinstance(node, Affine):
                digest.update(node.weight.double().contiguous().numpy().tobytes())
                digest.update(node.bias.double().contiguous().numpy().tobytes())
        return digest.hexdigest()


def _value(node: Node, values: Sequence[Tensor]) -> Tensor:
    sources = [values[source] for source in node.sources]
    match node:
        case Affine():
            return sources[0] @ node.weight.T.to(sources[0]) + node.bias.to(sources[0])
        case Gather():
            return sources[0][:, node.index]
        case Sum():
            return sum(sources[1:], sources[0])
        case Concat():
            return torch.cat(sources, 1)
        case Apply():
            return node.function.value(sources[0])
        case Product():
            return sources[0] * sources[1]
    raise AssertionError(node)


class Builder:
    """Writes a graph node by node; each method returns the index of the new node."""

    def __init__(self, inputs: int) -> None:
        """Begin with the input."""
        self.nodes: list[Node] = [Input(inputs)]

    def size(self, node: int) -> int:
        """Outputs of a node."""
        return self.nodes[node].size

    def affine(self, source: int, weight: Tensor, bias: Tensor, roundings: int = 0) -> int:
        """Weight x + bias; two affine maps in a row stay two, as they are computed.

        Raises:
            NoBoundError: Weights that are not finite, or sizes that do not fit.
        """
        weight, bias = weight.detach().double().cpu(), bias.detach().double().cpu()
        if not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
            raise NoBoundError(
                f"Layer {len(self.nodes)} has weights that are not finite. Expected numbers. "
                "Retrain or restore the network, then type the command again."
            )
        if weight.ndim != 2 or weight.shape != (len(bias), self.size(source)):
            raise NoBoundError(
                f"Layer {len(self.nodes)} has weights {list(weight.shape)} for "
                f"{self.size(source)} inputs. Expected sizes that fit. Check the network's input."
            )
        return self._add(Affine((source,), weight, bias, roundings))

    def shift(self, source: int, by: Tensor) -> int:
        """X + by; right behind an affine node it becomes part of its bias."""
        node = self.nodes[source]
        if isinstance(node, Affine):
            bias = node.bias + by.double().cpu()
            return self.affine(node.sources[0], node.weight, bias, node.roundings + 1)
        return self.scale(source, 1.0, by)

    def scale(self, source: int, factor: Tensor | float, shift: Tensor | float = 0.0) -> int:
        """Factor x + shift, unit by unit."""
        require_small(self.size(source) ** 2)
        ones = torch.ones(self.size(source), dtype=torch.float64)
        return self.affine(source, torch.diag(ones * factor), ones * shift)

    def gather(self, source: int, index: Tensor) -> int:
        """Units `index` of the source; nothing is added for the identity."""
        if len(index) == self.size(source) and bool((index == torch.arange(len(index))).all()):
            return source
        return self._add(Gather((source,), index.long()))

    def add(self, *sources: int) -> int:
        """The sum."""
        return self._add(Sum(sources, self._one_size(sources)))

    def concat(self, *sources: int) -> int:
        """One after the other; a single one is itself."""
        if len(sources) == 1:
            return sources[0]
        return self._add(Concat(sources, sum(self.size(source) for source in sources)))

    def apply(self, source: int, function: Function) -> int:
        """The function of every unit."""
        return self._add(Apply((source,), function, self.size(source)))

    def limited(self, source: int, origin: int, law: Law) -> int:
        """The source itself, which the law bounds by what `origin` can be.

        Bounds of a ratio lose that its parts move together; what is known of the whole is said so.
        """
        return self._add(Apply((source, origin), functions.IDENTITY, self.size(source), law))

    def clip(self, source: int, least: float | Tensor, most: float | Tensor) -> int:
        """min(max(x, least), most), with ends of its own for each unit where tensors are given."""
        return self.apply(source, functions.clip(least, most))

    def product(self, left: int, right: int) -> int:
        """The product, unit by unit; of a node with itself, with the tighter rule of a square."""
        if left == right:
            return self.apply(left, functions.SQUARE)
        for gate, other in ((left, right), (right, left)):
            node = self.nodes[gate]
            if (
                isinstance(node, Apply)
                and node.function is functions.SIGMOID
                and node.sources == (other,)
            ):
                return self.apply(other, functions.SILU)
        return self._add(Product((left, right), self._one_size((left, right))))

    def graph(self, output: int) -> Graph:
        """The graph that ends in `output`, without nodes it does not need."""
        return Graph(_pruned(self.nodes, output))

    def _one_size(self, sources: Sequence[int]) -> int:
        sizes = {self.size(source) for source in sources}
        if len(sizes) != 1:
            raise NoBoundError(
                f"Layer {len(self.nodes)} joins vectors of sizes {sorted(sizes)}. Expected one "
                "size. Check the network's shapes."
            )
        return sizes.pop()

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1


def require_small(entries: int) -> None:
    """Refuse a layer that would become too large a dense matrix.

    Raises:
        NoBoundError: It would.
    """
    if entries > MOST_WEIGHTS:
        raise NoBoundError(
            f"A layer would become a matrix of {entries} entries. Expected at most {MOST_WEIGHTS}. "
            "Verify a smaller network."
        )


def _pruned(nodes: Sequence[Node], output: int) -> tuple[Node, ...]:
    needed = {0, output}
    for index in range(output, 0, -1):
        if index in needed:
            needed.update(nodes[index].sources)
    order = sorted(needed)
    place = {old: new for new, old in enumerate(order)}
    moved = [_moved(nodes[index], place) for index in order]
    if output == 0:  # a network that is the identity still ends in a node of its own
        moved.append(Gather((0,), torch.arange(nodes[0].size)))
    return tuple(moved)


def _moved(node: Node, place: dict[int, int]) -> Node:
    return replace(node, sources=tuple(place[source] for source in node.sources))
