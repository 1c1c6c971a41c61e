"""Messages of the memory service, made from the shipped descriptor; no generated Python.

`message("PushRequest")` is the class of that name in `memory.proto`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DESCRIPTOR = Path(__file__).with_name("memory.desc")
PACKAGE = "daneel.memory.v1"
SERVICE = f"{PACKAGE}.Memory"


@dataclass(frozen=True)
class Method:
    """One rpc of the service."""

    name: str
    """As in `memory.proto`."""
    request: Any
    """Class of the request."""
    reply: Any
    """Class of the reply."""
    streams: bool
    """Whether both sides send many messages (else one each)."""

    @property
    def path(self) -> str:
        """What stands in the HTTP/2 request."""
        return f"/{SERVICE}/{self.name}"

    def on(self, channel: Any) -> Any:
        """The rpc on a channel, blocking or asyncio's, ready to be called."""
        make = channel.stream_stream if self.streams else channel.unary_unary
        return make(self.path, self.request.SerializeToString, self.reply.FromString)


def message(name: str) -> Any:
    """The class of a message."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


@cache
def methods() -> dict[str, Method]:
    """Every rpc by its name."""
    service = _pool().FindServiceByName(SERVICE)
    return {rpc.name: _method(rpc) for rpc in service.methods}


def _method(rpc: Any) -> Method:
    classes = [message_factory.GetMessageClass(each) for each in (rpc.input_type, rpc.output_type)]
    return Method(rpc.name, classes[0], classes[1], bool(rpc.client_streaming))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    """The process-wide pool, where reflection looks too, with our file in it."""
    pool = descriptor_pool.Default()
    for file in descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTOR.read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool
