"""Who gets in: tokens, certificates, rights by collection, and addresses that are refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daneel.errors import ConfigError, MemoryStoreError
from daneel.evaluation.bench.memory_trust import Authority
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.service.access import ANYONE, Access, load_access, make_access
from daneel.memory.service.address import parse_address
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.serving import ServeOptions, make_server
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.service.threaded import serving
from daneel.memory.service.tls import ClientTls, ServerTls

WRITER, READER = "the-token-of-a-writer", "the-token-of-a-reader"
ENTRIES = [
    {"name": "writer", "token": WRITER, "rules": {"*": "create"}},
    {
        "name": "reader",
        "sha256": hashlib.sha256(READER.encode()).hexdigest(),
        "rules": {"a": "read", "b": "write"},
    },
]


@pytest.fixture(scope="module")
def server() -> Iterator[MemoryServer]:
    """A server that knows two callers by their tokens."""
    shelf = FixedShelf({each: InMemoryStore(2) for each in "abc"}, InMemoryStore)
    with serving(MemoryServer(shelf, access=make_access(ENTRIES))) as server:
        yield server


@pytest.mark.parametrize("token", [None, "", "wrong", WRITER[:-1], WRITER + "x", WRITER.upper()])
def test_wrong_tokens_are_refused(server: MemoryServer, token: str | None) -> None:
    """Whatever it looks like, and without saying what a right one is."""
    with pytest.raises(MemoryStoreError, match="unauthenticated") as caught:
        RemoteMemory(f"{server.address}/a", token=token)
    assert WRITER not in str(caught.value)


def test_rights_by_collection(server: MemoryServer) -> None:
    """Read, write, nothing; making collections is a right of its own."""
    with RemoteMemory(f"{server.address}/a", token=READER) as store:
        assert store.search([1, 0], 1).ids.tolist() == [[None]]
        for write in (lambda: store.add(["x"], [[1, 0]]), lambda: store.delete(["x"]), store.flush):
            with pytest.raises(MemoryStoreError, match="'reader' may not write"):
                write()
        with pytest.raises(MemoryStoreError, match="may not write"):
            store.push_stream([(["x"], [[1, 0]], None)])
    with RemoteMemory(f"{server.address}/b", token=READER) as store:
        store.add(["x"], [[1, 0]])
    with pytest.raises(MemoryStoreError, match="may not read"):
        RemoteMemory(f"{server.address}/c", token=READER)
    with pytest.raises(MemoryStoreError, match="may not read"):
        RemoteMemory(f"{server.address}/new", 2, token=READER)
    with RemoteMemory(f"{server.address}/new", 2, token=WRITER) as store:
        assert len(store) == 0


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each known digest is compared, by the function that takes as long for any."""
    import hmac

    compared = list[Any]()

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    access = make_access(ENTRIES)
    for token in (WRITER, READER, "no"):
        access.identify(f"Bearer {token}", None)
    assert len(compared) == 6


