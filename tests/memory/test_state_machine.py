"""Any sequence of add, replace, delete, search, compact and restart equals a dictionary."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daneel.memory.in_memory import InMemoryStore
from daneel.memory.indexes.store import FaissVectorStore
from daneel.memory.lance.store import LanceStore
from daneel.memory.protocol import VectorStore
from tests.memory.contract import assert_hits

DIM = 3
IDS = st.lists(st.sampled_from([f"id{i}" for i in range(8)]), unique=True, max_size=5)
VALUES = st.sampled_from([-1.0, 0.0, 0.5, 1.0])
VECTOR = st.lists(VALUES, min_size=DIM, max_size=DIM)
ROOM = st.sampled_from([{}, {"room": "a"}, {"room": "b", "n": 1}, {"n": 2.5}, {"n": None}])
WHERE = st.sampled_from([None, {"room": "a"}, {"n": {"gte": 1}}, {"room": {"ne": "a"}}])


class Machine(RuleBasedStateMachine):
    """A store next to the oracle."""

    def __init__(self) -> None:
        """Both empty."""
        super().__init__()
        self.oracle, self.store = InMemoryStore(DIM, "l2"), self.open()

    def open(self) -> VectorStore:
        """The store under test."""
        return FaissVectorStore(DIM, "l2", tail_rows=2)

    @rule(ids=IDS, data=st.data())
    def add(self, ids: list[str], data: Any) -> None:
        """Add or replace."""
        vectors = np.array([data.draw(VECTOR) for _ in ids], np.float32).reshape(-1, DIM)
        metadata = [data.draw(ROOM) for _ in ids]
        for each in (self.store, self.oracle):
            each.add(ids, vectors, metadata)

    @rule(ids=IDS)
    def delete(self, ids: list[str]) -> None:
        """Delete."""
        assert self.store.delete(ids) == self.oracle.delete(ids)

    @rule(query=VECTOR, k=st.integers(1, 9), where=WHERE)
    def search(self, query: list[float], k: int, where: Any) -> None:
        """Search, also with a condition."""
        asked = np.array(query, np.float32)
        assert_hits(self.store.search(asked, k, where), self.oracle.search(asked, k, where))

    @rule()
    def flush(self) -> None:
        """Bring the index up to date."""
        self.store.flush()

    @invariant()
    def same_rows(self) -> None:
        """Every row is there as it was added."""
        ids = [f"id{i}" for i in range(8)]
        found, expected = self.store.get(ids), self.oracle.get(ids)
        assert (found.ids, found.metadata) == (expected.ids, expected.metadata)
        assert found.vectors.tobytes() == expected.vectors.tobytes()
        assert len(self.store) == len(self.oracle)


class LanceMachine(Machine):
    """The durable store, closed, killed, reopened and compacted at any time."""

    def open(self) -> VectorStore:
        """In a folder of its own."""
        if not hasattr(self, "folder"):
            self.folder = tempfile.mkdtemp()
        return LanceStore(Path(self.folder, "store"), DIM, "l2")

    @rule()
    def restart(self) -> None:
        """Close and open."""
        self.store.close()
        self.store = self.open()

    @rule()
    def abandon(self) -> None:
        """Open again without having closed, as after a kill."""
        self.store = self.open()

    @rule()
    def compact(self) -> None:
        """Drop what no longer counts."""
        assert isinstance(self.store, LanceStore)
        self.store.compact()
        assert self.store.verify() == ()

    def teardown(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


TestFaissMachine = Machine.TestCase
TestFaissMachine.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestLanceMachine = LanceMachine.TestCase
TestLanceMachine.settings = settings(
    max_examples=8,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
