"""A stream of a million words of real text with needles in it, and a plain encoder of its chunks.

The text is the King James Bible and tiny-shakespeare, in words and punctuation. A needle is a
sentence that joins three words of the text which nowhere else stand together; its question repeats
the three words and not the answer. A natural question is a run of words as the text has it; every
chunk with the same run answers it. The encoder is a random projection of the words present,
weighted by inverse document frequency: no model, the same for every memory that is compared.

Legend: N chunks, V words, D dimensions, Q questions.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from daneel.evaluation import datasets

CHUNK = 16
"""Words of a chunk."""
RUN = 10
"""Words of a natural question."""
WORD = re.compile(r"[a-z']+|\d+|[^\sa-z\d]")
K1, B = 1.2, 0.75
"""Of BM25 (Robertson, Zaragoza 2009), the customary values."""


@dataclass(frozen=True)
class Question:
    """Words that are looked for, and the chunks that have them."""

    words: list[str]
    gold: frozenset[int]
    depth: float
    """Where the needle is: 0 at the beginning of the stream, 1 at its end."""


@dataclass(frozen=True)
class Stream:
    """Chunks and questions."""

    chunks: list[list[str]]
    needles: list[Question]
    natural: list[Question]


def make_stream(tokens: int, needles: int, rng: np.random.Generator) -> Stream:
    """The first `tokens` words, with needles at evenly spread depths."""
    words = read_words(tokens)
    chunks = [words[at : at + CHUNK] for at in range(0, len(words), CHUNK)]
    keys = _key_words(chunks)
    chosen = ((np.arange(needles) + rng.random(needles)) / needles * len(chunks)).astype(int)
    planted = []
    for at in np.unique(chosen):
        a, b, c = (keys[n] for n in rng.choice(len(keys), 3, replace=False))
        value = str(rng.integers(1000, 10_000))
        sentence = f"remember that the {a} {b} of the {c} is number {value} .".split()
        start = int(rng.integers(0, CHUNK - len(sentence) + 1))
        chunks[at] = [*chunks[at]]
        chunks[at][start : start + len(sentence)] = sentence
        asked = f"what number is the {a} {b} of the {c} ?".split()
        planted.append(Question(asked, frozenset({int(at)}), at / len(chunks)))
    return Stream(chunks, planted, _natural(chunks, needles, rng))


def read_words(tokens: int) -> list[str]:
    """The first words of the text.

    Raises:
        ValueError: The text has not so many.
    """
    folder = datasets.locate("text/public_domain")
    texts = [
        (folder / name).read_text("utf-8") for name in ("kjv_bible.txt", "tinyshakespeare.txt")
    ]
    words = WORD.findall(" ".join(texts).lower())
    if len(words) < tokens:
        raise ValueError(f"The text has {len(words)} words. Expected at least {tokens}.")
    return words[:tokens]


def _key_words(chunks: list[list[str]]) -> list[str]:
    """Words that are neither everywhere nor almost nowhere."""
    seen: dict[str, int] = defaultdict(int)
    for chunk in chunks:
        for word in set(chunk):
            seen[word] += 1
    common = max(len(chunks) // 300, 6)
    return sorted(word for word, count in seen.items() if 5 <= count <= common and word.isalpha())


def _natural(chunks: list[list[str]], count: int, rng: np.random.Generator) -> list[Question]:
    whole = [at for at, chunk in enumerate(chunks) if len(chunk) >= RUN]
    places = rng.choice(whole, min(count, len(whole)), replace=False)
    starts = [int(rng.integers(0, len(chunks[at]) - RUN + 1)) for at in places]
    runs = [tuple(chunks[at][s : s + RUN]) for at, s in zip(places, starts, strict=True)]
    owners: dict[tuple[str, ...], set[int]] = {run: set() for run in runs}
    for at, chunk in enumerate(chunks):
        for start in range(len(chunk) - RUN + 1):
            run = tuple(chunk[start : start + RUN])
            if run in owners:
                owners[run].add(at)
    pairs = zip(places, runs, strict=True)
    return [Question(list(run), frozenset(owners[run]), at / len(chunks)) for at, run in pairs]


class Encoder:
    """Word counts of all chunks, from which vectors and BM25 scores are made."""

    def __init__(self, chunks: list[list[str]], dim: int, seed: int) -> None:
        """Learns which words are how rare."""
        self.known = {w: n for n, w in enumerate(sorted({w for c in chunks for w in c}))}
        self.counts = self._counted(chunks)
        present = self.counts.getnnz(0)
        self.rarity = np.log1p((len(chunks) - present + 0.5) / (present + 0.5))
        rng = np.random.default_rng(seed)
        self._axes = rng.standard_normal((len(self.known), dim), np.float32)

    def _counted(self, texts: list[list[str]]) -> csr_matrix:
        found = [[self.known[word] for word in text if word in self.known] for text in texts]
        columns = np.concatenate([np.array(each, np.int64) for each in found])
        ends = np.cumsum([0, *(len(each) for each in found)])
        shape = (len(texts), len(self.known))
        counted = csr_matrix((np.ones(len(columns)), columns, ends), shape)
        counted.sum_duplicates()
        return counted

    def vectors(self, texts: list[list[str]] | None = None) -> NDArray[np.float32]:
        """Unit vectors `[N, D]` of texts; of all chunks when left out."""
        counted = self.counts if texts is None else self._counted(texts)
        rarity = self.rarity[counted.indices].astype(np.float32)
        present = csr_matrix((rarity, counted.indices, counted.indptr), counted.shape)
        made = np.asarray(present @ self._axes)
        return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)

    def bm25(self, questions: list[Question], k: int) -> NDArray[np.int64]:
        """The k best chunks `[Q, k]` of every question."""
        lengths = np.asarray(self.counts.sum(1)).ravel()
        scale = K1 * (1 - B + B * lengths / lengths.mean())
        by_word, best = self.counts.tocsc(), np.empty((len(questions), k), np.int64)
        for at, question in enumerate(questions):
            scores = np.zeros(len(lengths))
            for word in {self.known[w] for w in question.words if w in self.known}:
                span = slice(by_word.indptr[word], by_word.indptr[word + 1])
                rows, times = by_word.indices[span], by_word.data[span]
                scores[rows] += self.rarity[word] * times * (K1 + 1) / (times + scale[rows])
            best[at] = np.argsort(-scores, kind="stable")[:k]
        return best


def nearest(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], k: int
) -> NDArray[np.int64]:
    """The k rows `[Q, k]` of the largest inner products, by looking at every one."""
    blocks = [np.argsort(-(q @ vectors.T), axis=1, kind="stable")[:, :k] for q in _split(queries)]
    return np.concatenate(blocks)


def _split(queries: NDArray[np.float32], size: int = 32) -> list[NDArray[np.float32]]:
    return [queries[at : at + size] for at in range(0, len(queries), size)]