def test_a_wrong_token_is_not_made_up_for_by_a_certificate() -> None:
    """Nor does anybody get in by a scheme that is not Bearer."""
    access = make_access([*ENTRIES, {"name": "c", "certificate": "node", "rules": {"*": "read"}}])
    found = access.identify(None, "node")
    assert found is not None and found.name == "c"
    assert access.identify("Bearer no", "node") is None
    assert access.identify(f"Basic {WRITER}", None) is None
    assert access.identify(None, "other") is None and access.identify(None, None) is None
    assert Access().identify(None, None) is ANYONE


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs for both sides."""
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Iterator[MemoryServer]:
    """A server that asks for client certificates and knows the names on them."""
    tls = ServerTls(*authority.issue("server"), client_ca=authority.path)
    entries = [{"name": "node", "certificate": "node", "rules": {"a": "read"}}]
    shelf = FixedShelf({"a": InMemoryStore(2)})
    with serving(MemoryServer(shelf, tls=tls, access=make_access(entries))) as server:
        assert server.address.startswith("grpcs://")
        yield server


def test_mutual_tls(secure: MemoryServer, authority: Authority) -> None:
    """A certificate of the authority gets in, with the rights of its name."""
    tls = ClientTls(authority.path, *authority.issue("node"))
    with RemoteMemory(f"{secure.address}/a", tls=tls) as store:
        assert len(store) == 0
        with pytest.raises(MemoryStoreError, match="'node' may not write"):
            store.add(["x"], [[1, 0]])
    stranger = ClientTls(authority.path, *authority.issue("stranger"))
    with pytest.raises(MemoryStoreError, match="unauthenticated"):
        RemoteMemory(f"{secure.address}/a", tls=stranger)


def test_expired_foreign_and_missing_certificates(
    secure: MemoryServer, authority: Authority, tmp_path: Path
) -> None:
    """None of them gets a connection; neither does a client that trusts another authority."""
    expired = ClientTls(authority.path, *authority.issue("expired", days=-1))
    foreign = Authority(tmp_path)
    wrong = ClientTls(authority.path, *foreign.issue("node"))
    doubtful = ClientTls(foreign.path, *authority.issue("node"))
    for tls in (expired, wrong, doubtful, ClientTls(authority.path)):
        with pytest.raises(MemoryStoreError):
            RemoteMemory(f"{secure.address}/a", tls=tls, timeout_s=3)
    with pytest.raises(MemoryStoreError):
        RemoteMemory(f"{secure.address.replace('grpcs', 'grpc')}/a", timeout_s=3)


def test_a_server_with_an_expired_certificate_is_not_trusted(authority: Authority) -> None:
    """The client refuses it."""
    tls = ServerTls(*authority.issue("old", days=-1))
    with serving(MemoryServer(FixedShelf({"a": InMemoryStore(2)}), tls=tls)) as server:
        with pytest.raises(MemoryStoreError):
            RemoteMemory(f"{server.address}/a", tls=ClientTls(authority.path), timeout_s=3)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "memory.example"])
def test_other_machines_get_in_only_with_tls_and_a_name(host: str, authority: Authority) -> None:
    """TLS alone is too little, and so are tokens alone."""
    shelf, access = FixedShelf({}), make_access(ENTRIES)
    tls = ServerTls(authority.path, authority.path)
    too_little: list[dict[str, Any]] = [{}, {"tls": tls}, {"access": access}]
    for options in too_little:
        with pytest.raises(ConfigError, match="other machines"):
            MemoryServer(shelf, host=host, **options)
    MemoryServer(shelf, host=host, tls=tls, access=access)
    MemoryServer(shelf, host=host, tls=ServerTls(authority.path, authority.path, authority.path))
    for loopback in ("127.0.0.1", "localhost", "::1"):
        MemoryServer(shelf, host=loopback)


def test_tokens_do_not_travel_in_plain_text() -> None:
    """A client refuses before it connects."""
    with pytest.raises(ValueError, match="plain text"):
        RemoteMemory("grpc://memory.example/a", token=WRITER)
    assert parse_address("grpcs://[::1]:9/a").target == "[::1]:9"
    assert str(parse_address("grpc://host")) == "grpc://host:7420/default"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "no name"),
        ({"name": "a"}, "exactly one"),
        ({"name": "a", "token": "short"}, "16"),
        ({"name": "a", "sha256": "zz"}, "64"),
        ({"name": "a", "token": WRITER, "certificate": "b"}, "exactly one"),
        ({"name": "a", "token": WRITER, "rules": {"a": "all"}}, "rules"),
        ({"name": "a", "token": WRITER, "role": "x"}, "role"),
    ],
)
def test_wrong_access_files(tmp_path: Path, entry: Any, words: str) -> None:
    """Each says which entry and what is wrong with it."""
    path = tmp_path / "access.json"
    path.write_text(json.dumps([entry]))
    with pytest.raises(ConfigError, match=words):
        load_access(path)
    path.write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_access(path)


def test_options_that_go_together(tmp_path: Path) -> None:
    """A certificate without its key, an authority without TLS, files that are not there."""
    for options in (
        ServeOptions("memory://", certificate=tmp_path / "c"),
        ServeOptions("memory://", client_ca=tmp_path / "c"),
        ServeOptions("memory://", access=tmp_path / "none"),
        ServeOptions("memory://", host="0.0.0.0"),
    ):
        with pytest.raises(ConfigError):
            make_server(options)
    with pytest.raises(ConfigError, match="go together"):
        ClientTls(certificate=tmp_path / "c").credentials()
    assert np.isclose(make_server(ServeOptions("memory://")).limits.message_bytes, 32 << 20)
