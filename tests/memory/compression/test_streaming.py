"""Compression of a stream: size, versions, drift, errors."""

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.compression.streaming import Codes, StreamingCompressor
from tests.memory.compression.data import clustered


def test_working_set_grows_with_the_logarithm() -> None:
    """Rows kept are one epoch a doubling; versions of the codec never more than doublings."""
    compressor = StreamingCompressor(8, 4, per_epoch=64)
    for power in range(7):
        compressor.observe(clustered((64 << power) - compressor.seen, 8, seed=power))
        assert compressor.reservoir.epochs == power + 1
        assert 1 <= len(compressor.codecs) <= power + 1
    codec = compressor.codecs[0].nbytes
    assert compressor.working_set_bytes <= 7 * (64 * 8 * 4 + codec)
    assert compressor.ratio == 8


def test_old_codes_stay_readable_when_the_stream_drifts() -> None:
    """A version is never changed; a new one codes the new rows better."""
    compressor = StreamingCompressor(8, 4, per_epoch=128)
    before = clustered(128, 8)
    compressor.observe(before)
    codes = compressor.encode(before)
    decoded = compressor.decode(codes)
    after = clustered(896, 8, seed=1)[:, ::-1] * 3 + 5
    compressor.observe(after)
    np.testing.assert_array_equal(compressor.decode(codes), decoded)
    newest = compressor.encode(after)
    assert newest.version > codes.version
    old = compressor.codecs[0]
    lost = ((compressor.decode(newest) - after) ** 2).sum()
    assert lost < 0.5 * ((old.decode(old.encode(after)) - after) ** 2).sum()


def test_a_long_batch_learns_where_short_ones_do() -> None:
    """The same doublings, in one call or in many."""
    one, many = (StreamingCompressor(8, 4, per_epoch=64) for _ in range(2))
    stream = clustered(512, 8)
    one.observe(stream)
    for start in range(0, 512, 50):
        many.observe(stream[start : start + 50])
    assert one.seen == many.seen and one.reservoir.epochs == many.reservoir.epochs
    assert one.codecs and many.codecs


def test_state_brings_everything_back() -> None:
    """Codes are read by a compressor that was restored, and learning goes on."""
    first = StreamingCompressor(8, 4, per_epoch=64)
    stream = clustered(300, 8)
    first.observe(stream)
    codes = first.encode(stream)
    second = StreamingCompressor(8, 4, per_epoch=64)
    second.restore(first.state(), 300, lambda at: stream[at])
    np.testing.assert_array_equal(second.decode(codes), first.decode(codes))
    assert second.seen == 300
    second.observe(clustered(300, 8, seed=2))
    assert second.seen == 600
    with pytest.raises(MemoryStoreError, match="bytes a level"):
        StreamingCompressor(8, 2, per_epoch=64).restore(first.state())


def test_encodes_before_the_first_epoch_is_full() -> None:
    """From what there is; from nothing not at all."""
    compressor = StreamingCompressor(4, 2)
    with pytest.raises(ValueError, match="observed no rows"):
        compressor.encode(np.ones((1, 4)))
    compressor.observe(np.eye(4))
    back = compressor.decode(compressor.encode(np.eye(4)))
    np.testing.assert_allclose(back, np.eye(4), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bytes_per_row": 3, "levels": 2}, "multiple"),
        ({"bytes_per_row": 0}, "multiple"),
        ({"bytes_per_row": 9}, "at most 8 bytes"),
        ({"bytes_per_row": 4, "per_epoch": 0}, "per_epoch"),
    ],
)
def test_sizes_that_do_not_fit(options: dict, words: str) -> None:
    """Each is named."""
    with pytest.raises(ValueError, match=words):
        StreamingCompressor(8, **options)


def test_codes_of_something_else() -> None:
    """Unknown versions, wrong widths and NaN are refused."""
    compressor = StreamingCompressor(8, 4, levels=2, per_epoch=64)
    compressor.observe(clustered(64, 8))
    for codes in (Codes(5, np.zeros((1, 4), np.uint8)), Codes(0, np.zeros((1, 3), np.uint8))):
        with pytest.raises(ValueError, match="codes"):
            compressor.decode(codes)
    with pytest.raises(ValueError, match="NaN"):
        compressor.observe(np.full((1, 8), np.nan))
    cut = compressor.encode(clustered(5, 8)).values[:, :2]
    assert compressor.decode(Codes(0, cut)).shape == (5, 8)
