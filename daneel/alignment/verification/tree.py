"""The tree of cells that a search leaves behind: which box was split where.

Leaves tile the root by construction, whatever was written into the file: a split has one dimension
and one place, and both sides are leaves or split again. So a certificate cannot leave a gap.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from daneel.alignment.verification.intervals import Interval
from daneel.errors import CheckpointError


@dataclass(frozen=True)
class Tree:
    """Splits in the order in which they were made; node 0 is the root."""

    parent: Tensor
    """`[M]` int64, the node that each split divides."""
    dimension: Tensor
    """`[M]` int64, the input that is halved."""
    place: Tensor
    """`[M]`, where. The halves of split k are nodes 2 k + 1 and 2 k + 2."""

    def leaves(self, root: Interval) -> Interval:
        """The cells of all leaves.

        Raises:
            CheckpointError: The numbers are no tree of this root.
        """
        low, high, leaf = self._cells(root)
        return Interval(low[leaf], high[leaf])

    def _cells(self, root: Interval) -> tuple[Tensor, Tensor, Tensor]:
        count, inputs = len(self.parent), root.low.shape[1]
        low = root.low.expand(2 * count + 1, inputs).clone()
        high = root.high.expand(2 * count + 1, inputs).clone()
        leaf = torch.ones(2 * count + 1, dtype=torch.bool)
        for begin, end in self._generations():
            parent, at = self.parent[begin:end], self.dimension[begin:end]
            place = self.place[begin:end].to(low.dtype)
            rows = torch.arange(len(parent))
            if not bool(leaf[parent].all()) or len(parent.unique()) < len(parent):
                raise _no_tree("splits a node twice")
            if bool(((at < 0) | (at >= inputs)).any()):
                raise _no_tree("splits an input that is not there")
            inside = (place >= low[parent, at]) & (place <= high[parent, at])
            if not bool(inside.all()):
                raise _no_tree("splits outside a cell")
            leaf[parent] = False
            for half, ends in ((1, high), (2, low)):
                child = 2 * torch.arange(begin, end) + half
                low[child], high[child] = low[parent], high[parent]
                ends[child[rows], at] = place
        return low, high, leaf

    def _generations(self) -> list[tuple[int, int]]:
        """Runs of splits whose parents were all made before the run began."""
        count = len(self.parent)
        if count and not bool(
            ((self.parent >= 0) & (self.parent <= 2 * torch.arange(count))).all()
        ):
            raise _no_tree("splits a node that does not exist yet")
        made = ((self.parent - 1) // 2).tolist()  # the split that made each parent; -1 for the root
        found, begin = [], 0
        for index, split in enumerate(made):
            if split >= begin and index > begin:
                found.append((begin, index))
                begin = index
        return [*found, (begin, count)] if count else []


@dataclass
class TreeWriter:
    """Collects the splits of a search, batch by batch."""

    parents: list[Tensor] = field(default_factory=list)
    dimensions: list[Tensor] = field(default_factory=list)
    places: list[Tensor] = field(default_factory=list)
    count: int = 0
    """Splits so far."""

    def split(self, nodes: Tensor, dimensions: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Record splits of `nodes [N]`; returns the nodes of the lower and of the upper halves."""
        index = torch.arange(self.count, self.count + len(nodes))
        self.parents.append(nodes)
        self.dimensions.append(dimensions)
        self.places.append(places.double())
        self.count += len(nodes)
        return 2 * index + 1, 2 * index + 2

    def tree(self) -> Tree:
        """What was recorded."""
        if not self.parents:
            empty = torch.zeros(0, dtype=torch.int64)
            return Tree(empty, empty, torch.zeros(0, dtype=torch.float64))
        return Tree(torch.cat(self.parents), torch.cat(self.dimensions), torch.cat(self.places))

    @classmethod
    def resume(cls, tree: Tree) -> TreeWriter:
        """A writer that goes on where `tree` ends."""
        return cls([tree.parent], [tree.dimension], [tree.place], len(tree.parent))


def leaf_nodes(tree: Tree) -> Tensor:
    """The numbers of all leaves, in the order of `Tree.leaves`."""
    leaf = torch.ones(2 * len(tree.parent) + 1, dtype=torch.bool)
    leaf[tree.parent] = False
    return leaf.nonzero()[:, 0]


def _no_tree(what: str) -> CheckpointError:
    return CheckpointError(
        f"The certificate {what}. Expected the tree of a finished proof. "
        "Delete it and type `daneel verify` to prove the property anew."
    )
