"""Effort is the least that reaches the target on the rows themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from daneel.memory.adapters.engine import Stored
from daneel.memory.adapters.needed import Needed, Terms
from daneel.memory.adapters.store import EngineStore
from daneel.memory.adapters.tuning import EFFORTS, K, least_effort, recall, trial_queries
from daneel.memory.in_memory import score_all
from tests.memory.contract import rows_of


class FirstRows:
    """An engine whose index looks at the first `effort * width` rows only: a poor one."""

    def __init__(self, count: int, width: int) -> None:
        """Gaussian rows."""
        ids, vectors = rows_of(count, 8)
        self.rows = [Stored(*each, "{}") for each in zip(ids, vectors, strict=True)]
        self.width, self.efforts = width, list[int | None]()

    def near(
        self, keys: NDArray[np.float32], limit: int, needed: Needed, effort: int | None
    ) -> list[list[Stored]]:
        """Exact among those it looks at."""
        self.efforts.append(effort)
        seen = self.rows[: None if effort is None else effort * self.width]
        scores = score_all(keys, np.array([row.vector for row in seen]).reshape(-1, 8), "l2")
        return [[seen[at] for at in np.argsort(-row)[:limit]] for row in scores]

    def sample(self, count: int) -> list[Stored]:
        """The first."""
        return self.rows[:count]

    def write(
        self, rows: Sequence[Stored], keys: NDArray[np.float32], terms: Sequence[Terms]
    ) -> None:
        """Not asked for here."""
        raise NotImplementedError

    def read(self, ids: Sequence[str]) -> list[Stored]:
        """Not asked for here."""
        raise NotImplementedError

    def remove(self, ids: Sequence[str]) -> int:
        """Not asked for here."""
        raise NotImplementedError

    def count(self) -> int:
        """All."""
        return len(self.rows)

    def flush(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


@pytest.mark.parametrize(("width", "effort"), [(100, 16), (8, 64), (1, 512), (0, None)])
def test_the_least_effort_that_does(width: int, effort: int | None) -> None:
    """All 500 rows must be seen for a recall of 1; where no effort does, search is exact."""
    engine = FirstRows(500, width)
    assert least_effort(engine, "l2", 1.0) == effort
    assert engine.efforts == [None, *EFFORTS[: 1 + EFFORTS.index(effort or EFFORTS[-1])]]


def test_the_store_falls_back_to_exact_search() -> None:
    """A useless index costs time, never hits; a store without rows has nothing to tune."""
    engine = FirstRows(500, 0)
    store = EngineStore(engine, 8, "l2", approximate=True, recall=0.95)
    hits = store.search(engine.rows[7].vector, 3)
    assert hits.ids[0, 0] == "row7" and engine.efforts[-1] is None
    empty = FirstRows(0, 1)
    assert least_effort(empty, "l2", 1.0) is None and empty.efforts == []


def test_recall_counts_equals_and_absences() -> None:
    """A row as near as the last true hit stands for it; fewer rows than ten are all there are."""
    a, b, far = (Stored(name, np.array(v, np.float32), "{}") for name, v in
                 (("a", [1, 0]), ("b", [1, 0]), ("far", [9, 9])))  # fmt: skip
    query = np.zeros((1, 2), np.float32)
    assert recall(query, [[b]], [[a]], "l2") == 1
    assert recall(query, [[b, far]], [[a, b]], "l2") == 0.5
    assert recall(query, [[]], [[a]], "l2") == 0 and recall(query, [[]], [[]], "l2") == 0


def test_strangers_are_asked_too() -> None:
    """Half of the queries are far from every row, and of the same size."""
    rows = FirstRows(32, 1).rows
    queries = trial_queries(rows)
    assert len(queries) == 64 and K == 10
    assert 0.5 < queries[32:].std() / queries[:32].std() < 2
