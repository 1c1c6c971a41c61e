"""What instructions may say, and what a head sees of it: embedded once and remembered.

Red-teaming judges the same texts again and again while only rules change, so the features of every
reading are kept. Where the judge below shows how it reads (`Read`), its own logit stands beside
them; over any other layer that logit is 0, and rules go by likeness alone.

Legend: R readings, D embedding dimensions, H buckets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from daneel.alignment.judging import normalise
from daneel.alignment.judging.features import BUCKETS, Encode, encode, marks
from daneel.alignment.judging.heads import Heads
from daneel.alignment.judging.record import Layer

MOST = 1 << 16
"""Texts that are kept, about 8 kB each; the oldest are forgotten first."""


@runtime_checkable
class Read(Protocol):
    """A judge that shows how it reads: `TextLayer`, and what wraps one."""

    heads: Heads
    """Gives the harm of a text, above 0 is refused."""
    encode: Encode
    """Embeds what the heads read."""


@dataclass(frozen=True, eq=False)
class Seen:
    """R texts as a head sees them."""

    texts: tuple[str, ...]
    embedded: NDArray[np.float32]
    """`[R, D]`."""
    marked: sparse.csr_matrix
    """`[R, H]`."""
    logits: NDArray[np.float64]
    """What the judge's own head says, `[R]`; 0 where the judge shows none."""

    def rows(self, chosen: Sequence[int] | NDArray[np.int64]) -> Seen:
        """Some of the texts."""
        kept = np.asarray(chosen, np.int64)
        texts = tuple(self.texts[row] for row in kept)
        return Seen(texts, self.embedded[kept], self.marked[kept], self.logits[kept])

    def joined(self, other: Seen) -> Seen:
        """These texts and then others."""
        return Seen(
            self.texts + other.texts,
            np.concatenate([self.embedded, other.embedded]),
            sparse.csr_matrix(sparse.vstack([self.marked, other.marked])),
            np.concatenate([self.logits, other.logits]),
        )


class Readings:
    """Readings of instructions and their features.

    Args:
        layer: The judge below; its encoder and its heads are used where it shows them (`Read`).
        most: Texts that are kept.
    """

    def __init__(self, layer: Layer, most: int = MOST) -> None:
        """Start without memories."""
        self._encode = layer.encode if isinstance(layer, Read) else encode
        self._heads = layer.heads if isinstance(layer, Read) else None
        self._most = most
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._marks: dict[str, tuple[NDArray[np.int32], NDArray[np.float64]]] = {}
        self._logits: dict[str, float] = {}
        self._said: dict[str, tuple[str, ...]] = {}

    def of(self, instruction: str) -> tuple[str, ...]:
        """What an instruction may say (`normalise.readings`)."""
        if instruction not in self._said:
            self._said[instruction] = normalise.readings(instruction)
            _forget(self._said, self._most)
        return self._said[instruction]

    def all_of(self, instructions: Iterable[str]) -> tuple[Seen, list[NDArray[np.int64]]]:
        """Every reading of some instructions, and which rows each instruction has."""
        said = [self.of(text) for text in instructions]
        unique = list(dict.fromkeys(text for texts in said for text in texts))
        at = {text: row for row, text in enumerate(unique)}
        return self.see(unique), [np.array([at[text] for text in texts]) for texts in said]

    def see(self, texts: Sequence[str]) -> Seen:
        """Features of texts as they stand."""
        embedded, marked = self.encode(texts), self._marked(texts)
        return Seen(tuple(texts), embedded, marked, self._own(texts, embedded, marked))

    def _own(
        self, texts: Sequence[str], embedded: NDArray[np.float32], marked: sparse.csr_matrix
    ) -> NDArray[np.float64]:
        """What the judge's own head says, `[R]`, asked once for each text."""
        if self._heads is None:
            return np.zeros(len(texts))
        first = {text: row for row, text in reversed(list(enumerate(texts)))}
        if absent := [text for text in dict.fromkeys(texts) if text not in self._logits]:
            rows = [first[text] for text in absent]
            found = self._heads.logits(absent, embedded[rows], marked[rows])
            self._logits |= zip(absent, found.tolist(), strict=True)
        kept = np.array([self._logits[text] for text in texts], np.float64)
        _forget(self._logits, self._most)
        return kept

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed what was not embedded before, `[R, D]`; a `TextLayer` can share it."""
        if absent := [text for text in dict.fromkeys(texts) if text not in self._vectors]:
            self._vectors |= zip(absent, self._encode(absent), strict=True)
        found = [self._vectors[text] for text in texts]
        _forget(self._vectors, self._most)
        return np.array(found, np.float32)

    def _marked(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Marks of wording, `[R, H]`, made once for each text."""
        absent = [text for text in dict.fromkeys(texts) if text not in self._marks]
        made = marks(absent) if absent else sparse.csr_matrix((0, BUCKETS))
        columns = np.split(np.asarray(made.indices, np.int32), made.indptr[1:-1])
        values = np.split(np.asarray(made.data, np.float64), made.indptr[1:-1])
        self._marks |= zip(absent, zip(columns, values, strict=True), strict=bool(absent))
        kept = [self._marks[text] for text in texts]
        _forget(self._marks, self._most)
        places = np.concatenate([np.zeros(0, np.int32), *(each[0] for each in kept)])
        shares = np.concatenate([np.zeros(0), *(each[1] for each in kept)])
        ends = np.cumsum([0, *(len(each[0]) for each in kept)])
        return sparse.csr_matrix((shares, places, ends), shape=(len(texts), BUCKETS))


def _forget(kept: dict, most: int) -> None:
    """Drop the oldest entries of a memory that has grown too long."""
    for text in list(kept)[: max(len(kept) - most, 0)]:
        del kept[text]
