"""Rules in words: which combinations of words a request must not have.

A rule is a conjunction of word groups ("one of make, build, construct AND one of bomb, grenade").
`combinations` lists the rules that a missed request could have: the grammar that IterAlign
searches (see `iterate`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

COMMON = frozenset(
    "a about after all am an and any are as at be because been before but by can could do does "
    "for from get give had has have he her him his how i if in into is it its just like make me "
    "more my need no not of on one or other our out people please provide should so some someone "
    "step such tell than that the their them then there these they this to up us use want was way "
    "we were what when where which while who will with without would write you your instructions "
    "guide explain describe create develop show teach help best tutorial detailed".split()
)
"""Words that say nothing of what is asked; no rule is made of them alone."""
WORD = re.compile(r"[a-z]{3,}")
LONGEST_RULE = 3
"""Stems of a rule."""


@dataclass(frozen=True)
class Rule:
    """Refuse what has all of these word stems."""

    id: str
    """Short name that traces cite."""
    stems: tuple[str, ...]
    """Each must begin a word of the request."""
    clause: str
    """Clause of the constitution that it serves."""

    def matches(self, text: str) -> bool:
        """Tell whether a text has every stem."""
        found = stems_of(text)
        return all(stem in found for stem in self.stems)


@lru_cache(maxsize=65536)
def stems_of(text: str) -> frozenset[str]:
    """Stems of the words of a text that say what is asked."""
    return frozenset(stem(word) for word in WORD.findall(text.lower()) if word not in COMMON)


def stem(word: str) -> str:
    """Cut the endings of English inflection; crude, and the same for all."""
    for ending in ("ations", "ation", "ings", "ing", "ers", "er", "ies", "es", "ed", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def combinations(stems: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Stems of every rule that a text with these stems matches: one stem, pairs, triples."""
    ordered = sorted(stems)
    for size in range(1, LONGEST_RULE + 1):
        yield from itertools.combinations(ordered, size)
