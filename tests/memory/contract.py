"""What every vector store must do. Subclass `StoreContract` and give it the fixture `factory`.

    class TestMine(StoreContract):
        @pytest.fixture
        def factory(self, tmp_path):
            return lambda name="a", dim=4, metric="cosine": open_store(tmp_path / name, dim, metric)

`factory(name, dim, metric)` opens the store of that name, making it when there is none; the same
name opens the same rows again where `keeps` is true. Expected answers come from `InMemoryStore`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from daneel.errors import DaneelError, MemoryStoreError
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import METRICS, Hits, VectorStore
from tests.memory.conditions import CONDITIONS, ENTRIES

DIM = 4


class Factory(Protocol):
    """Opens the store of a name."""

    def __call__(self, name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
        """The store."""
        ...


def rows_of(count: int, dim: int = DIM, seed: int = 0) -> tuple[list[str], NDArray[np.float32]]:
    """Ids `row0, row1, ...` and gaussian vectors `[count, dim]`."""
    vectors = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return [f"row{i}" for i in range(count)], vectors


def assert_hits(found: Hits, expected: Hits, asked: object = "") -> None:
    """Same ids, scores and metadata; scores to a few float32 roundings."""
    np.testing.assert_array_equal(found.ids, expected.ids, repr(asked))
    np.testing.assert_allclose(found.scores, expected.scores, 1e-4, 1e-5, err_msg=repr(asked))
    assert found.metadata == expected.metadata, asked
    assert found.scores.dtype == np.float32 and found.ids.dtype == object


@contextmanager
def refused(*errors: type[Exception], words: str = "") -> Iterator[None]:
    """The block raises one of `errors` (ValueError if none is given) with a full message."""
    with pytest.raises(errors or ValueError, match=words or None) as caught:
        yield
    assert len(str(caught.value)) > 20


class StoreContract:
    """The tests."""

    keeps = True
    """Whether the rows are there again after closing and opening."""

    @pytest.fixture
    def factory(self) -> Factory:
        """Opens stores; every subclass gives its own."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, factory: Factory) -> Iterator[VectorStore]:
        """An empty store."""
        with factory() as store:
            yield store

    def test_empty(self, store: VectorStore) -> None:
        """An empty store finds nothing, at the asked shape."""
        assert (len(store), store.dim, store.metric) == (0, DIM, "cosine")
        assert_hits(
            store.search(np.ones((2, DIM)), 3), InMemoryStore(DIM).search(np.ones((2, DIM)), 3)
        )
        assert store.get(["x"]).ids == [] and store.get(["x"]).vectors.shape == (0, DIM)
        assert store.delete(["x"]) == 0 and store.delete([]) == 0
        store.add([], np.zeros((0, DIM)))
        store.flush()
        assert len(store) == 0

    @pytest.mark.parametrize("metric", METRICS)
    def test_search_equals_the_oracle(self, factory: Factory, metric: str) -> None:
        """Ids, scores, order and metadata are those of an exact search."""
        ids, vectors = rows_of(60)
        entries = [{"n": i} for i in range(60)]
        queries = np.random.default_rng(1).normal(size=(5, DIM)).astype(np.float32)
        with factory("m" + metric, DIM, metric) as store:
            oracle = InMemoryStore(DIM, metric)
            for each in (store, oracle):
                each.add(ids, vectors, entries)
            for k in (1, 7, 60, 70):
                assert_hits(store.search(queries, k), oracle.search(queries, k))
            assert_hits(store.search(queries[0], 3), oracle.search(queries[0], 3))

    @pytest.mark.parametrize("metric", METRICS)
    def test_ties_and_zeros(self, factory: Factory, metric: str) -> None:
        """Equal scores come in the order of ids; zero vectors are stored, found and asked."""
        vectors = np.array([[1, 0, 0, 0]] * 3 + [[0, 0, 0, 0]] + [[-1, 0, 0, 0]], np.float32)
        ids = ["b", "c", "a", "zero", "minus"]
        with factory("t" + metric, DIM, metric) as store:
            oracle = InMemoryStore(DIM, metric)
            for each in (store, oracle):
                each.add(ids, vectors)
            for query in (vectors[0], vectors[3]):
                assert_hits(store.search(query, 5), oracle.search(query, 5))
                assert_hits(store.search(query, 2), oracle.search(query, 2))

    def test_vectors_come_back_as_added(self, store: VectorStore) -> None:
        """Bit for bit, not normalised, in the order asked for; unknown ids are passed over."""
        values = np.array([[3, 4, 0, 0], [1e-30, 0, 0, -0.0], [1e18, 1, 2, 3]], np.float32)
        store.add(["x", "y", "z"], values, ENTRIES[:3])
        rows = store.get(["z", "none", "x", "y"])
        assert rows.ids == ["z", "x", "y"]
        assert rows.vectors.tobytes() == values[[2, 0, 1]].tobytes()
        assert rows.metadata == [ENTRIES[2], ENTRIES[0], ENTRIES[1]]

    def test_upsert(self, store: VectorStore) -> None:
        """A second add of an id replaces vector and metadata whole."""
        store.add(["x", "y"], np.eye(DIM)[:2], [{"a": 1, "b": 2}, {}])
        store.add(["x", "z"], np.eye(DIM)[2:], [{"a": 3}, {}])
        assert len(store) == 3
        rows = store.get(["x"])
        assert rows.metadata == [{"a": 3}] and rows.vectors.tolist() == [[0, 0, 1, 0]]
        assert store.search(np.eye(DIM)[2], 1).ids[0, 0] == "x"
        assert store.search(np.eye(DIM)[0], 3).scores[0].max() == 0

    def test_delete(self, store: VectorStore) -> None:
        """Deleted rows are gone at once and may come back."""
        ids, vectors = rows_of(10)
        store.add(ids, vectors)
        assert store.delete(["row3", "none", "row4"]) == 2
        assert len(store) == 8 and store.get(["row3"]).ids == []
        assert "row3" not in store.search(vectors[3], 10).ids
        assert store.delete(["row3"]) == 0
        store.add(["row3"], vectors[3:4])
        assert store.search(vectors[3], 1).ids[0, 0] == "row3"

    def test_where_equals_the_oracle(self, store: VectorStore) -> None:
        """Every operator, on present, absent and differently typed fields."""
        ids, vectors = rows_of(len(ENTRIES))
        oracle = InMemoryStore(DIM)
        for each in (store, oracle):
            each.add(ids, vectors, ENTRIES)
        queries = np.ones((2, DIM))
        for where in CONDITIONS:
            expected = oracle.search(queries, 4, where)
            assert_hits(store.search(queries, 4, where), expected, where)

    def test_metadata_is_kept_exactly(self, store: VectorStore) -> None:
        """Any JSON value, unusual keys and text included; what a caller changes later is not."""
        entry = {
            "": 0,
            "ключ": "зн\u0000\n'\"\\%",
            "big": 2**53,
            "f": 0.1,
            "l": [[], {}],
            "n": None,
        }
        given = dict(entry)
        store.add(["é'; DROP TABLE rows; --", "b\n%_"], np.eye(DIM)[:2], [given, {}])
        given["f"] = 7
        assert store.get(["é'; DROP TABLE rows; --"]).metadata == [entry]
        assert store.get(["b\n%_"]).ids == ["b\n%_"]
        found: Any = store.search(np.eye(DIM)[0], 1).metadata
        assert found == [[entry]]
        found[0][0]["f"] = 9
        assert store.get(["é'; DROP TABLE rows; --"]).metadata == [entry]
        assert store.delete(["b\n%_"]) == 1

    def test_bad_arguments_write_nothing(self, store: VectorStore) -> None:
        """A clear error each, and the store is as it was."""
        store.add(["x"], np.ones((1, DIM)), [{"a": 1}])
        untyped: Any = store
        good = np.ones((2, DIM))
        bad = good.copy()
        bad[1, 0] = np.nan
        with refused(words="shape"):
            store.add(["x", "y"], np.ones((2, DIM + 1)))
        with refused(words="dtype"):
            store.add(["x", "y"], np.array([["a"] * DIM] * 2))
        with refused(words="NaN"):
            store.add(["x", "y"], bad)
        with refused(words="second time"):
            store.add(["y", "y"], good)
        with refused(words="ids"):
            store.add(["y"], good)
        for ids in (["y", ""], ["y", 3], "yz"):
            with refused():
                untyped.add(ids, good)
        for metadata in ([{}], [{}, {"a": object()}], [{}, {1: 2}], [{}, {"a": float("nan")}]):
            with refused():
                untyped.add(["x", "y"], good, metadata)
        assert len(store) == 1 and store.get(["x", "y"]).metadata == [{"a": 1}]

    def test_bad_questions(self, store: VectorStore) -> None:
        """Searches that cannot be answered say why."""
        untyped: Any = store
        for query in (np.ones(DIM + 1), np.full(DIM, np.inf), np.array(["a"] * DIM)):
            with refused():
                store.search(query, 1)
        for k in (0, -1, 1.5, True):
            with refused(words="k is"):
                untyped.search(np.ones(DIM), k)
        for where in ({"a": {"in": 3}}, {"a": {"exists": 1}}, {"a": {"lt": None}}, ["a"]):
            with refused(words="where"):
                untyped.search(np.ones(DIM), 1, where)
        with refused(DaneelError, words="operator"):
            store.search(np.ones(DIM), 1, {"a": {"like": "x"}})

    def test_closed(self, factory: Factory) -> None:
        """A closed store refuses everything but closing again."""
        store = factory("closed")
        store.close()
        store.close()
        calls = (
            lambda: store.add(["x"], np.ones((1, DIM))),
            lambda: store.search(np.ones(DIM), 1),
            lambda: store.get(["x"]),
            lambda: store.delete(["x"]),
            lambda: len(store),
            store.flush,
        )
        for call in calls:
            with refused(MemoryStoreError, words="closed"):
                call()

    def test_reopened(self, factory: Factory) -> None:
        """What was added, replaced and deleted is so after opening again."""
        if not self.keeps:
            pytest.skip("this store forgets when it is closed")
        ids, vectors = rows_of(30)
        with factory("kept") as store:
            store.add(ids, vectors, [{"n": i} for i in range(30)])
            store.delete(["row5"])
            store.add(["row6"], vectors[:1], [{"new": True}])
        with factory("kept") as store:
            assert len(store) == 29 and store.get(["row5"]).ids == []
            assert store.get(["row6"]).metadata == [{"new": True}]
            assert set(store.search(vectors[0], 2).ids[0]) == {"row0", "row6"}
            store.add(["row5"], vectors[5:6])
            assert len(store) == 30

    def test_another_shape_is_refused(self, factory: Factory) -> None:
        """Opening with another dimension or metric raises and changes nothing."""
        if not self.keeps:
            pytest.skip("this store forgets when it is closed")
        with factory("shape") as store:
            store.add(["x"], np.ones((1, DIM)))
        with refused(ValueError, MemoryStoreError, words="dim"):
            factory("shape", DIM + 1)
        with refused(ValueError, MemoryStoreError, words="metric"):
            factory("shape", DIM, "l2")
        with factory("shape") as store:
            assert len(store) == 1

    def test_unknown_metric(self, factory: Factory) -> None:
        """A metric that does not exist is refused."""
        with refused(words="metric"):
            factory("metric", DIM, "hamming")

    def test_threads(self, store: VectorStore) -> None:
        """Eight threads write, search and delete at once; every row that should be is."""
        failures: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for turn in range(3):
                    ids = [f"{number}-{turn}-{i}" for i in range(4)]
                    vectors = np.full((4, DIM), number + 1, np.float32)
                    store.add(ids, vectors)
                    assert store.search(vectors[0], 2).ids[0, 0] is not None
                    assert store.delete(ids[:1]) == 1
                    assert store.get(ids).ids == ids[1:]
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures and len(store) == 8 * 3 * 3
