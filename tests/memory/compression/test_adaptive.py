"""Codes as long as they are worth."""

import numpy as np
import pytest

from daneel.memory.compression import AdaptiveCompressor, StreamingCompressor
from daneel.memory.in_memory import InMemoryStore
from tests.memory.compression.data import clustered


def made(budget: float, source: InMemoryStore | None = None) -> AdaptiveCompressor:
    """Four levels of 2 bytes."""
    compressor = StreamingCompressor(16, 8, levels=4, per_epoch=512)
    return AdaptiveCompressor(compressor, budget, None if source is None else source.get)


def filled(budget: float, source: InMemoryStore | None = None) -> AdaptiveCompressor:
    """With 1500 rows."""
    codes = made(budget, source)
    codes.add([f"row{n}" for n in range(1500)], clustered(1500))
    return codes


def errors(codes: AdaptiveCompressor, names: list[str]) -> float:
    """Mean squared error of rows."""
    at = [int(name.removeprefix("row")) for name in names]
    return float(((codes.get(names).vectors - clustered(1500)[at]) ** 2).sum(1).mean())


@pytest.mark.parametrize("budget", [2.0, 5.5])
def test_the_budget_holds(budget: float) -> None:
    """At every time; no row has less than a level."""
    codes = filled(budget)
    assert codes.nbytes <= budget * 1500 and len(codes) == 1500
    assert all(4 * 16 / 8 <= codes.ratio(f"row{n}") <= 4 * 16 / 2 for n in range(1500))


def test_popular_rows_get_the_bytes() -> None:
    """With the exact rows at hand, ten popular rows become as good as the codec can make them."""
    store = InMemoryStore(16)
    store.add([f"row{n}" for n in range(1500)], clustered(1500))
    codes = filled(4.0, store)
    hot, cold = [f"row{n}" for n in range(1490, 1500)], [f"row{n}" for n in range(900)]
    before = errors(codes, hot)
    for _ in range(50):
        codes.get(hot)
    codes.rebalance()
    assert errors(codes, hot) < 0.7 * before
    assert np.mean([codes.ratio(name) for name in hot]) == 8
    assert np.mean([codes.ratio(name) for name in cold]) > 8
    assert codes.nbytes <= 4 * 1500


def test_a_level_that_was_cut_is_gone_without_a_source() -> None:
    """Popularity cannot bring it back."""
    codes = filled(2.0)
    for _ in range(50):
        codes.get(["row0"])
    codes.bytes_per_row = 8.0
    codes.rebalance()
    assert codes.ratio("row0") == 32


def test_rows_come_and_go() -> None:
    """Order, unknown ids, upserts and deletes."""
    codes = filled(8.0)
    assert codes.get(["row7", "none", "row3"]).ids == ["row7", "row3"]
    codes.add(["row7"], -clustered(1))
    assert len(codes) == 1500 and codes.delete(["row7", "none"]) == 1 and len(codes) == 1499
    assert codes.get([]).vectors.shape == (0, 16)


def test_what_cannot_adapt() -> None:
    """One level, or a budget below one."""
    with pytest.raises(ValueError, match="1 level"):
        AdaptiveCompressor(StreamingCompressor(16, 8), 8)
    with pytest.raises(ValueError, match="bytes_per_row is 1"):
        made(1)
    with pytest.raises(ValueError, match="3 ids for 2"):
        made(8).add(["a", "b", "c"], clustered(2))
