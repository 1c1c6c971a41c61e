"""The codec against its naive forms."""

import numpy as np
import pytest

from daneel.memory.compression.clustering import kmeans, nearest
from daneel.memory.compression.product_codec import ProductCodec, balanced_axes, learn
from tests.memory.compression.data import clustered


@pytest.fixture(scope="module")
def codec() -> ProductCodec:
    """Of 10 dimensions (no multiple of the parts), 3 parts, 2 levels."""
    samples = clustered(600, 10)
    return learn(samples, np.ones(600), 3, 2, np.random.default_rng(0))


def test_nearest_is_the_nearest() -> None:
    """Against all distances."""
    points, centres = clustered(50, 5), clustered(9, 5, seed=1)
    distances = ((points[:, None] - centres[None]) ** 2).sum(2)
    closest, found = nearest(points, centres)
    np.testing.assert_array_equal(closest, distances.argmin(1))
    np.testing.assert_allclose(found, distances.min(1), atol=1e-5)


def test_kmeans_finds_separate_groups() -> None:
    """Four far groups, four centres; weights move a centre, lost centres are used again."""
    points = np.repeat(np.array([[0, 0], [9, 0], [0, 9], [9, 9]], np.float32), 5, axis=0)
    centres = kmeans(points, np.ones(20), 4, np.random.default_rng(3))
    assert sorted(map(tuple, centres.tolist())) == [(0, 0), (0, 9), (9, 0), (9, 9)]
    pair = np.array([[0.0], [4.0]], np.float32)
    assert kmeans(pair, np.array([3.0, 1.0]), 1, np.random.default_rng(0))[0, 0] == 1
    assert kmeans(pair, np.ones(2), 8, np.random.default_rng(0)).shape == (8, 1)


def test_codes_and_vectors_equal_the_naive_ones(codec: ProductCodec) -> None:
    """Part by part, level by level, row by row."""
    vectors = clustered(20, 10, seed=5)
    codes = codec.encode(vectors)
    assert codes.shape == (20, 6) and codec.spans == [slice(0, 3), slice(3, 6), slice(6, 10)]
    for row, code in zip(vectors, codes, strict=True):
        rest, sum_ = (row - codec.mean) @ codec.rotation, np.zeros(10)
        for level in range(2):
            for part, span in enumerate(codec.spans):
                book = codec.books[level][:, span]
                best = int(((rest[span] - book) ** 2).sum(1).argmin())
                assert best == code[level * 3 + part]
                rest[span] -= book[best]
                sum_[span] += book[best]
        decoded = codec.mean + codec.rotation @ sum_
        np.testing.assert_allclose(codec.decode(code[None])[0], decoded, atol=1e-5)


def test_tables_give_inner_products(codec: ProductCodec) -> None:
    """The sum over the code of a table's entries is the product with the decoded vector."""
    vectors, queries = clustered(30, 10, seed=6), clustered(4, 10, seed=7)
    codes, tables = codec.encode(vectors), codec.tables(queries)
    dots = (queries @ codec.mean)[:, None] + sum(tables[:, at, codes[:, at]] for at in range(6))
    np.testing.assert_allclose(dots, queries @ codec.decode(codes).T, atol=1e-5)


def test_each_level_refines(codec: ProductCodec) -> None:
    """On rows that were not trained on."""
    vectors = clustered(300, 10, seed=8)
    codes = codec.encode(vectors)
    errors = [((vectors - codec.decode(codes[:, :at])) ** 2).sum(1).mean() for at in (0, 3, 6)]
    assert errors[2] < 0.5 * errors[1] < 0.25 * errors[0]


def test_pack_keeps_all(codec: ProductCodec) -> None:
    """Bit for bit."""
    again = ProductCodec.unpack(codec.pack())
    assert again.parts == 3 and again.levels == 2
    for name in ("mean", "rotation", "books"):
        np.testing.assert_array_equal(getattr(again, name), getattr(codec, name))


def test_axes_are_orthonormal_and_balanced() -> None:
    """Two strong and two weak axes: each part gets one of either."""
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(4000, 4)) * [8, 8, 1, 1]).astype(np.float32)
    axes = balanced_axes(points, np.ones(4000), 2)
    np.testing.assert_allclose(axes.T @ axes, np.eye(4), atol=1e-5)
    variances = (points @ axes).var(0)
    assert sorted(variances[:2] > 9) == sorted(variances[2:] > 9) == [False, True]


@pytest.mark.parametrize("samples", [np.zeros((9, 4)), np.ones((1, 4)), np.eye(4)])
def test_few_or_equal_samples(samples: np.ndarray) -> None:
    """What was seen often enough comes back exactly."""
    vectors = samples.astype(np.float32)
    codec = learn(vectors, np.ones(len(vectors)), 2, 1, np.random.default_rng(0))
    np.testing.assert_allclose(codec.decode(codec.encode(vectors)), vectors, atol=1e-6)


@pytest.mark.parametrize("dim", [5, 64])
def test_a_decoded_vector_does_not_depend_on_the_others(dim: int) -> None:
    """Bit for bit, alone or anywhere among many."""
    vectors = clustered(300, dim)
    codec = learn(vectors, np.ones(300), 4, 1, np.random.default_rng(0))
    codes = codec.encode(vectors)
    together = codec.decode(codes)
    for chosen in ([7], [299, 7], list(range(40, 73))):
        np.testing.assert_array_equal(codec.decode(codes[chosen]), together[chosen])
    assert codec.decode(codes[:0]).shape == (0, dim)


def test_lengths_and_errors_are_those_of_decoded_vectors(codec: ProductCodec) -> None:
    """Though nothing is turned back for them."""
    vectors = clustered(50, 10, seed=9)
    codes = codec.encode(vectors)
    decoded = codec.decode(codes)
    np.testing.assert_allclose(codec.lengths(codes), np.linalg.norm(decoded, axis=1), rtol=1e-5)
    np.testing.assert_allclose(codec.errors(vectors), ((vectors - decoded) ** 2).sum(1), atol=1e-5)
