"""Reads all of a store and says what is wrong with it."""

from __future__ import annotations

import json

import numpy as np

from daneel.errors import MemoryStoreError
from daneel.memory.indexes.base import Base
from daneel.memory.lance.derived import Derived
from daneel.memory.lance.newest import Newest, newest, vectors_of
from daneel.memory.lance.table import Log


def verify(log: Log, derived: Derived) -> tuple[str, ...]:
    """Check every row of the table and every byte of the index, and compare the two."""
    try:
        frozen = log.frozen()
        found = newest(frozen)
        problems = [*_metadata(found), *_vectors(frozen, derived.settings.dim)]
        return (*problems, *_index(frozen, found, derived))
    except MemoryStoreError as error:
        return (str(error),)


def _metadata(found: Newest) -> list[str]:
    problems = []
    for name, text in zip(found.ids, found.metadata, strict=True):
        try:
            whole = isinstance(json.loads(text), dict)
        except ValueError:
            whole = False
        if not whole:
            problems.append(f"The metadata of {name!r} is no JSON object.")
    return problems


def _vectors(log: Log, dim: int) -> list[str]:
    bad = 0
    for batch in log.batches(["values"]):
        bad += int((~np.isfinite(vectors_of(batch["values"], dim)).all(1)).sum())
    return [f"{bad} rows of the table hold NaN or infinity."] if bad else []


def _index(log: Log, found: Newest, derived: Derived) -> list[str]:
    names = derived.names()
    if not names:
        return []
    try:
        base = Base.load(derived.folder / names[0], derived.settings.metric)
    except MemoryStoreError as error:
        return [str(error)]
    commit = int(base.stamp["commit"])
    if commit < found.marked or commit > found.commit:
        return []  # outdated: thrown away when the store is opened
    changed = set(log.since(commit)["id"].to_pylist())
    known = [name for name in base.ids.take(np.arange(len(base))) if name not in changed]
    if known == [name for name in found.ids if name not in changed]:
        return []
    return ["The index holds other rows than the table. Type `daneel memory compact`."]
