"""Certificates of servers and clients, and which addresses need them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

import grpc

from daneel.errors import ConfigError


@dataclass(frozen=True)
class ServerTls:
    """PEM files of a server."""

    certificate: Path
    """Its certificate chain."""
    private_key: Path
    """The key of that."""
    client_ca: Path | None = None
    """Authority of client certificates; when given, every client must show one."""

    def credentials(self) -> grpc.ServerCredentials:
        """For `add_secure_port`.

        Raises:
            ConfigError: A file cannot be read.
        """
        pair = (read_pem(self.private_key), read_pem(self.certificate))
        authority = read_pem(self.client_ca) if self.client_ca else None
        return grpc.ssl_server_credentials([pair], authority, authority is not None)


@dataclass(frozen=True)
class ClientTls:
    """PEM files of a client."""

    server_ca: Path | None = None
    """Authority of the server's certificate; those of the system when left out."""
    certificate: Path | None = None
    """The client's own certificate chain, for mutual TLS."""
    private_key: Path | None = None
    """The key of that."""

    def credentials(self) -> grpc.ChannelCredentials:
        """For `secure_channel`.

        Raises:
            ConfigError: A file cannot be read, or a certificate comes without its key.
        """
        if (self.certificate is None) != (self.private_key is None):
            raise ConfigError("A client certificate and its private key go together. Give both.")
        files = (self.server_ca, self.private_key, self.certificate)
        return grpc.ssl_channel_credentials(*(read_pem(each) if each else None for each in files))


def read_pem(path: Path) -> bytes:
    """The bytes of a PEM file.

    Raises:
        ConfigError: It cannot be read or is none.
    """
    try:
        found = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}. Expected a PEM file."
        ) from None
    if b"-----BEGIN" not in found:
        raise ConfigError(f"{path} is no PEM file. Expected a line that says BEGIN.")
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost" or host.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # another name: who knows where it leads
        return False


def check_bind(host: str, tls: ServerTls | None, has_rules: bool) -> None:
    """Refuse to listen where others can reach a server that lets anyone in.

    Raises:
        ConfigError: Another machine could connect, without TLS or without saying who it is.
    """
    if is_loopback(host):
        return
    if tls is None or (tls.client_ca is None and not has_rules):
        raise ConfigError(
            f"host is {host!r}, which other machines can reach. Expected TLS (certificate and "
            "private_key) and either client_ca or an access file there. "
            "Type `daneel memory serve --help`, or listen on 127.0.0.1."
        )
