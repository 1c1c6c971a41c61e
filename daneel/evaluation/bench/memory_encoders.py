"""Three small encoders of scenes into one space, trained contrastively (row T-2).

Radford et al. (2021, arXiv 2103.00020): of a batch of scenes, each shown in two modalities, every
key must be nearest to that of its own scene, in both directions. Half of a batch are scenes that
differ from another one in one attribute, or few pairs would be hard to tell apart.

Legend: N scenes, D dimensions of the shared space, W words.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from daneel.evaluation.bench import memory_scenes as scenes

MODALITIES = ("text", "image", "audio")
DIM, HIDDEN, LONGEST = 64, 192, 12
"""D, width of the hidden layers, and words of the longest caption."""


class Encoders(nn.Module):
    """One network for each modality; outputs have length one."""

    def __init__(self) -> None:
        """Initial weights from torch's global generator: fork it outside."""
        super().__init__()
        self.words = nn.Embedding(len(scenes.WORDS) + 1, 16, padding_idx=0)
        bins = 6 * (scenes.SAMPLES // 2 + 1)
        self.eye = nn.Sequential(
            nn.Conv2d(3, 16, 5, 2, 2), nn.GELU(), nn.Conv2d(16, 32, 3, 2, 1), nn.GELU()
        )
        self.heads = nn.ModuleDict(
            {
                "text": _head(16 * LONGEST),
                "image": _head(2 * 32 * (scenes.EDGE // 4) ** 2),
                "audio": _head(bins),
            }
        )
        self.sharpness = nn.Parameter(torch.tensor(2.5))

    def forward(self, modality: str, items: Sequence[Any]) -> Tensor:
        """Keys `[N, D]` of N pictures, sounds or captions."""
        features = getattr(self, f"_{modality}")(items)
        return F.normalize(self.heads[modality](features), dim=-1)

    def encoder(self, modality: str) -> Any:
        """The callable that a `CrossModalMemory` takes."""

        @torch.no_grad()
        def encode(items: Sequence[Any]) -> NDArray[np.float32]:
            return self(modality, items).numpy()

        return encode

    def _text(self, items: Sequence[str]) -> Tensor:
        places = torch.zeros(len(items), LONGEST, dtype=torch.long)
        for row, caption in enumerate(items):
            found = [scenes.WORDS.index(word) + 1 for word in caption.split()]
            places[row, : len(found)] = torch.tensor(found)
        return self.words(places).flatten(1)

    def _image(self, items: Sequence[Any]) -> Tensor:
        """Features of either half of the pictures, by the same weights."""
        pictures = torch.from_numpy(np.asarray(items)) - scenes.GROUND
        halves = torch.cat(pictures.split(scenes.EDGE, 3))
        return torch.cat(self.eye(halves).flatten(1).chunk(2), 1)

    def _audio(self, items: Sequence[Any]) -> Tensor:
        """Log spectra of the six tones; a phase is not heard."""
        waves = torch.from_numpy(np.asarray(items)).unflatten(1, (6, scenes.SAMPLES))
        window = torch.hann_window(scenes.SAMPLES)
        return (torch.fft.rfft(waves * window).abs() + 0.1).log().flatten(1)


def _head(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(width, HIDDEN),
        nn.LayerNorm(HIDDEN),
        nn.GELU(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.GELU(),
        nn.Linear(HIDDEN, DIM),
    )


def shown(modality: str, which: NDArray[np.int64], random: scenes.Random) -> Sequence[Any]:
    """One showing of each of the scenes `[N]` in a modality."""
    show = {"text": scenes.name, "image": scenes.draw, "audio": scenes.speak}[modality]
    return show(which, random)


def train(
    known: NDArray[np.int64], steps: int, random: scenes.Random, batch: int = 192
) -> tuple[Encoders, list[float]]:
    """Encoders trained on showings of the `known` scenes; and the loss of every step."""
    with torch.random.fork_rng():
        torch.manual_seed(int(random.integers(2**31)))
        encoders = Encoders()
    optimizer, losses = torch.optim.AdamW(encoders.parameters(), lr=2e-3), []
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        which = _batch(known, batch, random)
        keys = [encoders(modality, shown(modality, which, random)) for modality in MODALITIES]
        loss = torch.stack([contrast(a, b, encoders.sharpness) for a, b in combinations(keys, 2)])
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.mean().item())
    return encoders.eval(), losses


def contrast(a: Tensor, b: Tensor, sharpness: Tensor) -> Tensor:
    """Mean cross-entropy of finding b of the same scene by a `[N, D]`, and the other way."""
    scores = a @ b.T * sharpness.clamp(max=4.6).exp()
    own = torch.arange(len(a))
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def _batch(known: NDArray[np.int64], count: int, random: scenes.Random) -> NDArray[np.int64]:
    """Different known scenes; about half differ from another one in a single attribute."""
    first = random.choice(known, count // 2, replace=False)
    near = scenes.attributes(first)
    rows, thing, kind = np.arange(len(near)), *random.integers([[2], [3]], size=(2, len(near)))
    near[rows, thing, kind] = random.integers(np.array(scenes.COUNTS)[kind])
    left, right = (np.ravel_multi_index(tuple(near[:, at].T), scenes.COUNTS) for at in (0, 1))
    both = np.concatenate([first, left * scenes.THINGS + right])
    return np.unique(both[np.isin(both, known)])
