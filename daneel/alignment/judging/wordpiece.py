"""Words cut into the pieces that a BERT encoder knows: greedy longest match first.

Devlin et al. 2018 (arXiv 1810.04805), uncased English vocabulary of 30,522 pieces. Lower case, no
accents, punctuation and CJK signs stand alone; a word is cut from its left into the longest pieces
that are listed, those inside a word begin with `##`.
"""

from __future__ import annotations

import gzip
import re
import unicodedata
from functools import lru_cache
from importlib import resources

START, END, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
HIDDEN = ("Mn", "Cc", "Cf", "Cs")
"""Unicode categories that are dropped: accents and what cannot be seen."""
LONGEST_WORD = 100
"""Letters of a word that is still cut; a longer one is unknown."""
_ALONE = re.compile(
    r"([!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u3000-\u303f\u4e00-\u9fff\u3400-\u4dbf])"
)


def ids(text: str, longest: int) -> list[int]:
    """Numbers of the pieces of a text between its two marks, at most `longest` of them."""
    known = vocabulary()
    pieces = [piece for word in _words(text) for piece in _cut(word)]
    return [known[piece] for piece in (START, *pieces[: longest - 2], END)]


@lru_cache(maxsize=1)
def vocabulary() -> dict[str, int]:
    """Number of every piece."""
    path = resources.files("daneel") / "alignment" / "judging" / "data" / "wordpieces.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    return {piece: number for number, piece in enumerate(lines[:-1])}


def _words(text: str) -> list[str]:
    """Lower-case words and signs of a text."""
    bare = unicodedata.normalize("NFD", " ".join(text.lower().split()))
    shown = (char for char in bare if unicodedata.category(char) not in HIDDEN)
    return _ALONE.sub(r" \1 ", "".join(shown)).split()


@lru_cache(maxsize=65536)
def _cut(word: str) -> tuple[str, ...]:
    """Pieces of one word."""
    known, found, start = vocabulary(), [], 0
    while start < len(word) <= LONGEST_WORD:
        mark = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if mark + word[start:end] in known), start)
        if end == start:
            return (UNKNOWN,)
        found.append(mark + word[start:end])
        start = end
    return tuple(found) or (UNKNOWN,)
