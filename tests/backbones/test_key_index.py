"""Decoding by an index of keys, against attention to all of them.

Legend: B batch, H heads, T cached keys, D key width, V value width.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from daneel.backbones.key_index import Decoded, Options, TopKSparseAttention
from daneel.backbones.key_lists import seal
from daneel.backbones.ops import topk_attention_naive
from tests.backbones.ops.matching import generator

SMALL = {"topk": 16, "segment": 64, "list_keys": 8, "probe": 4}
B, H, D, V = 2, 3, 8, 5


def random(*shape: int, seed: int) -> Tensor:
    """Standard normal values, float32."""
    return torch.randn(*shape, generator=generator(seed))


def filled(options: Options, k: Tensor, v: Tensor, cuts: tuple[int, ...]) -> TopKSparseAttention:
    """A cache to which the keys were appended in parts."""
    cache, start = TopKSparseAttention(options), 0
    for stop in (*cuts, k.shape[1]):
        cache.append(k[:, start:stop], v[:, start:stop])
        start = stop
    return cache


@pytest.mark.parametrize("time", [1, 15, 64, 65, 700])
@pytest.mark.parametrize("certificate", ["bound", "estimate"])
def test_with_no_tolerance_the_answer_is_exact(time: int, certificate: str) -> None:
    """Where the bounds do not say so, all keys are scored."""
    k, v, q = random(B, time, H, D, seed=0), random(B, time, H, V, seed=1), random(B, H, D, seed=2)
    options = Options(**SMALL, tolerance=0.0, certificate=certificate)  # type: ignore[arg-type]
    cache = filled(options, k, v, (1, 9, 200, 201) if time > 201 else ())
    found = cache.decode(q)
    expected = topk_attention_naive(q[:, None], k, v, 16)[:, 0].float()
    torch.testing.assert_close(found.output, expected)
    assert bool(found.exact.all())
    assert len(cache) == time


def clusters(time: int, noise: float) -> Tensor:
    """Keys `[1, T, 1, D]` of unit length near one of few topics each."""
    topics = torch.nn.functional.normalize(random(12, D, seed=3), dim=-1)
    which = torch.randint(12, (time,), generator=generator(4))
    return (topics[which] + noise * random(time, D, seed=5))[None, :, None]


def test_far_lists_are_certainly_not_read() -> None:
    """Tight clusters: exact by the bound, from a small part of the keys."""
    k, v = clusters(2048, 0.01), random(1, 2048, 1, V, seed=6)
    sizes = {"topk": 8, "segment": 512, "list_keys": 16, "probe": 32, "tolerance": 0.0}
    cache = filled(Options(**sizes, certificate="bound", fallback=False), k, v, ())  # type: ignore[arg-type]
    q = 20 * k[:, 100]
    found = cache.decode(q)
    assert bool(found.exact.all())
    assert int(found.read.max()) < 1500
    expected = topk_attention_naive(q[:, None], k, v, 8)[:, 0].float()
    torch.testing.assert_close(found.output, expected)


@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_the_share_missed_is_bounded(noise: float) -> None:
    """A hard bound holds for the true share, whether the keys cluster or not."""
    k, v = clusters(1024, noise), random(1, 1024, 1, V, seed=6)
    options = Options(
        topk=8, segment=512, list_keys=16, probe=4, certificate="bound", fallback=False
    )
    cache = filled(options, k, v, ())
    for seed in range(10):
        q = 5 * random(1, 1, D, seed=seed)
        found = cache.decode(q)
        scores = D**-0.5 * torch.einsum("bhd,bthd->t", q, k)
        p, read = scores.softmax(0).sort(descending=True)[0], int(found.read)
        # Whatever was read, at most the smallest shares can have been missed by less than this.
        assert float(found.missed) >= float(1 - p[:read].sum()) - 1e-5


def needle(cache_keys: int, options: Options) -> tuple[Decoded, Tensor]:
    """A key unlike all others among many, asked for by a noisy copy of it."""
    k = torch.nn.functional.normalize(random(1, cache_keys, 1, 32, seed=7), dim=-1)
    v = random(1, cache_keys, 1, V, seed=8)
    cache = TopKSparseAttention(options, scale=1.0)
    cache.append(k, v)
    q = 30 * (k[:, 1234] + 0.05 * random(1, 1, 32, seed=9))
    return cache.decode(q), v[0, 1234, 0]


def test_a_needle_is_found() -> None:
    """By the lists alone, among keys without any structure."""
    options = Options(topk=8, segment=2048, list_keys=32, probe=16, fallback=False)
    found, value = needle(8192, options)
    torch.testing.assert_close(found.output[0, 0], value, rtol=0.1, atol=0.1)
    assert int(found.read) < 4096


def test_lists_hold_what_they_say() -> None:
    """Every key is in one list with its value, no farther from the centre than the radius."""
    keys, values = random(3, 100, D, seed=0), random(3, 100, V, seed=1)
    lists = seal(keys, values, 7)
    assert lists.sizes.sum(1).tolist() == [100, 100, 100]
    for row in range(3):
        pairs = torch.cat([lists.keys[row], lists.values[row]], 1)
        original = torch.cat([keys[row], values[row]], 1)
        assert sorted(pairs.tolist()) == sorted(original.tolist())
        start = 0
        for at, size in enumerate(lists.sizes[row].tolist()):
            members = lists.keys[row, start : start + size] - lists.centres[row, at]
            start += size
            if size:
                torch.testing.assert_close(members.norm(dim=-1).max(), lists.radii[row, at])
                torch.testing.assert_close(members.square().mean(0), lists.variances[row, at])


def test_bad_arguments_are_refused_by_name() -> None:
    """With both shapes, and what to do."""
    cache = TopKSparseAttention(Options(**SMALL))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cache is empty"):
        cache.decode(random(B, H, D, seed=0))
    cache.append(random(B, 4, H, D, seed=0), random(B, 4, H, V, seed=1))
    with pytest.raises(ValueError, match="2 rows of 3 heads of width 8"):
        cache.append(random(B, 4, H + 1, D, seed=0), random(B, 4, H + 1, V, seed=1))
    with pytest.raises(ValueError, match="2 rows of 3 heads of width 8"):
        cache.decode(random(B + 1, H, D, seed=0))
    with pytest.raises(ValueError, match="topk is 0"):
        Options(topk=0)
    with pytest.raises(ValueError, match="tolerance is 1"):
        Options(tolerance=1.0)
