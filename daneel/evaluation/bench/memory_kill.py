"""Kill -9 while a store is written to, again and again, and look for every acknowledged row.

In the shape of RocksDB's db_crashtest: a child (`daneel.memory.crash_writer`) writes and says on a
pipe what was acknowledged; the parent kills it at a random moment, opens the store itself and
compares with what must be there. The child of the next round goes on in the same store.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from daneel.memory import crash_writer
from daneel.memory.crash_writer import COUNTER, ROWS, batch
from daneel.memory.opening import open_store
from daneel.memory.protocol import VectorStore

AT_ONCE = 50
"""Batches that are read at once when the store is checked."""


@dataclass
class Outcome:
    """What a series of kills showed."""

    kills: int = 0
    acknowledged: int = 0
    """Rows whose call had returned."""

    lost: list[str] = field(default_factory=list)
    """Acknowledged rows that are missing or another than written, and deleted ones still there."""

    torn: list[int] = field(default_factory=list)
    """Batches of which a part is there."""


@dataclass(frozen=True)
class Written:
    """Numbers of the batches whose calls returned."""

    added: set[int] = field(default_factory=set)

    deleted: set[int] = field(default_factory=set)
    """Those after which a row of an earlier batch was deleted."""


def kill_again_and_again(
    address: str,
    dim: int,
    kills: int,
    seed: int,
    durability: str = "process",
    longest_s: float = 1.0,
) -> Outcome:
    """Run `kills` rounds against the store at an address and check it after each.

    Args:
        address: Of the store; made by the first round.
        dim: Dimension of the vectors.
        kills: How many children are killed.
        seed: Draws the moments.
        durability: What the store is opened with.
        longest_s: A child is killed at a random moment up to so long after its first answer.
    """
    rng, outcome = random.Random(seed), Outcome()
    written, first = Written(), 0
    for _ in range(kills):
        for verb, number in _round(address, dim, first, durability, rng.uniform(0, longest_s)):
            (written.added if verb == "add" else written.deleted).add(number)
        outcome.kills += 1
        with open_store(address, dim, durability=durability) as store:
            first = _check(store, dim, written, first, outcome)
    outcome.acknowledged = len(written.added) * ROWS
    return outcome


def _round(
    address: str, dim: int, first: int, durability: str, seconds: float
) -> Iterator[tuple[str, int]]:
    """What a child acknowledged before it was killed."""
    arguments = [address, str(dim), str(first), durability]
    command = [sys.executable, "-m", crash_writer.__name__, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        timer: threading.Timer | None = None
        for line in child.stdout:
            verb, _, number = line.partition(" ")
            if line.endswith("\n"):  # a line cut short by the kill says nothing
                yield verb, int(number)
            if timer is None:
                timer = threading.Timer(seconds, child.kill)
                timer.start()
    if child.returncode != -signal.SIGKILL:
        raise RuntimeError(f"The child that writes to {address} ended itself: {child.returncode}.")


def _check(store: VectorStore, dim: int, written: Written, first: int, outcome: Outcome) -> int:
    """Compare the store with what was acknowledged; the number of the next batch."""
    acknowledged = max(written.added, default=-1) + 1
    end = max(first, acknowledged) + 1  # the batch that was being written may be there, too
    there = [
        number
        for start in range(0, end, AT_ONCE)
        for number in _check_batches(
            store, dim, range(start, min(start + AT_ONCE, end)), written, outcome
        )
    ]
    last = max(there, default=-1)
    if last >= 0 and not _is_counted(store, dim, last):
        outcome.lost.append(COUNTER)
    return max(last + 1, end - 1)


def _check_batches(
    store: VectorStore, dim: int, numbers: range, written: Written, outcome: Outcome
) -> list[int]:
    """The batches of which any row is there."""
    expected = {number: batch(number, dim) for number in numbers}
    rows = store.get([name for ids, _, _ in expected.values() for name in ids[:ROWS]])
    places = {name: place for place, name in enumerate(rows.ids)}
    found = list[int]()
    for number, (ids, vectors, metadata) in expected.items():
        there = {at: places[name] for at, name in enumerate(ids[:ROWS]) if name in places}
        for at, place in there.items():
            same = rows.vectors[place].tobytes() == vectors[at].tobytes()
            if not same or rows.metadata[place] != metadata[at]:
                outcome.lost.append(ids[at])
        _count(number, {*there}, written, outcome)
        if there:
            found.append(number)
    return found


def _count(number: int, there: set[int], written: Written, outcome: Outcome) -> None:
    """Note the rows of a batch that are missing, or there although they were deleted."""
    missing = {*range(ROWS)} - there
    if number + 3 in written.added:  # the call that deletes row 0 has begun
        missing -= {0}
    if number in written.added:
        outcome.lost.extend(f"{number}-{at}" for at in sorted(missing))
    if there and missing:
        outcome.torn.append(number)
    if number + 3 in written.deleted and 0 in there:
        outcome.lost.append(f"{number}-0 (deleted)")


def _is_counted(store: VectorStore, dim: int, last: int) -> bool:
    """Whether the row that every batch replaces is that of the last one, to a search as well."""
    _, vectors, metadata = batch(last, dim)
    rows = store.get([COUNTER])
    if rows.metadata != metadata[-1:] or rows.vectors.tobytes() != vectors[-1].tobytes():
        return False
    return store.search(vectors[-1], 1).ids[0, 0] == COUNTER
