"""Every entry of every registry imports, so none can rot."""

import importlib
import pkgutil

import pytest

import daneel
from daneel.cli import VERBS
from daneel.cli.list import KINDS
from daneel.errors import MissingExtraError
from daneel.registry import Entry, Registry


def _registries() -> dict[str, Registry]:
    """The registries that packages export, by "module.NAME"; one exported twice counts once."""
    found: dict[int, tuple[str, Registry]] = {}
    for room in pkgutil.walk_packages(daneel.__path__, prefix="daneel."):
        if room.ispkg:
            for name, value in vars(importlib.import_module(room.name)).items():
                if isinstance(value, Registry):
                    found.setdefault(id(value), (f"{room.name}.{name}", value))
    return dict(found.values())


REGISTRIES = _registries()


def _entries() -> list[tuple[Registry, Entry]]:
    return [(registry, entry) for registry in REGISTRIES.values() for entry in registry.entries()]


def test_the_rooms_export_their_registries() -> None:
    """A registry that is not found here would not be tested below."""
    kinds = {registry.kind for registry in REGISTRIES.values()}
    assert {"agent", "backbone", "bench", "check", "env source", "tracker", "verb"} <= kinds


@pytest.mark.parametrize(
    ("registry", "entry"),
    _entries(),
    ids=lambda value: value.kind if isinstance(value, Registry) else value.name,
)
def test_entry_imports(registry: Registry, entry: Entry) -> None:
    """Or says which extra it needs, if it is of an extra that is not installed here."""
    try:
        assert registry.load(entry.name) is not None
    except MissingExtraError as error:
        assert entry.extra is not None, f"{entry.name} belongs to the core install: {error}"
    assert entry.summary


@pytest.mark.parametrize("registry", REGISTRIES.values(), ids=REGISTRIES)
def test_hint_of_an_unknown_name_works(registry: Registry) -> None:
    """Messages say `daneel list PLURAL`; that must be a kind it knows."""
    assert registry.plural in KINDS


@pytest.mark.parametrize("name", VERBS.names())
def test_verb_has_options_and_run(name: str) -> None:
    """The convention that the command relies on."""
    verb = VERBS.load(name)
    assert callable(verb.run)
    assert hasattr(verb, "Options") or hasattr(verb, "parse")
