"""Who may do what: bearer tokens or certificate names, and rights by collection.

The file is a JSON list; a caller is whoever shows the token, or whose client certificate carries
the common name:

    [{"name": "robot", "token": "...", "rules": {"episodes": "write", "maps": "read"}},
     {"name": "viewer", "sha256": "9f86...", "rules": {"*": "read"}},
     {"name": "trainer", "certificate": "trainer.example", "rules": {"*": "create"}}]

`sha256` is the hexadecimal digest of the token, so that the file need not hold it. Rights include
those before them: read, write, create. A collection's own rule goes before `*`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from daneel.errors import ConfigError

Right = Literal["read", "write", "create"]
RIGHTS: tuple[Right, ...] = ("read", "write", "create")
EVERY = "*"
FIELDS = frozenset({"name", "token", "sha256", "certificate", "rules"})


@dataclass(frozen=True)
class Caller:
    """Someone who calls, and what he may do."""

    name: str
    """For messages and keys."""
    rules: Mapping[str, Right] = field(default_factory=dict)
    """Right by collection; `*` stands for all others."""

    def may(self, right: Right, collection: str) -> bool:
        """Whether the caller has that right, or more, on the collection."""
        granted = self.rules.get(collection, self.rules.get(EVERY))
        return granted is not None and RIGHTS.index(granted) >= RIGHTS.index(right)


ANYONE = Caller("anyone", {EVERY: "create"})
"""The caller of a server without rules; whoever reaches it may do all."""


@dataclass(frozen=True)
class Access:
    """Callers by the digest of their token and by the name on their certificate."""

    tokens: Mapping[bytes, Caller] = field(default_factory=dict)
    """By SHA-256 of the token."""
    certificates: Mapping[str, Caller] = field(default_factory=dict)
    """By common name."""

    @property
    def has_rules(self) -> bool:
        """Whether callers have to say who they are."""
        return bool(self.tokens or self.certificates)

    def identify(self, authorization: str | None, common_name: str | None) -> Caller | None:
        """The caller of a token ("Bearer ...") or a certificate; None when nobody is known so.

        A token that was shown must be right: a certificate does not make up for a wrong one.
        """
        if not self.has_rules:
            return ANYONE
        if authorization is not None:
            return self._of_token(authorization)
        return self.certificates.get(common_name) if common_name else None

    def _of_token(self, authorization: str) -> Caller | None:
        kind, _, token = authorization.partition(" ")
        shown = digest(token.strip() if kind.lower() == "bearer" else "")
        found = None
        for known, caller in self.tokens.items():  # all of them: time must not tell which one
            if hmac.compare_digest(known, shown):
                found = caller
        return found


def digest(token: str) -> bytes:
    """SHA-256 of a token."""
    return hashlib.sha256(token.encode()).digest()


def load_access(path: Path) -> Access:
    """Read an access file.

    Raises:
        ConfigError: It is no such file, or an entry is wrong; says which and how.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}. Expected a JSON list.") from None
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"{path} is no JSON list with entries. Expected at least one caller.")
    return make_access(entries, str(path))


def make_access(entries: Sequence[Mapping[str, Any]], origin: str = "access") -> Access:
    """Access of entries as in the file.

    Raises:
        ConfigError: One is wrong.
    """
    tokens, certificates = dict[bytes, Caller](), dict[str, Caller]()
    for at, entry in enumerate(entries):
        caller = _caller(entry, f"{origin}[{at}]")
        if "certificate" in entry:
            certificates[str(entry["certificate"])] = caller
        else:
            tokens[_digest_of(entry, f"{origin}[{at}]")] = caller
    return Access(tokens, certificates)


def _caller(entry: Mapping[str, Any], where: str) -> Caller:
    if not isinstance(entry, Mapping) or not entry.get("name"):
        raise ConfigError(f"{where} has no name. Expected name, rules and one of token, sha256, "
                          "certificate.")  # fmt: skip
    if unknown := set(entry) - FIELDS:
        raise ConfigError(f"{where} has {sorted(unknown)}. Expected {', '.join(sorted(FIELDS))}.")
    if len(set(entry) & {"token", "sha256", "certificate"}) != 1:
        raise ConfigError(f"{where} needs exactly one of token, sha256 and certificate.")
    rules = entry.get("rules", {})
    if not isinstance(rules, Mapping) or any(value not in RIGHTS for value in rules.values()):
        raise ConfigError(f"{where} has rules {rules!r}. Expected {', '.join(RIGHTS)} by name.")
    return Caller(str(entry["name"]), dict(rules))


def _digest_of(entry: Mapping[str, Any], where: str) -> bytes:
    if "token" in entry:
        token = entry["token"]
        if not isinstance(token, str) or len(token) < 16:
            raise ConfigError(f"{where} has a token of under 16 characters. Expected a long one.")
        return digest(token)
    try:
        found = bytes.fromhex(entry["sha256"])
    except (TypeError, ValueError):
        found = b""
    if len(found) != hashlib.sha256().digest_size:
        raise ConfigError(f"{where} has a wrong sha256. Expected 64 hexadecimal digits.")
    return found
