"""Certificates and tokens for memory servers and their clients: an authority and what it signs."""

from __future__ import annotations

import datetime
import ipaddress
import json
import secrets
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from daneel.errors import MissingExtraError
from daneel.memory.service.tls import ClientTls

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates and writes them to a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        """A new one, its own certificate in `NAME.pem`.

        Raises:
            MissingExtraError: The package `cryptography` is not installed.
        """
        if find_spec("cryptography") is None:
            raise MissingExtraError(
                "Certificates need the Python package 'cryptography', which is not installed. "
                "It comes with the extra 'dev'. Type `pip install \"daneel[dev]\"`."
            )
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        self._folder, self._issuer = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.path = self._sign(name, self._key, 365, x509.BasicConstraints(True, None), True)

    def issue(self, name: str, days: int = 30) -> tuple[Path, Path]:
        """Certificate and key of a name, for 127.0.0.1; negative days are over already."""
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate, private_key = self._sign(name, key, days, host), self._folder / f"{name}.key"
        private_key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, private_key

    def _sign(self, name: str, key: Any, days: int, extension: Any, critical: bool = False) -> Path:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_called(name))
            .issuer_name(_called(self._issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 60 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(extension, critical)
        )
        path = self._folder / f"{name}.pem"
        signed = builder.sign(self._key, hashes.SHA256())
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return path


def _called(name: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass(frozen=True)
class Trust:
    """What servers that ask for certificates and tokens are given, and what their clients are."""

    options: tuple[str, ...]
    """Of `daneel memory serve`."""
    client: dict[str, Any]
    """Of `RemoteMemory`: `tls` and `token`."""


def make_trust(folder: Path) -> Trust:
    """Mutual TLS and a bearer token, of an authority whose files are in `folder`."""
    authority, token = Authority(folder), secrets.token_urlsafe(32)
    certificate, private_key = authority.issue("server")
    access = folder / "access.json"
    access.write_text(json.dumps([{"name": "bench", "token": token, "rules": {"*": "create"}}]))
    named = {
        "certificate": certificate, "private-key": private_key,
        "client-ca": authority.path, "access": access,
    }  # fmt: skip
    options = tuple(part for name, path in named.items() for part in (f"--{name}", str(path)))
    return Trust(
        options, {"tls": ClientTls(authority.path, *authority.issue("client")), "token": token}
    )
