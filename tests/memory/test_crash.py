"""Real kills of a process that writes: nothing acknowledged is lost, no batch is torn."""

from __future__ import annotations

from pathlib import Path

import pytest

from daneel.evaluation.bench.memory_kill import kill_again_and_again
from daneel.memory.lance.store import LanceStore


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["process", "disk"])
def test_killed_writers_lose_nothing(tmp_path: Path, durability: str) -> None:
    """Every row is found with its own vector and metadata; deleted ones stay deleted."""
    path = tmp_path / "store"
    outcome = kill_again_and_again(str(path), 8, kills=2, seed=3, durability=durability)
    assert outcome.kills == 2 and outcome.acknowledged > 0
    assert (outcome.lost, outcome.torn) == ([], [])
    with LanceStore(path) as store:
        assert store.verify() == ()
