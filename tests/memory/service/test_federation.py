"""Collections of several parties read as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import Hits, VectorStore
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.federation import FederatedMemoryServer, Federation
from daneel.memory.service.requests import UnreachableError
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.service.threaded import serving
from tests.memory.contract import DIM, rows_of

IDS, VECTORS = rows_of(20)


@pytest.fixture(scope="module")
def addresses() -> Iterator[list[str]]:
    """Two members' servers, ten rows each, and the federation's in front of them."""
    with ExitStack() as stack:
        found, members = list[str](), dict[str, VectorStore]()
        for name, part in (("lab", slice(0, 10)), ("field", slice(10, 20))):
            store = InMemoryStore(DIM)
            store.add(IDS[part], VECTORS[part], [{"of": name}] * 10)
            server = stack.enter_context(serving(MemoryServer(FixedShelf({"rows": store}))))
            found.append(f"{server.address}/rows")
            members[name] = RemoteMemory(found[-1])
        federation = FederatedMemoryServer({"all": Federation(members, home="lab")})
        yield [*found, f"{stack.enter_context(serving(federation)).address}/all"]


def test_read_as_one(addresses: list[str]) -> None:
    """The nearest of both, foreign rows by their member's name, through the ordinary client."""
    with RemoteMemory(addresses[2]) as store:
        assert len(store) == 20
        hits = store.search(VECTORS[[3, 14]], 1)
        assert hits.ids.tolist() == [["row3"], ["field/row14"]]
        assert hits.metadata == [[{"of": "lab"}], [{"of": "field"}]]
        assert store.search(VECTORS, 20, {"of": "field"}).ids[0, 10] is None
        rows = store.get(["field/row14", "row3", "row14", "field/none"])
        assert rows.ids == ["field/row14", "row3"]
        np.testing.assert_array_equal(rows.vectors, VECTORS[[14, 3]])


def test_written_at_home_only(addresses: list[str]) -> None:
    """What is added is the home's; foreign rows cannot be touched."""
    with RemoteMemory(addresses[2]) as store, RemoteMemory(addresses[0]) as lab:
        store.add(["new", "other/x"], VECTORS[:2])
        assert lab.get(["new", "other/x"]).ids == ["new", "other/x"]
        for write in (lambda: store.add(["field/x"], VECTORS[:1]),
                      lambda: store.delete(["field/row14"])):  # fmt: skip
            with pytest.raises(ValueError, match="another member"):
                write()
        assert store.delete(["new", "other/x"]) == 2
        assert len(lab) == 10


class Away(InMemoryStore):
    """A member that does not answer."""

    def search(self, queries: Any, k: int, where: Any = None) -> Hits:
        """Nobody is there."""
        raise UnreachableError("It cannot be reached.")


def test_absent_members() -> None:
    """Said by default; left out when asked to."""
    here = InMemoryStore(DIM)
    here.add(IDS[:3], VECTORS[:3])
    members: dict[str, VectorStore] = {"here": here, "away": Away(DIM)}
    with pytest.raises(MemoryStoreError, match="reached"):
        Federation(members).search(VECTORS[0], 2)
    found = Federation(members, absent="skip").search(VECTORS[0], 1)
    assert found.ids.tolist() == [["here/row0"]]


def test_what_cannot_be_a_federation() -> None:
    """No members, other shapes, names that would be confused, a home that is none."""
    one, other = InMemoryStore(2), InMemoryStore(3)
    wrong: list[tuple[dict[str, VectorStore], str | None]] = [
        ({}, None), ({"a": one, "b": other}, None), ({"a/b": one}, None), ({"a": one}, "b"),
    ]  # fmt: skip
    for members, home in wrong:
        with pytest.raises(ValueError, match="Expected"):
            Federation(members, home)
    with pytest.raises(MemoryStoreError, match="no home"):
        Federation({"a": one}).add(["x"], [[1, 2]])
