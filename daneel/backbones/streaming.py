"""Training on sequences far longer than memory: chunk by chunk, with the state carried.

Two gradients. Truncated (Williams, Peng 1990): the state is cut off between chunks, so a loss
teaches only its own chunk; memory is that of one chunk. Exact: the gradient of full
backpropagation. A first pass without gradients keeps states at a few places; the chunks are then
walked backward, each recomputed from its state and given the gradient of the state behind it
(Gruslys et al. 2016, arXiv 1606.03401). Where the chunks are more than the places, the pieces
between two places are treated the same way, so n chunks need O(k log_k n) states for k places and
log_k n forward passes more.

Legend: B batch, T time, D model width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.protocol import Backbone, State
from daneel.backbones.stack import positive
from daneel.backbones.state import detach, wide

SequenceModel = Callable[[Tensor, State | None], tuple[Tensor, State]]
"""Maps tokens `[B, t]` and a state to logits `[B, t, vocabulary]` and the next state.

`logits[:, i]` are for `tokens[:, i]` and depend on the tokens before it alone, those of earlier
chunks through the state: the convention of `daneel.backbones.byte_lm`.
"""


class TokenModel(nn.Module):
    """A backbone between an embedding and a head: a `SequenceModel`.

    Args:
        embed: Maps tokens `[B, T]` to `[B, T, D]`; what stands before the first token is zeros.
        core: The backbone.
        head: Maps `[B, T, D]` to logits `[B, T, vocabulary]`.
    """

    def __init__(self, embed: nn.Module, core: Backbone, head: nn.Module) -> None:
        """Keeps the parts."""
        super().__init__()
        self.embed, self.core, self.head = embed, core, head

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See `SequenceModel`; the state holds the last token besides the core's."""
        inner = None if state is None else {k: v for k, v in state.items() if k != "token"}
        tokens = tokens.long()
        last = torch.full_like(tokens[:, 0], -1) if state is None else state["token"]
        seen = torch.cat([last.unsqueeze(1), tokens[:, :-1]], 1)
        x = self.embed(seen.clamp(min=0)) * (seen >= 0).unsqueeze(-1)
        y, inner = self.core(x, inner)
        return self.head(y), {**inner, "token": tokens[:, -1]}


@dataclass(frozen=True)
class Streamed:
    """What a pass over a long sequence gives."""

    loss: float
    """Mean over tokens, in nats."""

    state: State
    """After the last token, cut off from the graph."""

    state_gradient: State | None
    """Of the mean loss with respect to the first state; None in truncated mode."""


def train_streaming(
    model: SequenceModel,
    tokens: Tensor,
    chunk: int,
    *,
    exact: bool = False,
    optimizer: torch.optim.Optimizer | None = None,
    state: State | None = None,
    places: int = 32,
) -> Streamed:
    """Trains `model` to predict each of `tokens [B, T]` from those before it, in chunks of steps.

    Gradients are added to the parameters' `grad`. Truncated: those of each chunk's mean loss; with
    an optimizer they are applied and cleared after every chunk. Exact: those of the mean loss over
    all T tokens, applied and cleared once. Without an optimizer they stay (truncated: weighted by
    the chunks' shares of T, so that they too belong to the mean over all tokens).

    The model must be deterministic, for exact mode runs chunks more than once: switch dropout off.

    Args:
        model: For example a `TokenModel` or a `daneel.backbones.byte_lm.ByteLM`.
        tokens: Integers of any width (uint8 keeps long texts small).
        chunk: Steps held in memory at once.
        exact: Full gradient, at two to four forward passes more.
        optimizer: Of the model's parameters.
        state: Before the first token; None is the model's own.
        places: Exact mode: states kept on each level.

    Raises:
        ValueError: tokens that are not `[B, T]` integers with T >= 1, or sizes below 1.
    """
    positive(chunk=chunk, places=places)
    if tokens.ndim != 2 or 0 in tokens.shape or tokens.dtype.is_floating_point:
        raise ValueError(
            f"tokens has shape {tuple(tokens.shape)} and dtype {tokens.dtype}. Expected integers "
            "[B, T] with at least one row and one step. Convert them, or skip an empty text."
        )
    stream = _Stream(model, tokens, chunk)
    if exact:
        return _train_exact(stream, optimizer, state, max(places, 2))
    return _train_truncated(stream, optimizer, state)


