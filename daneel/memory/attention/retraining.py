"""`ChunkwiseRetrainer`: fine-tuning on one's own transcripts, chunk by chunk, without forgetting.

Transcripts come in one after the other. Whenever a chunk is full, the model is tuned on it for a
while, every batch mixed with transcripts of earlier chunks that a reservoir has kept (experience
replay: Rolnick et al. 2018, arXiv 1811.11682; a small reservoir: Chaudhry et al. 2019, arXiv
1902.10486; reservoir sampling: Vitter 1985). Some transcripts of each chunk are never trained on:
they are scored after every chunk, and what was lost on earlier ones is the forgetting of Chaudhry
et al. (2018, arXiv 1801.10112):

    f_j = max over l in j..k-1 of a(l, j) - a(k, j)         F_k = mean of f_j over j < k

with a(l, j) the score on chunk j after training on chunk l. A negative f_j is a chunk that later
ones helped.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Transcript = TypeVar("Transcript")


@dataclass(frozen=True)
class Plan:
    """When the model is retrained, and on what."""

    every: int = 256
    """Transcripts of a chunk."""

    held: float = 0.125
    """Share of each chunk that is kept for scoring and never trained on."""

    steps: int = 200
    """Optimiser steps for a chunk."""

    batch: int = 32
    """Transcripts of a step."""

    replay: float = 0.5
    """Share of a batch that comes from earlier chunks, once there are any."""

    reservoir: int = 1024
    """Transcripts of earlier chunks that are kept: a fair sample of all of them."""

    clip: float = 1.0
    """Largest norm of the gradient."""

    def __post_init__(self) -> None:
        """Refuses values that leave nothing to train on or to score."""
        for name in ("every", "steps", "batch", "reservoir"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}. Expected 1 or more.")
        if not 0 <= self.replay < 1:
            raise ValueError(f"replay is {self.replay}. Expected at least 0 and below 1.")
        if not self.clip > 0:
            raise ValueError(f"clip is {self.clip}. Expected a number above 0.")
        if not 0 < self.scored < self.every:
            raise ValueError(
                f"held is {self.held}: {self.scored} of the {self.every} transcripts of a chunk "
                "are scored. Expected at least one to score and one to train on."
            )

    @property
    def scored(self) -> int:
        """Transcripts of a chunk that are kept for scoring."""
        return round(self.held * self.every)


@dataclass(frozen=True)
class Retraining:
    """What one retraining did."""

    chunk: int
    """Number of the chunk, from 0."""

    losses: list[float]
    """Of every step."""

    scores: list[float]
    """a(k, j) on the held transcripts of every chunk j up to this one, k."""

    forgetting: float
    """F_k, in the unit of the scores; 0 after the first chunk."""


class ChunkwiseRetrainer(Generic[Transcript]):
    """Tunes a model on its transcripts while they come in.

    Args:
        model: What is tuned, in place.
        loss: Mean loss of the model on some transcripts.
        score: How good the model is on some transcripts, higher is better (a share that is right,
            or minus a loss); called without gradients and in evaluation mode.
        optimizer: Of the model; its state is carried from chunk to chunk.
        plan: When and on what.
        generator: Draws what is held, kept and batched.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[nn.Module, Sequence[Transcript]], Tensor],
        score: Callable[[nn.Module, Sequence[Transcript]], float],
        optimizer: Optimizer,
        plan: Plan,
        generator: torch.Generator,
    ) -> None:
        """Begins with no transcript."""
        self.model, self.loss, self.score = model, loss, score
        self.optimizer, self.plan, self.generator = optimizer, plan, generator
        self.table: list[list[float]] = []
        """`table[l][j]` is a(l, j)."""
        self._pending: list[Transcript] = []
        self._held: list[list[Transcript]] = []
        self._kept: list[Transcript] = []
        self._seen = 0

    def observe(self, transcript: Transcript) -> Retraining | None:
        """Takes one transcript; retrains and reports when it fills a chunk.

        Raises:
            ValueError: The loss is NaN or infinite; this chunk is given up, what was learned of
                it before stays.
        """
        self._pending.append(transcript)
        if len(self._pending) < self.plan.every:
            return None
        chunk, self._pending = self._pending, []
        order = torch.randperm(len(chunk), generator=self.generator).tolist()
        drawn = [chunk[at] for at in order]
        return self._retrain(drawn[self.plan.scored :], drawn[: self.plan.scored])

    @property
    def forgetting(self) -> float:
        """F_k after the last retraining."""
        return forgetting(self.table)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the model's weights, to go on later as if nothing had happened."""
        parts = {name: getattr(self, name) for name in _CARRIED}
        return copy.deepcopy(
            {
                **parts,
                "optimizer": self.optimizer.state_dict(),
                "generator": self.generator.get_state(),
            }
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned; load the model's weights beside it.

        Raises:
            ValueError: A part is missing.
        """
        missing = sorted({*_CARRIED, "optimizer", "generator"} - set(state))
        if missing:
            raise ValueError(
                f"The state lacks {', '.join(missing)}. Expected what state_dict() returned."
            )
        state = copy.deepcopy(state)
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        for name in _CARRIED:
            setattr(self, name, state[name])

    def _retrain(self, fresh: list[Transcript], held: list[Transcript]) -> Retraining:
        self.model.train()
        losses = [self._step(self._batch(fresh)) for _ in range(self.plan.steps)]
        self._held.append(held)
        for transcript in fresh:
            self._keep(transcript)
        self.table.append(self._scores())
        return Retraining(len(self.table) - 1, losses, self.table[-1], self.forgetting)

    def _step(self, batch: list[Transcript]) -> float:
        loss = self.loss(self.model, batch)
        if not bool(loss.isfinite()):
            raise ValueError(
                f"The loss is {loss.item()} in chunk {len(self.table)}. Expected a finite number. "
                "Lower the learning rate, or look at the last transcripts."
            )
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip)
        self.optimizer.step()
        return loss.item()

    def _batch(self, fresh: list[Transcript]) -> list[Transcript]:
        """Fresh transcripts and replayed ones, each drawn with replacement."""
        old = round(self.plan.replay * self.plan.batch) if self._kept else 0
        return self._draw(fresh, self.plan.batch - old) + self._draw(self._kept, old)

    def _draw(self, among: list[Transcript], count: int) -> list[Transcript]:
        if not count:
            return []
        places = torch.randint(len(among), (count,), generator=self.generator)
        return [among[at] for at in places.tolist()]

    def _keep(self, transcript: Transcript) -> None:
        """Vitter's algorithm R: every transcript so far is kept with the same probability."""
        self._seen += 1
        if len(self._kept) < self.plan.reservoir:
            self._kept.append(transcript)
            return
        place = int(torch.randint(self._seen, (1,), generator=self.generator))
        if place < self.plan.reservoir:
            self._kept[place] = transcript

    @torch.no_grad()
    def _scores(self) -> list[float]:
        self.model.eval()
        scores = [float(self.score(self.model, held)) for held in self._held]
        self.model.train()
        return scores


_CARRIED = ("table", "_pending", "_held", "_kept", "_seen")
"""Attributes that make up the state, beside those of the optimiser and the generator."""


def forgetting(table: Sequence[Sequence[float]]) -> float:
    """F_k of the scores `table[l][j]` on chunk j after chunk l: the mean loss from their best."""
    if len(table) < 2:
        return 0.0
    last = len(table) - 1
    lost = [max(table[at][j] for at in range(j, last)) - table[last][j] for j in range(last)]
    return sum(lost) / last
