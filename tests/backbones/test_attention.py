"""The attention backbone's mask, against a loop over queries."""

import pytest
import torch

from daneel.backbones import build
from daneel.backbones.attention import masked_attention
from tests.backbones.hand_made import DIM, far, generator, inputs


@pytest.mark.parametrize("window", [None, 1, 3, 40])
@pytest.mark.parametrize("cached", [0, 2, 5])
def test_masks_are_those_of_a_loop(window, cached):
    """Causal, inside the episode, inside the window; cached keys that are dead are not seen."""
    steps, draw = 11, generator(cached)
    cached = cached if window is None else min(cached, window - 1)
    total = cached + steps
    k, v = torch.randn(2, 2, total, 2, 4, generator=draw, dtype=torch.float64)
    q = torch.randn(2, steps, 2, 4, generator=draw, dtype=torch.float64)
    queries = (torch.rand(2, steps, generator=draw) < 0.2).long().cumsum(1)
    keys = torch.cat([-(torch.rand(2, cached, generator=draw) < 0.3).long(), queries], 1)
    y = masked_attention(q, k, v, queries, keys, window)
    for row in range(2):
        for t in range(steps):
            at = cached + t
            seen = [
                s
                for s in range(at + 1)
                if keys[row, s] == queries[row, t] and (window is None or s > at - window)
            ]
            scores = torch.einsum("hk,shk->hs", q[row, t], k[row, seen]) * 0.5
            expected = torch.einsum("hs,shk->hk", scores.softmax(1), v[row, seen])
            assert far(y[row, t], expected) <= 1e-12


@pytest.mark.parametrize("window", [1, 4, 100])
def test_a_window_bounds_the_cache(window):
    """Any cut agrees, and the cache holds what a later query can still see."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        core = build("attention", DIM, 2, window=window).double()
    x, state, outputs = inputs(2, 19), None, []
    for piece in x.split([1, 7, 2, 9], 1):
        y, state = core(piece, state)
        outputs.append(y)
    assert far(torch.cat(outputs, 1), core(x)[0]) <= 1e-12
    assert state is not None
    assert state["layer0.k"].shape[1] == min(window - 1, 19)


def test_finished_episodes_leave_the_cache():
    """After resets the cache is as long as the longest episode that still runs."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        core = build("attention", DIM, 1)
    resets = torch.zeros(2, 12, dtype=torch.bool)
    resets[0, 9] = resets[1, 7] = True
    _, state = core(inputs(2, 12, torch.float32), None, resets)
    assert state["layer0.k"].shape[1] == 5


def test_positions_are_exact_beyond_float32():
    """Far from the start, where float32 no longer counts single steps, outputs are the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        core = build("attention", DIM, 1, window=4)
    x = inputs(1, 6, torch.float32)
    far_on = core.initial_state(1)
    far_on["layer0.position"] = torch.tensor([[999.0, 2.0**20 - 3]])
    y, state = core(x, far_on)
    assert far(y, core(x)[0]) <= 1e-4
    assert state["layer0.position"].tolist() == [[1000.0, 3.0]]
