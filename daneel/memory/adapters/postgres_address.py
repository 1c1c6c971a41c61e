"""Addresses of tables: what libpq takes, and the table."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

TABLE = "daneel_memory"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,47}")


@dataclass(frozen=True)
class Address:
    """Where a table is."""

    libpq: str = field(repr=False)
    """What to connect to; may hold a password."""

    table: str
    """Its name."""

    shown: str
    """The address for messages, without the password."""


def read_address(address: str) -> Address:
    """Take the table out of `postgresql://user:password@host/database?table=NAME`.

    Raises:
        ValueError: It is no such address, or the table's name is not plain.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(
            f"address has the scheme {parts.scheme!r}. Expected postgresql://host/database."
        )
    asked = parse_qsl(parts.query, keep_blank_values=True)
    tables = [value for name, value in asked if name == "table"] or [TABLE]
    if len(tables) > 1 or not _NAME.fullmatch(tables[0]):
        raise ValueError(
            f"table is {', '.join(map(repr, tables))}. Expected one name of at most 48 of a-z, 0-9 "
            "and _, not beginning with a digit."
        )
    others = urlencode([each for each in asked if each[0] != "table"])
    host = parts.netloc.rpartition("@")[2]
    user = parts.username or ""
    shown = f"postgresql://{user}{'@' if user else ''}{host}{parts.path}?table={tables[0]}"
    return Address(urlunsplit((*parts[:3], others, "")), tables[0], shown)
