"""Far recall (row R-1): link slots around a backbone, next to the plain backbone.

A stream names values for a few keys, runs on for a long time, and then asks for the value of each
key. Both models are trained on short streams; asked are also streams many times as long.

Legend: B streams, T tokens, P pairs, D width.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones import build
from daneel.evaluation.bench.memory import Options
from daneel.evaluation.bench.memory_shares import share
from daneel.evaluation.evidence import Evidence
from daneel.memory.attention.link_slots import LinkSlotAttention, Slots

KEYS, VALUES, NOISE = 64, 16, 32
"""Tokens of each kind; one more asks."""
ASK = KEYS + VALUES + NOISE
PAIRS, BEFORE, ASKED = 8, 4, 3
"""Pairs in a stream; steps around each when it is told, and when it is asked for."""
CHANCE = 1 / VALUES
IGNORED = -100
PIECE = 16
"""Steps between two writes to the slots."""

BACKBONES, DIM, SLOTS, STEPS = ("gru", "retention"), 48, 32, 900
"""What is measured: one layer with slots, against two layers without."""
GAPS, STREAMS = (24, 2_048, 16_384), 64
"""Tokens between telling and asking, the first as in training; streams of each."""
REHEARSAL = (10, (24, 200), 4)
"""Steps, gaps and streams."""
FAR, WANTED = 2_048, 95.0
"""From this gap on, so many percent must be right with slots."""


def measure(options: Options) -> list[Evidence]:
    """Recall over each gap of every backbone, with link slots and without."""
    models = [(name, slots) for name in BACKBONES for slots in (SLOTS, 0)]
    return [item for name, slots in models for item in _measured(name, slots, options)]


def _measured(name: str, slots: int, options: Options) -> list[Evidence]:
    began, seed = time.perf_counter(), options.seed
    steps, gaps, count = options.sized((STEPS, GAPS, STREAMS), REHEARSAL)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Recaller(name, DIM, slots, depth=1 if slots else 2)
    losses = train(model, steps, torch.Generator().manual_seed(seed))
    details: dict[str, Any] = {
        "weights": sum(weight.numel() for weight in model.parameters()),
        "training, s": time.perf_counter() - began,
        "loss": losses[-1],
        "chance, %": 100 * CHANCE,
    }
    generator, items = torch.Generator().manual_seed(seed + 1), []
    subject = f"{name} with link slots" if slots else f"{name}, plain"
    for gap in gaps:
        right = recall(model, gap, count, generator)
        bar = WANTED if slots and gap >= FAR else None
        row, seconds = f"R-1, recall over {gap} tokens", time.perf_counter() - began
        items.append(share(row, "right answers", subject, right, count * PAIRS, bar,
                           seed=seed, seconds=seconds, details=details))  # fmt: skip
    return items


@dataclass(frozen=True)
class Streams:
    """Token streams and what is asked in them."""

    tokens: Tensor
    """`[B, T]`."""
    answers: Tensor
    """`[B, T]`: the value asked for at that step, -100 where nothing is."""


def streams(batch: int, gap: int, generator: torch.Generator) -> Streams:
    """P pairs among noise, `gap` tokens of noise, then every key once in another order."""
    keys = torch.rand(batch, KEYS, generator=generator).argsort(1)[:, :PAIRS]
    values = torch.randint(VALUES, (batch, PAIRS), generator=generator)
    told = _noise((batch, PAIRS, BEFORE), generator)
    at = torch.randint(BEFORE - 1, (batch, PAIRS, 1), generator=generator)
    told.scatter_(2, at, keys[..., None]).scatter_(2, at + 1, KEYS + values[..., None])
    order = torch.rand(batch, PAIRS, generator=generator).argsort(1)
    asked = _noise((batch, PAIRS, ASKED), generator)
    asked[..., 0], asked[..., 1] = ASK, keys.gather(1, order)
    answers = torch.full_like(asked, IGNORED)
    answers[..., 1] = values.gather(1, order)
    before = torch.cat([told.flatten(1), _noise((batch, gap), generator)], 1)
    nothing = torch.full_like(before, IGNORED)
    return Streams(
        torch.cat([before, asked.flatten(1)], 1), torch.cat([nothing, answers.flatten(1)], 1)
    )


def _noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return KEYS + VALUES + torch.randint(NOISE, shape, generator=generator)


class Recaller(nn.Module):
    """Tokens, a backbone, link slots if there are any, and scores of the values."""

    def __init__(self, backbone: str, dim: int, slots: int, depth: int = 1) -> None:
        """Without slots (0) it is the plain backbone."""
        super().__init__()
        self.embed = nn.Embedding(ASK + 1, dim)
        self.backbone = build(backbone, dim, depth)
        self.links = LinkSlotAttention(dim, slots) if slots else None
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, VALUES)

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores `[B, T, VALUES]` of `tokens [B, T]`."""
        hidden, _ = self.backbone(self.embed(tokens))
        if self.links is not None:
            read, _ = self.links.unroll(hidden, piece=PIECE)
            hidden = hidden + read
        return self.head(self.norm(hidden))

    @torch.no_grad()
    def streamed(self, tokens: Tensor, steps: int = 2048) -> Tensor:
        """The same in windows of `steps`, with state and slots carried: memory flat in T."""
        state, slots, outputs = None, None, []
        for window in tokens.split(steps, 1):
            hidden, state = self.backbone(self.embed(window), state)
            read, slots = self._read(hidden, slots)
            outputs.append(self.head(self.norm(hidden + read)))
        return torch.cat(outputs, 1)

    def _read(self, hidden: Tensor, slots: Slots | None) -> tuple[Tensor, Slots | None]:
        if self.links is None:
            return torch.zeros_like(hidden), None
        return self.links.unroll(hidden, slots, piece=PIECE)


def train(
    model: Recaller, steps: int, generator: torch.Generator, batch: int = 16, longest: int = 24
) -> list[float]:
    """Trains on streams with a gap of up to `longest`; the loss of every step."""
    optimizer, losses = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01), []
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(steps):
        gap = int(torch.randint(longest + 1, (1,), generator=generator))
        data = streams(batch, gap, generator)
        loss = F.cross_entropy(
            model(data.tokens).flatten(0, 1), data.answers.flatten(), ignore_index=IGNORED
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def recall(model: Recaller, gap: int, count: int, generator: torch.Generator) -> int:
    """How many of the `count * PAIRS` questions are answered right after `gap` tokens."""
    data = streams(count, gap, generator)
    guesses = model.eval().streamed(data.tokens).argmax(-1)
    model.train()
    return int((guesses == data.answers).sum())
