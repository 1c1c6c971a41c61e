"""An encoder that was tuned to tell intents apart: low-rank adapters on MiniLM, and a head.

Averages of words blur "kill a process" and "kill a person", and a head on fixed vectors can only
weigh what they still hold. So the upper layers learn with the head, by adapters of low rank (Hu et
al. 2021, LoRA, arXiv 2106.09685): W x becomes W x + U (V x), which is added into W once it is
learned. The lower layers stay, and their states are computed once for a training.

Legend: N texts, T pieces, D = 384, R rank.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from daneel.alignment.judging import minilm

LOWER = 3
"""Layers that stay as they are."""
LINEAR = ("query", "key", "value", "out", "wide", "narrow")
"""Parts of a layer that are adapted."""
RANK = 8
EPOCHS, BATCH, RATE, WARM = 2, 64, 1e-3, 0.1
DROPPED, DECAY, STEEPEST = 0.1, 0.01, 1.0
SCALE = 10.0
"""Length of the vectors that the head reads; on unit vectors it would learn slowly."""


@dataclass(frozen=True, eq=False)
class Intents:
    """Adapters and the head that they were learned with."""

    adapters: Mapping[str, NDArray[np.float32]]
    """`LAYER.PART.down [R, in]` and `LAYER.PART.up [out, R]` of every adapted part."""
    head: NDArray[np.float32]
    """Weights and bias of the head, `[D + 1]`."""

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Harm of each text as it stands, `[N]`.

        Raises:
            MissingExtraError: The packages of the extra 'judge' are not installed.
        """
        found = np.zeros(len(texts))
        for rows, states, mask in minilm.batches(texts, LOWER):
            found[rows] = self.of_states(states, mask)
        return found

    def of_states(self, states: Tensor, mask: Tensor) -> NDArray[np.float64]:
        """Harm `[B]` of texts from their states `[B, T, D]` after the lower layers."""
        with torch.inference_mode():
            for layer in self._layers:
                states = layer(states, mask)
            vectors = SCALE * minilm.mean(states, mask).double().numpy()
        return vectors @ self.head[:-1].astype(np.float64) + float(self.head[-1])

    def halved(self) -> Intents:
        """The same with half the logit."""
        return Intents(self.adapters, self.head * np.float32(0.5))

    @cached_property
    def _layers(self) -> list[minilm.Layer]:
        """The upper layers with the adapters added into their weights."""
        layers = _upper()
        for number, layer in enumerate(layers):
            for part in LINEAR:
                down, up = (self.adapters[f"{number}.{part}.{end}"] for end in ("down", "up"))
                getattr(layer, part).weight += torch.tensor(up) @ torch.tensor(down)
        return layers


class Adapted(nn.Module):
    """A linear layer that stays, and an adapter that learns; it begins as nothing."""

    def __init__(self, fixed: nn.Linear, rng: torch.Generator) -> None:
        """Draw the way down; the way up is zero."""
        super().__init__()
        self.fixed = fixed
        down = torch.randn(RANK, fixed.in_features, generator=rng) * fixed.in_features**-0.5
        self.down = nn.Parameter(down)
        self.up = nn.Parameter(torch.zeros(fixed.out_features, RANK))

    def forward(self, x: Tensor) -> Tensor:
        """`[..., in]` -> `[..., out]`."""
        return self.fixed(x) + F.linear(F.linear(x, self.down), self.up)


