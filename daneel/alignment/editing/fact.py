"""What an edit is about: a prompt, where its subject ends, and what shall follow.

Models map tokens `[B, T]` to logits `[B, T, V]` of the next token.

Legend: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daneel.errors import ConfigError

Tokens = Sequence[int]
"""Tokens of one text."""


@dataclass(frozen=True)
class Fact:
    """A prompt and what a model says, or shall say, after it."""

    prompt: tuple[int, ...]
    """Tokens up to where the object begins."""
    subject: int
    """Place of the subject's last token in the prompt, from 0."""
    target: tuple[int, ...]
    """Tokens of the object."""

    def __post_init__(self) -> None:
        """Checks that prompt, subject and target are there.

        Raises:
            ConfigError: one is empty, or the subject is outside the prompt.
        """
        if not self.target or not 0 <= self.subject < len(self.prompt):
            raise ConfigError(
                f"The prompt has {len(self.prompt)} tokens, the subject ends at {self.subject}, "
                f"the target has {len(self.target)}. Expected a place inside the prompt and at "
                "least one token of target. Count from 0."
            )


@torch.no_grad()
def complete(model: nn.Module, prompt: Tokens, count: int = 1) -> tuple[int, ...]:
    """The `count` likeliest tokens after a prompt, one after the other."""
    rows = torch.tensor([list(prompt)])
    for _ in range(count):
        rows = torch.cat([rows, model(rows)[:, -1:].argmax(-1)], 1)
    return tuple(rows[0, len(prompt) :].tolist())


@torch.no_grad()
def perplexity(model: nn.Module, text: Tensor | Iterable[Tensor]) -> float:
    """Of one token of texts `[N, T]`, or of several such batches; each first token is given."""
    nats, count = 0.0, 0
    for rows in [text] if isinstance(text, Tensor) else text:
        logits = model(rows[:, :-1])
        nats += float(F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum"))
        count += rows[:, 1:].numel()
    return math.exp(nats / count)
