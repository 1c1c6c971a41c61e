"""Real kills of a process that writes: nothing acknowledged is lost, no batch is torn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from daneel.evaluation.bench import memory_kill
from daneel.evaluation.bench.memory_kill import kill_again_and_again
from daneel.memory.crash_writer import ROWS, batch, removed
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.lance.store import LanceStore

DIM = 8


@pytest.mark.slow
@pytest.mark.parametrize(("durability", "kills"), [("process", 4), ("disk", 2)])
def test_killed_writers_lose_nothing(tmp_path: Path, durability: str, kills: int) -> None:
    """Every row is found with its own vector and metadata; deleted ones stay deleted."""
    path = tmp_path / "store"
    outcome = kill_again_and_again(str(path), DIM, kills, 3, durability, longest_s=0.5)
    assert outcome.kills == kills and outcome.acknowledged >= kills * ROWS
    assert (outcome.lost, outcome.torn) == ([], [])
    with LanceStore(path) as store:
        assert store.verify() == ()


def test_a_loss_is_seen() -> None:
    """The check itself: rows lost, changed, torn and back from deletion are each named."""
    store, written = InMemoryStore(DIM), memory_kill.Written({*range(8)}, {*range(7)})
    for number in range(9):  # the last one was not acknowledged
        store.add(*batch(number, DIM))
        if number < 8:
            store.delete([removed(number)])

    def seen() -> tuple[int, list[str], list[int]]:
        outcome = memory_kill.Outcome()
        following = memory_kill._check(store, DIM, written, 0, outcome)
        return following, outcome.lost, outcome.torn

    assert seen() == (9, [], [])
    store.delete([f"8-{row}" for row in range(ROWS)])
    assert seen() == (8, ["counter"], []), "the counter is a part of the batch"
    store.add(*batch(8, DIM))
    store.delete(["2-5", "6-0", "8-9"])
    store.add(["1-0"], np.ones((1, DIM)))
    store.add(["3-1"], np.ones((1, DIM)), [{"batch": 3}])
    lost = ["1-0", "1-0 (deleted)", "2-5", "3-1", "6-0"]
    assert seen() == (9, lost, [2, 6, 8])
