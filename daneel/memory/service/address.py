"""Where a collection is: `grpc://HOST:PORT/COLLECTION`, or `grpcs://` with TLS."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from daneel.memory.service.tls import is_loopback

DEFAULT_PORT = 7420
DEFAULT_COLLECTION = "default"


@dataclass(frozen=True)
class Address:
    """The parts of an address."""

    host: str
    """Name or number of the machine."""
    port: int
    """Its port."""
    collection: str
    """Name of the collection."""
    secure: bool
    """Whether TLS is spoken there."""

    @property
    def target(self) -> str:
        """Host and port as gRPC writes them."""
        return joined(self.host, self.port)

    def __str__(self) -> str:
        """The address as it is typed."""
        return f"{'grpcs' if self.secure else 'grpc'}://{self.target}/{self.collection}"


def joined(host: str, port: int) -> str:
    """Host and port as one text, numbers of IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_address(text: str) -> Address:
    """The parts of a typed address; port and collection may be left out.

    Raises:
        ValueError: It is none.
    """
    parts = urlsplit(text)
    collection = parts.path.strip("/") or DEFAULT_COLLECTION
    try:
        port = parts.port or DEFAULT_PORT
    except ValueError:
        port = 0
    known = parts.scheme in ("grpc", "grpcs") and parts.hostname and port and "/" not in collection
    if not known or parts.query or parts.username:
        raise ValueError(
            f"address is {text!r}. Expected grpc://HOST:PORT/COLLECTION, or grpcs:// with TLS."
        )
    return Address(str(parts.hostname), port, collection, parts.scheme == "grpcs")


def check_token(address: Address, token: str | None) -> None:
    """Refuse to send a token in plain text over a network.

    Raises:
        ValueError: It would be.
    """
    if token is not None and not address.secure and not is_loopback(address.host):
        raise ValueError(
            f"A token would go to {address.host!r} in plain text. Expected TLS. "
            f"Write grpcs:// for grpc://."
        )