class _Stream:
    """The chunks of a sequence and their losses."""

    def __init__(self, model: SequenceModel, tokens: Tensor, chunk: int) -> None:
        self.model, self.tokens, self.chunk = model, tokens, chunk
        self.steps = tokens.shape[1]
        self.count = -(-self.steps // chunk)

    def share(self, n: int) -> float:
        """Of all steps, those in chunk n."""
        return (min((n + 1) * self.chunk, self.steps) - n * self.chunk) / self.steps

    def loss(self, n: int, state: State | None) -> tuple[Tensor, State]:
        """Mean loss of chunk n, and the state after it."""
        begin, end = n * self.chunk, min((n + 1) * self.chunk, self.steps)
        piece = self.tokens[:, begin:end].long()
        logits, state = self.model(piece, state)
        return F.cross_entropy(wide(logits).flatten(0, 1), piece.flatten()), state

    @torch.no_grad()
    def advance(self, begin: int, end: int, state: State | None) -> State | None:
        """The state before chunk `end` from the one before chunk `begin`."""
        for n in range(begin, end):
            _, state = self.loss(n, state)
        return state


def _train_truncated(
    stream: _Stream, optimizer: torch.optim.Optimizer | None, state: State | None
) -> Streamed:
    total = 0.0
    state = None if state is None else detach(state)
    for n in range(stream.count):
        loss, after = stream.loss(n, state)
        (loss * (stream.share(n) if optimizer is None else 1.0)).backward()
        _apply(optimizer)
        total += stream.share(n) * float(loss.detach())
        state = detach(after)
    assert state is not None
    return Streamed(total, state, None)


def _train_exact(
    stream: _Stream, optimizer: torch.optim.Optimizer | None, state: State | None, places: int
) -> Streamed:
    state = None if state is None else detach(state)
    walk = _Walk(stream, places)
    gradient = walk.back(0, stream.count, state, None)
    _apply(optimizer)
    assert walk.last is not None
    return Streamed(walk.total, walk.last, gradient)


class _Walk:
    """Backpropagation over chunks from the last to the first."""

    def __init__(self, stream: _Stream, places: int) -> None:
        self.stream, self.places = stream, places
        self.total = 0.0
        self.last: State | None = None

    def back(
        self, begin: int, end: int, state: State | None, gradient: State | None
    ) -> State | None:
        """Adds the gradients of chunks `begin` to `end`, and returns that of the first state.

        Args:
            begin: First chunk.
            end: The one after the last.
            state: Before the first chunk.
            gradient: Of all later losses with respect to the state after the last chunk.
        """
        if end - begin == 1:
            return self._chunk(begin, state, gradient)
        cuts = self._cuts(begin, end)
        kept = [state]
        for left, right in pairwise(cuts[:-1]):
            kept.append(self.stream.advance(left, right, kept[-1]))
        for left, right in reversed(list(pairwise(cuts))):
            gradient = self.back(left, right, kept.pop(), gradient)
        return gradient

    def _cuts(self, begin: int, end: int) -> list[int]:
        """Where pieces begin, and the end: at most `places` pieces of nearly equal size."""
        pieces = min(self.places, end - begin)
        return [begin + (end - begin) * i // pieces for i in range(pieces + 1)]

    def _chunk(self, n: int, state: State | None, gradient: State | None) -> State | None:
        leaf = None if state is None else _leaves(state)
        loss, after = self.stream.loss(n, leaf)
        share = self.stream.share(n)
        if self.last is None:  # the walk begins with the last chunk
            self.last = detach(after)
        pulls: list[tuple[Tensor, Tensor | None]] = [(loss * share, None)]
        for key, value in after.items():
            if gradient is not None and key in gradient and value.requires_grad:
                pulls.append((value, gradient[key]))
        torch.autograd.backward([root for root, _ in pulls], [pull for _, pull in pulls])
        self.total += share * float(loss.detach())
        if leaf is None:
            return None
        return {key: value.grad for key, value in leaf.items() if value.grad is not None}


def _leaves(state: State) -> State:
    """The state as the beginning of a graph; integers, such as the last token, have no gradient."""
    return {k: v.requires_grad_(v.is_floating_point()) for k, v in detach(state).items()}


def _apply(optimizer: torch.optim.Optimizer | None) -> None:
    if optimizer is not None:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
