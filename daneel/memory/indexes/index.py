"""An approximate index tuned on its own data to a recall, and the exact scan where it falls short.

A search uses the quickest setting that reached the target on sampled rows. A query that is further
from everything than rows are from each other is asked again with a setting tuned on such queries.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes import exact, tuning
from daneel.memory.indexes.exact import Found
from daneel.memory.indexes.gpu import GpuLists
from daneel.memory.indexes.keep import SELECTIVE, Keep
from daneel.memory.indexes.kind import Kind, Setting, prepared
from daneel.memory.indexes.tuning import LEVELS, Plan
from daneel.memory.protocol import Metric
from daneel.registry import Entry, Registry

KINDS = Registry(
    "index",
    Entry("flat", "daneel.memory.indexes.exact:scan", "no index: every vector is looked at"),
    Entry("ivf", "daneel.memory.indexes.ivf:Ivf", "inverted lists"),
    Entry("hnsw", "daneel.memory.indexes.hnsw:Hnsw", "small-world graph"),
    Entry("pq", "daneel.memory.indexes.pq:Pq", "product quantisation, scored again"),
    Entry("lsh", "daneel.memory.indexes.lsh:Lsh", "locality-sensitive hashing, scored again"),
)
"""Kinds of index."""

SMALL = 2_000
"""Below so many rows a scan is as quick as any index."""


class TunedIndex:
    """Search over vectors `[N, D]` in memory or mapped from a file."""

    def __init__(
        self,
        kind: Kind | None,
        index: faiss.Index | None,
        vectors: NDArray[np.float32],
        metric: Metric,
        recall: float,
        plans: dict[int, Plan] | None = None,
    ) -> None:
        """Of a built FAISS index; None and None scan exactly."""
        self.kind, self.vectors, self.recall = kind, vectors, recall
        self.metric: Metric = metric
        self._index: Any = index
        self._gpu = GpuLists.of(index)
        self.plans = dict(plans or {})
        self._parameters: dict[Setting, Any] = {}

    @classmethod
    def build(
        cls, name: str, vectors: NDArray[np.float32], metric: Metric, recall: float, seed: int = 0
    ) -> TunedIndex:
        """Build and tune the kind `name`; few vectors get no index.

        Raises:
            UnknownNameError: There is no such kind.
        """
        KINDS.entry(name)
        if name == "flat" or len(vectors) < SMALL:
            return cls(None, None, vectors, metric, recall)
        kind: Kind = KINDS.load(name)()
        built = cls(kind, kind.build(vectors, metric, seed), vectors, metric, recall)
        for level in LEVELS[:2]:
            built.plan(level, None)
        return built

    def search(self, queries: NDArray[np.float32], k: int, keep: Keep | None = None) -> Found:
        """The k nearest rows of each of the queries `[Q, D]`, of those in `keep` if given."""
        if self.kind is None or k > LEVELS[-1]:
            return self.scan(queries, k, keep)
        if keep is not None and keep.count <= SELECTIVE:
            return self.scan(queries, k, keep)
        plan = self.plan(k, keep)
        scores, positions = self.ask(queries, k, plan.near, keep)
        again = (scores[:, 0] < plan.threshold) | (positions[:, -1] < 0)
        if again.any():
            scores[again], positions[again] = self._widely(queries[again], k, plan, keep)
        return scores, positions

    def _widely(self, queries: NDArray[np.float32], k: int, plan: Plan, keep: Keep | None) -> Found:
        scores, positions = self.ask(queries, k, plan.far, keep)
        short = positions[:, -1] < 0
        if short.any():
            scores[short], positions[short] = self.scan(queries[short], k, keep)
        return scores, positions

    def plan(self, k: int, keep: Keep | None) -> Plan:
        """The settings for that many hits, tuned now if they are asked for the first time."""
        level = 10 if k <= 10 else next(level for level in LEVELS if level >= k)
        plans = self.plans if keep is None else keep.plans
        if level not in plans:
            plans[level] = tuning.tune(self, level, keep)
        return plans[level]

    def ladder(self) -> list[Setting]:
        """Settings from the quickest to the most thorough."""
        return [] if self.kind is None else self.kind.settings(self._index)

    def scan(self, queries: NDArray[np.float32], k: int, keep: Keep | None) -> Found:
        """The exact answer."""
        if keep is None:
            return exact.scan(queries, self.vectors, k, self.metric)
        if keep.count > SELECTIVE:
            return exact.scan(queries, self.vectors, k, self.metric, keep.mask)
        scores, at = exact.scan(queries, keep.gathered(self.vectors), k, self.metric)
        at[at >= 0] = keep.positions[at[at >= 0]]
        return scores, at

    def ask(
        self,
        queries: NDArray[np.float32],
        k: int,
        setting: Setting | None,
        keep: Keep | None,
        rescored: bool = True,
    ) -> Found:
        """The answer of one setting; None is the exact one.

        `rescored` false leaves a rough kind's own order, to show what it alone would reach.
        """
        if setting is None or self.kind is None:
            return self.scan(queries, k, keep)
        rough = self.kind.rescored and rescored
        count = min(k * setting.factor if rough else k, len(self.vectors))
        asked = prepared(queries, self.metric)
        scores, positions = self._search(asked, max(count, k), setting, keep)
        if rough:
            return exact.rescore(queries, self.vectors, k, self.metric, positions)
        if self.kind.rescored:
            return scores, positions
        if self.metric == "l2":
            np.negative(scores, out=scores)
        if positions.min() < 0:
            scores[positions < 0] = -np.inf
        return _in_order(scores, positions)

    def _search(
        self, asked: NDArray[np.float32], count: int, setting: Setting, keep: Keep | None
    ) -> Found:
        assert self.kind is not None
        if keep is not None and not self.kind.selects:
            scores, positions = self._index.search(asked, count)
            positions[~keep.mask[positions] | (positions < 0)] = -1
            return scores, positions
        if keep is not None:
            parameters = self.kind.parameters(setting, keep.selector)
        elif self._gpu is not None and self._gpu.takes(count, setting):
            return self._gpu.search(asked, count, setting)
        else:
            parameters = self._parameters.get(setting)
            if parameters is None:
                parameters = self._parameters[setting] = self.kind.parameters(setting, None)
        return self._index.search(asked, count, params=parameters)

    def save(self, folder: Path) -> None:
        """Write `index.faiss`, if there is an index."""
        if self._index is not None:
            faiss.write_index(self._index, str(folder / "index.faiss"))

    def description(self) -> dict[str, Any]:
        """Kind, target and settings, as JSON holds them."""
        name = "flat" if self.kind is None else self.kind.name
        plans = {str(level): asdict(plan) for level, plan in self.plans.items()}
        return {"kind": name, "recall": self.recall, "plans": plans}

    @classmethod
    def load(
        cls, folder: Path, about: dict[str, Any], vectors: NDArray[np.float32], metric: Metric
    ) -> TunedIndex:
        """Map what `save` wrote; `about` is its description."""
        plans = {int(level): Plan.of(plan) for level, plan in about["plans"].items()}
        if about["kind"] == "flat":
            return cls(None, None, vectors, metric, about["recall"])
        index = faiss.read_index(str(folder / "index.faiss"), faiss.IO_FLAG_MMAP_IFC)
        kind = KINDS.load(about["kind"])()
        return cls(kind, index, vectors, metric, about["recall"], plans)


def _in_order(scores: NDArray[np.float32], positions: NDArray[np.int64]) -> Found:
    """Equal scores by position; FAISS has sorted the rest."""
    if (scores[:, 1:] == scores[:, :-1]).any():
        order = np.lexsort((positions, -scores), axis=1)
        # Where nothing was found the position is -1, and -inf sorts last by itself.
        scores = np.take_along_axis(scores, order, 1)
        positions = np.take_along_axis(positions, order, 1)
    return scores, positions
