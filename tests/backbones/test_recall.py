"""Tasks with known answers: learned in seconds by backbones that should, not by those that cannot.

Legend: B batch, T time.
"""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones import Backbone, build
from tests.backbones.hand_made import generator

Task = Callable[..., tuple[Tensor, Tensor]]
"""Rows, a generator and perhaps a length, to tokens `[B, T]` and the answers at the end."""

PAIRS, KEYS = 3, 6


def associative_recall(rows: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pairs of key and value, then one of the keys: what was its value?"""
    keys = torch.rand(rows, KEYS, generator=draw).argsort(1)[:, :PAIRS]
    values = torch.randint(KEYS, (rows, PAIRS), generator=draw)
    asked = torch.randint(PAIRS, (rows, 1), generator=draw)
    pairs = torch.stack([keys, KEYS + values], 2).flatten(1)
    return torch.cat([pairs, keys.gather(1, asked)], 1), values.gather(1, asked)


def parity(rows: int, draw: torch.Generator, steps: int = 12) -> tuple[Tensor, Tensor]:
    """Bits: is the number of ones so far odd? No decaying sum of inputs can tell for long."""
    bits = torch.randint(2, (rows, steps), generator=draw)
    return bits, bits.cumsum(1) % 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["attention", "delta", "rwkv"])
def test_associative_recall_is_learned(name):
    """Chance is 1 in 6; who only learns that values follow keys reaches 1 in 3."""
    model = _train(build, name, associative_recall, steps=200, depth=2)
    assert _accuracy(model, *associative_recall(256, generator(1))) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [("gru", {}), ("delta", {"negative": True})])
def test_state_tracking_goes_beyond_the_length_of_training(name, options):
    """Trained on 12 steps, right on steps 24 to 48."""
    model = _train(build, name, parity, steps=120, depth=1, **options)
    tokens, answers = parity(256, generator(1), 48)
    assert _accuracy(model, tokens, answers[:, 24:]) > 0.85


@pytest.mark.slow
def test_a_fixed_decay_cannot_track_a_state():
    """Retention adds up inputs: beyond the length of training it guesses."""
    model = _train(build, "retention", parity, steps=120, depth=1)
    tokens, answers = parity(256, generator(1), 48)
    assert _accuracy(model, tokens, answers[:, 24:]) < 0.65


def _train(
    make: Callable[..., Backbone], name: str, task: Task, *, steps: int, depth: int, **options
):
    """A model `tokens -> logits`, trained with Adam."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        core = make(name, 32, depth, **options)
        embed, head = nn.Embedding(2 * KEYS, 32), nn.Linear(32, 2 * KEYS)
    weights = [*core.parameters(), *embed.parameters(), *head.parameters()]
    optimizer, draw = torch.optim.Adam(weights, 4e-3), generator()
    for _ in range(steps):
        tokens, answers = task(48, draw)
        logits = head(core(embed(tokens))[0])[:, -answers.shape[1] :]
        loss = F.cross_entropy(logits.flatten(0, 1), answers.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return lambda tokens: head(core(embed(tokens))[0])


@torch.no_grad()
def _accuracy(model: Callable[[Tensor], Tensor], tokens: Tensor, answers: Tensor) -> float:
    guesses = model(tokens)[:, -answers.shape[1] :].argmax(-1)
    return float((guesses == answers).float().mean())
