"""Retraining on one's own transcripts without forgetting (row R-1), next to no replay.

An agent goes from room to room. In each, what is seen asks for an action by a rule of that room,
whose name stands at the beginning of every transcript. A recurrent model is tuned on the
transcripts of one room after the other; held ones of every room are scored after each.

Legend: N transcripts, T steps.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones import build
from daneel.evaluation.bench.memory import Options, figure
from daneel.evaluation.evidence import Evidence
from daneel.memory.attention.retraining import ChunkwiseRetrainer, Plan

ROOMS, SEEN, ACTIONS, TIME, DIM = 8, 16, 8, 12, 64
PLAN = Plan(every=128, held=0.25, steps=150, batch=32, replay=0.5, reservoir=256)
LIMIT, LEARNT = 2.0, 95.0
"""Percentage points that may be forgotten; percent of right actions, or nothing was learnt."""


class Player(nn.Module):
    """Reads the room, then one thing seen a step, and scores the actions."""

    def __init__(self) -> None:
        """Initial weights from torch's global generator: fork it outside."""
        super().__init__()
        self.embed = nn.Embedding(ROOMS + SEEN, DIM)
        self.backbone = build("gru", DIM)
        self.head = nn.Linear(DIM, ACTIONS)

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores `[N, T, ACTIONS]` for tokens `[N, 1 + T]`."""
        hidden, _ = self.backbone(self.embed(tokens))
        return self.head(hidden[:, 1:])


def transcripts(seed: int) -> list[Tensor]:
    """Of all rooms, one after the other: `[2, 1 + T]` of tokens and actions each."""
    generator = torch.Generator().manual_seed(seed)
    rules = torch.randint(ACTIONS, (ROOMS, SEEN), generator=generator)
    seen = torch.randint(SEEN, (ROOMS, PLAN.every, TIME), generator=generator)
    rows = []
    for room, seen_there in enumerate(seen):
        for row in seen_there:
            tokens = torch.cat([torch.tensor([room]), ROOMS + row])
            rows.append(torch.stack([tokens, F.pad(rules[room, row], (1, 0))]))
    return rows


def loss(model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """Cross-entropy of the actions."""
    tokens, actions = torch.stack(list(batch)).unbind(1)
    return F.cross_entropy(model(tokens).flatten(0, 1), actions[:, 1:].flatten())


def score(model: nn.Module, batch: Sequence[Tensor]) -> float:
    """Percent of actions that are right."""
    tokens, actions = torch.stack(list(batch)).unbind(1)
    return 100 * float((model(tokens).argmax(-1) == actions[:, 1:]).float().mean())


def retrained(plan: Plan, seed: int) -> ChunkwiseRetrainer[Tensor]:
    """A new player after the transcripts of all rooms."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Player()
    optimizer, generator = torch.optim.AdamW(model.parameters(), lr=5e-3), torch.Generator()
    trainer = ChunkwiseRetrainer(model, loss, score, optimizer, plan, generator.manual_seed(seed))
    for transcript in transcripts(seed):
        trainer.observe(transcript)
    return trainer


def measure(options: Options) -> list[Evidence]:
    """Forgetting and final scores with replay and without."""
    plan = replace(PLAN, steps=options.sized(PLAN.steps, 2))
    plans = {"with replay": plan, "without replay": replace(plan, replay=0.0)}
    return [item for who, plan in plans.items() for item in _measured(who, plan, options)]


def _measured(who: str, plan: Plan, options: Options) -> list[Evidence]:
    began, seeds = time.perf_counter(), tuple(options.seed + at for at in range(options.repeats))
    done = [retrained(plan, seed) for seed in seeds]
    replayed = plan.replay > 0
    lost = [trainer.forgetting for trainer in done]
    kept = [sum(trainer.table[-1]) / ROOMS for trainer in done]
    stamp: dict[str, Any] = {
        "seeds": seeds,
        "seconds": time.perf_counter() - began,
        "details": {"tables": [trainer.table for trainer in done]},
    }
    row = "R-1, retraining in chunks"
    return [
        figure(row, "forgetting", who, lost, "pp", LIMIT if replayed else None, "lower", **stamp),
        figure(row, "right actions, all rooms", who, kept, "%", LEARNT if replayed else None,
               **stamp),
    ]  # fmt: skip
