"""Who released it: an ed25519 key of the user (RFC 8032), made when it is first needed.

::

    ~/.config/daneel/         $XDG_CONFIG_HOME/daneel where that is set; DANEEL_CONFIG_DIR wins
      signing_key.pem         the private key, readable by its owner only
      trusted_keys            public keys of others: 64 hex digits, then a name, one a line

A signature says: the holder of this key put exactly this through the gate. It does not say that the
holder is honest, and it protects nothing from someone who can read the key file.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from daneel.alignment.hashing import canonical_json
from daneel.errors import CheckpointError

FOLDER_VARIABLE = "DANEEL_CONFIG_DIR"
"""Environment variable with the folder of the key, in place of the user's own."""

KEY_FILE, TRUSTED_FILE = "signing_key.pem", "trusted_keys"

_PUBLIC = re.compile(r"[0-9a-f]{64}")


def config_folder() -> Path:
    """Where this user's key is, or will be."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "daneel"


def sign(body: Mapping[str, Any]) -> dict[str, Any]:
    """`body` with the fields `key` and `signature`; the key is made if there is none.

    Raises:
        CheckpointError: The key cannot be made or read, or others can read it.
    """
    key = _private_key()
    signed = {**body, "key": key.public_key().public_bytes_raw().hex()}
    return {**signed, "signature": key.sign(canonical_json(signed)).hex()}


def signature_fault(signed: Mapping[str, Any]) -> str | None:
    """What is wrong with the signature of what `sign` returned; None if it is good and trusted."""
    body = {name: value for name, value in signed.items() if name != "signature"}
    key, signature = str(body.get("key")), str(signed.get("signature"))
    if not (_PUBLIC.fullmatch(key) and re.fullmatch(r"[0-9a-f]{128}", signature)):
        return "carries no signature"
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(signature), canonical_json(body))
    except (InvalidSignature, ValueError):
        return "does not match its signature"
    if key not in trusted_keys():
        return f"is signed with the key {key}, which is not trusted here"
    return None


def trusted_keys() -> dict[str, str]:
    """Public keys (hex) whose releases are accepted, with a name: one's own, and those listed.

    Raises:
        CheckpointError: A file of keys cannot be read, or a line of it is no key.
    """
    folder = config_folder()
    keys: dict[str, str] = {}
    if (folder / KEY_FILE).exists():
        keys[_private_key().public_key().public_bytes_raw().hex()] = "own"
    if (folder / TRUSTED_FILE).exists():
        for line in _read(folder / TRUSTED_FILE).decode("utf-8", "replace").splitlines():
            key, _, name = line.strip().partition(" ")
            if not key or key.startswith("#"):
                continue
            if not _PUBLIC.fullmatch(key):
                raise CheckpointError(
                    f"The line {line!r} of {folder / TRUSTED_FILE} is no key. Expected 64 hex "
                    "digits, a space and a name. Mend or delete the line."
                )
            keys[key] = name.strip() or "unnamed"
    return keys


def _private_key() -> Ed25519PrivateKey:
    path = config_folder() / KEY_FILE
    if not path.exists():
        _make_key(path)
    if path.stat().st_mode & 0o077:
        raise CheckpointError(
            f"The signing key {path} can be read or written by others. Expected it to be its "
            f"owner's alone. Type `chmod 600 {path}`."
        )
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError) as error:
        raise _bad_key(path, f"is no key that can be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _bad_key(path, "is of another kind")
    return key


def _make_key(path: Path) -> None:
    """A new key in one step: of two processes at once, both end up with the first one's."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # private to its owner
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary)
    except OSError as error:
        raise CheckpointError(
            f"No signing key can be made in {path.parent}: {error.strerror or error}. Expected a "
            f"folder that can be written. Type `export {FOLDER_VARIABLE}=FOLDER` to choose one."
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _bad_key(path, f"cannot be read: {error.strerror or error}") from error


def _bad_key(path: Path, found: str) -> CheckpointError:
    return CheckpointError(
        f"The file {path} {found}. Expected what `daneel gate` made there. Type `mv {path} "
        f"{path}.old` to have a new key made; what the old one signed must then be judged again."
    )