class Tunable(nn.Module):
    """The upper layers with adapters, and the head."""

    def __init__(self, rng: torch.Generator) -> None:
        """Adapters that change nothing yet, and a head that says nothing."""
        super().__init__()
        self.rng = rng
        self.layers = nn.ModuleList(_upper())
        for layer in self.layers:
            for part in LINEAR:
                setattr(layer, part, Adapted(getattr(layer, part), rng))
        self.head = nn.Linear(minilm.DIM, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Logits `[B]`; a part of the head's inputs is dropped."""
        for layer in self.layers:
            states = layer(states, mask)
        vectors = SCALE * minilm.mean(states, mask)
        kept = torch.rand(vectors.shape, generator=self.rng) >= DROPPED
        return self.head(vectors * kept / (1 - DROPPED))[:, 0]

    def learned(self) -> Intents:
        """What was learned, rounded to half precision, in which it is kept."""
        adapters = {
            f"{number}.{part}.{end}": _half(getattr(getattr(layer, part), end))
            for number, layer in enumerate(self.layers)
            for part in LINEAR
            for end in ("down", "up")
        }
        head = torch.cat([self.head.weight[0], self.head.bias])
        return Intents(adapters, _half(head))


@dataclass(frozen=True, eq=False)
class States:
    """States of N texts after the lower layers, `[T, D]` each, in half precision."""

    each: list[Tensor]

    @classmethod
    def of(cls, texts: Sequence[str]) -> States:
        """Compute them; 100,000 pieces take 77 MB.

        Raises:
            MissingExtraError: The packages of the extra 'judge' are not installed.
        """
        found: dict[int, Tensor] = {}
        for rows, states, mask in minilm.batches(texts, LOWER):
            for row, one, pieces in zip(rows.tolist(), states.half(), mask.sum(1), strict=True):
                found[row] = one[: int(pieces)].clone()
        return cls([found[row] for row in range(len(texts))])

    def rows(self, chosen: Sequence[int] | NDArray[np.int64]) -> States:
        """Those of some texts."""
        return States([self.each[row] for row in chosen])

    def padded(self, rows: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """States `[B, T, D]` of some texts and their mask `[B, T]`."""
        some = [self.each[row].float() for row in rows]
        there = [torch.ones(len(each), dtype=torch.bool) for each in some]
        pad = nn.utils.rnn.pad_sequence
        return pad(some, True), pad(there, True)

    def logits(self, intents: Intents) -> NDArray[np.float64]:
        """What tuned intents say of each text, `[N]`."""
        found = np.zeros(len(self.each))
        for rows in minilm.by_length([len(each) for each in self.each], minilm.AREA):
            found[rows] = intents.of_states(*self.padded(rows))
        return found


def tune(states: States, harmful: NDArray[np.float64], seed: int) -> Intents:
    """Learn adapters and head; both classes weigh the same.

    Args:
        states: Of N texts.
        harmful: Labels 0 and 1, `[N]`.
        seed: Of the adapters' beginning, of the batches, and of what is dropped.
    """
    rng = torch.Generator().manual_seed(seed)
    share = float(harmful.mean())
    target = torch.tensor(harmful, dtype=torch.float32)
    weight = torch.where(target > 0, 0.5 / max(share, 1e-9), 0.5 / max(1 - share, 1e-9))
    batches = [
        batch
        for order in np.random.default_rng(seed).spawn(EPOCHS)
        for batch in _batches([len(each) for each in states.each], order)
    ]
    model = Tunable(rng)
    learned = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=RATE, weight_decay=DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=len(batches) + 1, pct_start=WARM
    )
    for batch in batches:
        at = torch.from_numpy(batch)
        loss = F.binary_cross_entropy_with_logits(
            model(*states.padded(batch)), target[at], weight[at]
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learned, STEEPEST)
        optimizer.step()
        rate.step()
    return model.learned()


def _batches(lengths: Sequence[int], rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Every row once, in batches of about the same length, their order drawn."""
    order, wide = rng.permutation(len(lengths)), 20 * BATCH
    for start in range(0, len(order), wide):
        some = order[start : start + wide]
        some = some[np.argsort(np.asarray(lengths)[some], kind="stable")]
        cut = np.split(some, range(BATCH, len(some), BATCH))
        yield from (cut[place] for place in rng.permutation(len(cut)))


def _upper() -> list[minilm.Layer]:
    """A copy of the layers that are tuned."""
    layers = [copy.deepcopy(layer) for layer in minilm.network().layers[LOWER:]]
    return [cast("minilm.Layer", layer) for layer in layers]


def _half(value: Tensor) -> NDArray[np.float32]:
    return value.detach().half().float().numpy()
