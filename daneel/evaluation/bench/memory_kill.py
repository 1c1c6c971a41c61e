"""Kill -9 while a store is written to, again and again, and look for every acknowledged row.

In the shape of RocksDB's db_crashtest: a child writes and says on a pipe what was acknowledged; the
parent kills it at a random moment, opens the store itself and compares with what must be there. The
child of the next round goes on in the same store.

    python -m daneel.evaluation.bench.memory_kill ADDRESS DIM FIRST DURABILITY

is the child.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from daneel.memory.opening import open_store
from daneel.memory.protocol import VectorStore

ROWS = 20
"""Rows of a batch."""

COUNTER = "counter"
"""An id that every batch replaces."""

MODULE = "daneel.evaluation.bench.memory_kill"


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


def batch(number: int, dim: int) -> tuple[list[str], NDArray[np.float32], list[dict[str, int]]]:
    """Ids, vectors and metadata that batch `number` writes; the last row is the counter."""
    ids = [f"{number}-{row}" for row in range(ROWS)] + [COUNTER]
    vectors = np.random.default_rng(number).normal(size=(len(ids), dim)).astype(np.float32)
    return ids, vectors, [{"batch": number}] * len(ids)


def removed(number: int) -> str:
    """The id that is deleted after batch `number`: a row of an earlier one."""
    return f"{number - 3}-0"


def write(address: str, dim: int, first: int, durability: str) -> None:
    """The child: batches for ever, each said on standard output once it is acknowledged."""
    store = open_store(address, dim, durability=durability)
    number = first
    while True:
        store.add(*batch(number, dim))
        print(f"add {number}", flush=True)
        store.delete([removed(number)])
        print(f"delete {number}", flush=True)
        number += 1


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
    added, deleted, first = set[int](), set[int](), 0
    for _ in range(kills):
        for verb, number in _round(address, dim, first, durability, rng.uniform(0, longest_s)):
            (added if verb == "add" else deleted).add(number)
        outcome.kills += 1
        with open_store(address, dim, durability=durability) as store:
            first = _check(store, dim, added, deleted, first, outcome)
    outcome.acknowledged = len(added) * ROWS
    return outcome


def _round(
    address: str, dim: int, first: int, durability: str, seconds: float
) -> Iterator[tuple[str, int]]:
    """What a child acknowledged before it was killed."""
    command = [sys.executable, "-m", MODULE, address, str(dim), str(first), durability]
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
    if timer is None:
        raise RuntimeError(f"The child that writes to {address} ended before it wrote anything.")


def _check(
    store: VectorStore, dim: int, added: set[int], deleted: set[int], first: int, outcome: Outcome
) -> int:
    """Compare the store with what was acknowledged; the number of the next batch."""
    number = 0
    while _check_batch(store, dim, number, added, deleted, outcome) or number in added:
        number += 1
    found = store.get([COUNTER]).metadata
    if number and (not found or found[0] != {"batch": number - 1}):
        outcome.lost.append(COUNTER)
    return max(number, first)


def _check_batch(
    store: VectorStore, dim: int, number: int, added: set[int], deleted: set[int], outcome: Outcome
) -> bool:
    """Whether any row of the batch is there."""
    ids, vectors, metadata = batch(number, dim)
    rows = store.get(ids[:ROWS])
    there = dict(zip(rows.ids, range(len(rows.ids)), strict=True))
    for at, name in enumerate(ids[:ROWS]):
        gone = at == 0 and (number + 3) in deleted
        maybe = at == 0 and number + 3 in added | {max(added, default=-1) + 1}
        if name in there:
            same = rows.vectors[there[name]].tobytes() == vectors[at].tobytes()
            if gone or not same or rows.metadata[there[name]] != metadata[at]:
                outcome.lost.append(name)
        elif number in added and not gone and not maybe:
            outcome.lost.append(name)
    if 0 < len(there) < ROWS - 1:
        outcome.torn.append(number)
    return bool(there)


def main(arguments: Sequence[str]) -> None:
    """The child's command line."""
    address, dim, first, durability = arguments
    write(address, int(dim), int(first), durability)


if __name__ == "__main__":
    main(sys.argv[1:])
