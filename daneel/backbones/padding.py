"""Rows of different lengths in one batch: steps behind the end of a row change nothing.

Legend: B batch, T time, D model width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daneel.backbones.protocol import Backbone, State
from daneel.backbones.state import level, select


def run_padded(
    backbone: Backbone, x: Tensor, lengths: Tensor, state: State | None, resets: Tensor | None
) -> tuple[Tensor, State]:
    """As `backbone(x, state, resets)`, with only the first `lengths [B]` steps of each row real.

    The sequence is cut where rows end, and each piece is run with the rows that still go on, so a
    padded step is never computed: exact for any backbone, at one call per distinct length.

    Raises:
        ValueError: lengths that are not integers `[B]` from 0 to T.
    """
    _check_lengths(x, lengths)
    state = backbone.initial_state(len(x), x.device) if state is None else state
    pieces, begin = [], 0
    for end in sorted({*lengths.tolist(), x.shape[1]} - {0}):
        alive = lengths >= end
        piece = x.new_zeros(len(x), end - begin, x.shape[2])
        if bool(alive.any()):
            cut = None if resets is None else resets[alive, begin:end]
            y, after = backbone(x[alive, begin:end], select(state, alive), cut)
            piece = piece.to(y.dtype).index_put((alive,), y)
            state = _scatter(alive, after, state)
        pieces.append(piece)
        begin = end
    return torch.cat(pieces, 1), state


def _scatter(rows: Tensor, part: State, whole: State) -> State:
    """`whole` with its `rows` replaced by `part`."""
    joined = {}
    for key, value in whole.items():
        new, old = level(key, part[key], value)
        joined[key] = old.to(new.dtype).index_put((rows,), new)
    return joined


def run_aligned(
    backbone: Backbone, x: Tensor, lengths: Tensor, resets: Tensor | None
) -> tuple[Tensor, State]:
    """As `run_padded` from the first state on, in one call, with all rows ending together.

    Each row is moved to the end, and an episode begins at its first real step. For a state whose
    make-up depends on how many steps it has seen, so that rows cannot be joined afterwards.

    Raises:
        ValueError: lengths that are not integers `[B]` from 0 to T.
    """
    _check_lengths(x, lengths)
    steps = torch.arange(x.shape[1], device=x.device)
    front = (x.shape[1] - lengths).unsqueeze(1)
    resets = torch.zeros_like(x[:, :, 0], dtype=torch.bool) if resets is None else resets
    moved = resets.gather(1, (steps - front).clamp(min=0)) & (steps > front)
    y, state = backbone(_move(x, steps - front), None, moved | (steps == front))
    empty = lengths == 0
    state = {k: v.masked_fill(_like(empty, v), 0) for k, v in state.items()}
    behind = (steps >= lengths.unsqueeze(1)).unsqueeze(-1)
    return _move(y, steps + front).masked_fill(behind, 0), state


def _move(x: Tensor, index: Tensor) -> Tensor:
    """`x [B, T, D]` read at `index [B, T]`, clamped to its ends."""
    index = index.clamp(0, x.shape[1] - 1).unsqueeze(-1)
    return x.gather(1, index.expand(-1, -1, x.shape[2]))


def _like(mask: Tensor, x: Tensor) -> Tensor:
    return mask.reshape(-1, *[1] * (x.ndim - 1))


def _check_lengths(x: Tensor, lengths: Tensor) -> None:
    batch, steps = x.shape[:2]
    if lengths.shape != (batch,) or lengths.dtype.is_floating_point:
        raise ValueError(
            f"lengths has shape {tuple(lengths.shape)} and dtype {lengths.dtype}. Expected "
            f"integers of shape {(batch,)} for x of shape {tuple(x.shape)}. Give one length a row."
        )
    if int(lengths.min()) < 0 or int(lengths.max()) > steps:
        raise ValueError(
            f"lengths holds {lengths.tolist()}. Expected values from 0 to {steps}, the steps of x "
            f"(shape {tuple(x.shape)}). Count the real steps of each row."
        )
