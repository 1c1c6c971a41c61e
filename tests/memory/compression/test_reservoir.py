"""The sample of a stream: its size, its fairness, its weights."""

import numpy as np
import pytest

from daneel.memory.compression.reservoir import EpochReservoir


def filled(count: int, per_epoch: int, batch: int, seed: int = 0) -> EpochReservoir:
    """A reservoir that saw the rows [0], [1], ..."""
    reservoir = EpochReservoir(1, per_epoch, np.random.default_rng(seed))
    stream = np.arange(count, dtype=np.float32)[:, None]
    for start in range(0, count, batch):
        reservoir.add(stream[start : start + batch])
    return reservoir


@pytest.mark.parametrize("batch", [1, 7, 1000])
@pytest.mark.parametrize("count", [0, 1, 4, 5, 8, 9, 100, 257])
def test_every_epoch_keeps_its_share(count: int, batch: int) -> None:
    """Rows of an epoch come from that epoch, each once; weights add up to the stream."""
    reservoir = filled(count, 4, batch)
    vectors, weights = reservoir.sample()
    assert reservoir.seen == count and weights.sum() == pytest.approx(count)
    found, start = vectors[:, 0], 0
    for epoch in range(reservoir.epochs):
        low, high = (0 if epoch == 0 else 4 << (epoch - 1)), min(4 << epoch, count)
        mine = found[start : start + min(high - low, 4)]
        assert len(set(mine)) == len(mine) and mine.min() >= low and mine.max() < high
        start += len(mine)
    assert start == len(found)


def test_size_is_logarithmic() -> None:
    """A doubling of the stream costs one more epoch, and no more."""
    sizes = [filled(8 << power, 8, 4096).nbytes for power in range(10)]
    assert np.diff(sizes).tolist() == [8 * 4] * 9


def test_rows_of_an_epoch_are_equally_likely() -> None:
    """Algorithm R: over many seeds each of 12 rows of an epoch is kept a third of the time."""
    kept = np.zeros(16)
    for seed in range(600):
        kept[filled(16, 4, 3, seed).sample()[0][8:, 0].astype(int)] += 1
    # 600 draws of probability 4/8: a deviation of 4.5 standard deviations is 55.
    assert np.abs(kept[8:] - 300).max() < 55


def test_resume_samples_each_epoch_anew() -> None:
    """A resumed reservoir has the epochs of one that saw the stream."""
    resumed = EpochReservoir(1, 4, np.random.default_rng(0))
    resumed.resume(100, lambda at: at[:, None].astype(np.float32))
    other = filled(100, 4, 10)
    np.testing.assert_array_equal(resumed.sample()[1], other.sample()[1])
    found = resumed.sample()[0][:, 0]
    assert len(set(found)) == len(found) and found.max() < 100
    resumed.add(np.full((1, 1), 100, np.float32))
    assert resumed.seen == 101


def test_bad_sizes() -> None:
    """A reservoir of nothing is refused."""
    with pytest.raises(ValueError, match="per_epoch 0"):
        EpochReservoir(1, 0, np.random.default_rng(0))
