"""One registry for everything that has a name: agents, environments, checks, trackers, verbs.

An entry is a name and where to find it; nothing is imported before `load`.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from daneel.errors import MissingExtraError, unknown_name


@dataclass(frozen=True)
class Entry:
    """A name and what it stands for."""

    name: str
    """Name that users type."""

    target: str
    """"module:attribute", or "module" for a whole module."""

    summary: str
    """One line for `daneel list` and `--help`."""

    extra: str | None = None
    """Extra of the distribution that brings what the module imports; None for the core install."""


class Registry:
    """Names of one kind, in the order in which they were registered."""

    def __init__(self, kind: str, *entries: Entry) -> None:
        """Create a registry of `kind` ("agent", in the singular) with some first entries."""
        self.kind = kind
        self.plural = _plural(kind.split()[-1])
        """What `daneel list` calls these names."""
        self._entries: dict[str, Entry] = {}
        for entry in entries:
            self.register(entry)

    def register(self, entry: Entry) -> None:
        """Add an entry.

        Raises:
            ValueError: The name is taken.
        """
        if entry.name in self._entries:
            taken = self._entries[entry.name].target
            raise ValueError(f"{self.kind} {entry.name!r} is already registered as {taken}.")
        self._entries[entry.name] = entry

    def names(self) -> list[str]:
        """Return every name in the order of registration."""
        return list(self._entries)

    def entries(self) -> list[Entry]:
        """Return every entry in the order of registration."""
        return list(self._entries.values())

    def entry(self, name: str) -> Entry:
        """Return the entry of `name`.

        Raises:
            UnknownNameError: There is none; the message lists the nearest names.
        """
        if name not in self._entries:
            hint = f"Type `daneel list {self.plural}` to see them all."
            raise unknown_name(self.kind, name, self._entries, hint)
        return self._entries[name]

    def load(self, name: str) -> Any:
        """Import what `name` stands for and return it.

        Raises:
            UnknownNameError: The name is not registered.
            MissingExtraError: A package that it needs is not installed.
        """
        entry = self.entry(name)
        module_name, _, attribute = entry.target.partition(":")
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            if error.name is None or error.name.partition(".")[0] == "daneel":
                raise  # Ours is broken: an extra would not mend it.
            raise _missing_extra(self.kind, entry, error.name) from error
        return getattr(module, attribute) if attribute else module


def _plural(noun: str) -> str:
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def _missing_extra(kind: str, entry: Entry, package: str) -> MissingExtraError:
    distribution = f"daneel[{entry.extra}]" if entry.extra else "daneel"
    origin = f"the extra {entry.extra!r}" if entry.extra else "the core install"
    return MissingExtraError(
        f"The {kind} {entry.name!r} needs the Python package {package!r}, which is not installed. "
        f"It comes with {origin}. "
        f'Type `pip install "{distribution}"`.'
    )
