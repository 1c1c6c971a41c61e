"""The process that is killed to see what a store keeps: it writes for ever and says what it did.

    python -m daneel.memory.crash_writer ADDRESS DIM FIRST DURABILITY

`daneel.evaluation.bench.memory_kill` starts it, kills it and checks. It is here because it has to
start quickly: nothing but the store is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from daneel.memory.opening import open_store

ROWS = 20
"""Rows of a batch."""

COUNTER = "counter"
"""An id that every batch replaces."""


def batch(number: int, dim: int) -> tuple[list[str], NDArray[np.float32], list[dict[str, int]]]:
    """Ids, vectors and metadata that batch `number` writes; the last row is the counter."""
    ids = [f"{number}-{row}" for row in range(ROWS)] + [COUNTER]
    vectors = np.random.default_rng(number).normal(size=(len(ids), dim)).astype(np.float32)
    return ids, vectors, [{"batch": number}] * len(ids)


def removed(number: int) -> str:
    """The id that is deleted after batch `number`: a row of an earlier one."""
    return f"{number - 3}-0"


def write(address: str, dim: int, first: int, durability: str) -> None:
    """Batches for ever, each said on standard output once it is acknowledged."""
    store = open_store(address, dim, durability=durability)
    number = first
    while True:
        store.add(*batch(number, dim))
        print(f"add {number}", flush=True)
        store.delete([removed(number)])
        print(f"delete {number}", flush=True)
        number += 1


def main(arguments: Sequence[str]) -> None:
    """The command line."""
    address, dim, first, durability = arguments
    write(address, int(dim), int(first), durability)


if __name__ == "__main__":
    main(sys.argv[1:])
