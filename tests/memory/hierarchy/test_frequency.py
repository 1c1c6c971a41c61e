"""Counts that fade."""

import pytest

from daneel.memory.hierarchy import AccessFrequency


def test_counts_and_order() -> None:
    """Most first, equals by id."""
    frequency = AccessFrequency()
    frequency.touch(["b", "a", "c", "c"])
    assert frequency.hottest(2) == ["c", "a"] and frequency.count("c") == 2
    frequency.forget(["c", "none"])
    assert frequency.hottest(9) == ["a", "b"] and frequency.count("c") == 0


def test_counts_are_halved() -> None:
    """After each window; what was seen once is forgotten."""
    frequency = AccessFrequency(window=6)
    frequency.touch(["a"] * 5 + ["b"])
    assert (frequency.count("a"), frequency.count("b"), len(frequency)) == (2, 0, 1)


def test_room_is_bounded() -> None:
    """However many ids pass."""
    frequency = AccessFrequency(window=100)
    for turn in range(1000):
        frequency.touch([f"{turn}-{n}" for n in range(7)] * (1 + turn % 2))
        assert len(frequency) <= 200
    with pytest.raises(ValueError, match="window is 0"):
        AccessFrequency(0)
