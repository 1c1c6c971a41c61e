"""What is verified: for every input of a box, the output stays out of an unsafe set.

The unsafe set is a union of polyhedra `rows y <= offsets` (a disjunction of conjunctions of linear
inequalities); a property is a list of such cases, which all have to hold. Inequalities may speak of
the inputs too: then rows have outputs + inputs columns, `[y, x]`.

Legend: D inputs, A outputs, K inequalities; everything float64.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.verification.graph import Concat, Graph
from daneel.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Polyhedron:
    """All y with rows y <= offsets."""

    rows: Tensor
    """`[K, A]` or `[K, A + D]`; no rows is the whole space."""
    offsets: Tensor
    """`[K]`."""
    strict: bool = False
    """Whether the inequalities are strict: then touching the edge is safe."""
    edges: tuple[bool, ...] = ()
    """Where strict and closed ones mix, which are strict. A proof takes all of them as closed,
    which only makes the set larger; a witness has to meet each as it is."""

    def contains(self, y: Tensor) -> Tensor:
        """Which rows of `y [N, A]` are inside, `[N]`."""
        left = y.double() @ self.rows.T
        strict = torch.tensor(self.edges or (self.strict,) * len(self.offsets), dtype=torch.bool)
        return torch.where(strict, left < self.offsets, left <= self.offsets).all(1)

    def moved(self, rows: Tensor, offsets: Tensor) -> Polyhedron:
        """The same inequalities with other numbers."""
        return Polyhedron(rows, offsets, self.strict, self.edges)

    def gap(self, y: Tensor) -> Tensor:
        """How far each `y [N, A]` is outside: the most violated inequality, `[N]`."""
        if len(self.offsets) == 0:
            return torch.full((len(y),), -torch.inf, dtype=y.dtype)
        return (y @ self.rows.to(y).T - self.offsets.to(y)).amax(1)

    def excluded(self, least: Tensor, offsets: Tensor) -> Tensor:
        """Whether lower bounds `least [N, K]` of rows y prove each box to be outside."""
        return ((least >= offsets) if self.strict else (least > offsets)).any(1)


@dataclass(frozen=True, eq=False)
class Case:
    """One box, and what its outputs must avoid."""

    low: Tensor
    """`[D]`."""
    high: Tensor
    """`[D]`."""
    unsafe: tuple[Polyhedron, ...]
    """A union."""

    def contains(self, x: Tensor, y: Tensor) -> Tensor:
        """Which pairs of input `[N, D]` and output `[N, A]` break the property."""
        inside = ((x.double() >= self.low) & (x.double() <= self.high)).all(1)
        unsafe = torch.zeros(len(x), dtype=torch.bool)
        for polyhedron in self.unsafe:
            joined = y if polyhedron.rows.shape[1] == y.shape[1] else torch.cat([y, x.to(y)], 1)
            unsafe |= polyhedron.contains(joined)
        return inside & unsafe


@dataclass(frozen=True, eq=False)
class Property:
    """What must hold: no case has an unsafe input."""

    cases: tuple[Case, ...]
    """All of them must hold."""
    name: str = "property"
    """For messages."""

    def __post_init__(self) -> None:
        """Refuse empty boxes, ends that are not finite, and sizes that do not fit.

        Raises:
            ConfigError: What is wrong.
        """
        if not self.cases:
            raise ConfigError(
                f"{self.name} has no case. Expected at least one box with an unsafe set. "
                "Add an input box."
            )
        for case in self.cases:
            _require_box(self.name, case)

    @property
    def inputs(self) -> int:
        """Inputs of the network that it is about."""
        return len(self.cases[0].low)

    def hash(self) -> str:
        """Hash of everything that it says, independent of its name."""
        digest = hashlib.sha256()
        for case in self.cases:
            digest.update(case.low.numpy().tobytes() + case.high.numpy().tobytes())
            for part in case.unsafe:
                digest.update(f"{list(part.rows.shape)} {part.strict}".encode())
                digest.update(part.rows.contiguous().numpy().tobytes())
                digest.update(part.offsets.numpy().tobytes())
        return digest.hexdigest()

    def on(self, graph: Graph) -> Graph:
        """The graph that the rows speak of: with the inputs behind the outputs where they do.

        Raises:
            ConfigError: The property is about a network of other sizes.
        """
        widths = {part.rows.shape[1] for case in self.cases for part in case.unsafe}
        sizes = {graph.outputs, graph.outputs + graph.inputs}
        if graph.inputs != self.inputs or not widths <= sizes:
            raise ConfigError(
                f"{self.name} has {self.inputs} inputs and inequalities over {sorted(widths)} "
                f"values; the network has {graph.inputs} inputs and {graph.outputs} outputs. "
                "Expected a property of this network. Check which network it was written for."
            )
        if widths <= {graph.outputs}:
            return graph
        last = len(graph.nodes) - 1
        joined = Concat((last, 0), graph.outputs + graph.inputs)
        return Graph((*graph.nodes, joined))

    def widened(self, graph: Graph) -> Property:
        """The same property with all rows as wide as the outputs of `graph` (see `on`)."""
        cases = []
        for case in self.cases:
            parts = []
            for part in case.unsafe:
                missing = graph.outputs - part.rows.shape[1]
                rows = torch.nn.functional.pad(part.rows, (0, missing))
                parts.append(part.moved(rows, part.offsets))
            cases.append(Case(case.low, case.high, tuple(parts)))
        return Property(tuple(cases), self.name)


def _require_box(name: str, case: Case) -> None:
    if case.low.ndim != 1 or case.low.shape != case.high.shape:
        raise ConfigError(
            f"{name} has a box with corners {list(case.low.shape)} and {list(case.high.shape)}. "
            "Expected one number an input in both. Check its input."
        )
    if not bool((torch.isfinite(case.low) & torch.isfinite(case.high)).all()):
        raise ConfigError(
            f"{name} has an input without finite bounds. Expected both ends of every input. "
            "Bound every input."
        )
    if not bool((case.low <= case.high).all()):
        worst = int((case.low - case.high).argmax())
        raise ConfigError(
            f"{name} has an empty box: input {worst} goes from {float(case.low[worst])} to "
            f"{float(case.high[worst])}. Expected low <= high. Swap the ends."
        )


def stay_within(
    low: Sequence[float] | Tensor,
    high: Sequence[float] | Tensor,
    least: Sequence[float] | Tensor,
    most: Sequence[float] | Tensor,
    name: str = "output bounds",
) -> Property:
    """For inputs in [low, high], outputs stay within [least, most]; infinite ends are free."""
    floor = torch.as_tensor(least, dtype=torch.float64)
    ceiling = torch.as_tensor(most, dtype=torch.float64)
    eye = torch.eye(len(floor), dtype=torch.float64)
    unsafe = []
    for unit in range(len(floor)):
        if bool(torch.isfinite(floor[unit])):
            unsafe.append(Polyhedron(eye[unit : unit + 1], floor[unit : unit + 1], strict=True))
        if bool(torch.isfinite(ceiling[unit])):
            row, end = -eye[unit : unit + 1], -ceiling[unit : unit + 1]
            unsafe.append(Polyhedron(row, end, strict=True))
    start, end = (torch.as_tensor(corner, dtype=torch.float64) for corner in (low, high))
    return Property((Case(start, end, tuple(unsafe)),), name)
