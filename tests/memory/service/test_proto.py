"""The shipped descriptor is that of `memory.proto`."""

from __future__ import annotations

import pytest

from daneel.memory.service.compile_proto import DESCRIPTOR, compile_proto
from daneel.memory.service.messages import message, methods


def test_descriptor_is_that_of_the_file() -> None:
    """Compiled again it is the same, byte for byte."""
    pytest.importorskip("grpc_tools")
    assert compile_proto() == DESCRIPTOR.read_bytes()


def test_messages_and_methods() -> None:
    """All rpcs are there; a message survives the wire."""
    assert {name for name, each in methods().items() if each.streams} == {
        "PushStream",
        "QueryStream",
    }
    assert methods()["Query"].path == "/daneel.memory.v1.Memory/Query"
    sent = message("PushRequest")(collection="a", ids=["x", "\u00e9"], metadata=b"[]")
    assert message("PushRequest").FromString(sent.SerializeToString()) == sent
