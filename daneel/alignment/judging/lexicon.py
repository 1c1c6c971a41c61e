"""Which kinds a thing is of: what can hurt, and what can be hurt.

`data/objects.yaml` was written by hand: a kind and the things of that kind. A noun that it does not
know is looked up in `data/nouns.txt.gz`, which `benchmarks/noun_kinds.py` made from WordNet 3.0
(Fellbaum 1998). Adjectives and materials ("wet", "plastic", "plugged in") are kinds too.
"""

from __future__ import annotations

import gzip
import re
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from daneel.alignment.judging.words import name_words, singular

LONGEST = 4
"""Words of the longest name that is listed."""

PARTS = frozenset(
    "stack pile set bag box bunch pair piece slice lot bit kind group "
    "bundle batch collection amount number heap container row basket "
    "tray couple handful bowl plate "
    "top side front middle center edge end".split()
)
"""Words before "of" that say how much or which part, not what."""

PARTS_LAST = frozenset(
    "slice piece set collection pile stack scrap wedge chunk leaf bit bundle series".split()
)
"""Last words of a name that say the same: "pizza slice" is pizza."""

_NEGATED = re.compile(r"(?:\bnot|\bnon|n't|\bno longer|\bnever)(?: \w+)?[ -]$", re.I)
_CONTENT_KINDS = frozenset(
    "liquid chemical medicine gas food flammable cleaner hotdrink "
    "alcoholic explosive reactive".split()
)
_HOLDERS = frozenset(("bottle", "drinkvessel"))
_LIVING = frozenset(("person", "animal", "beast", "child"))


@cache
def states() -> dict[str, re.Pattern[str]]:
    """Return how a text says each state and material."""
    return {
        state: re.compile(rf"(?<![\w-])(?:{'|'.join(words)})(?![\w-])", re.I)
        for state, words in read_data("states.yaml").items()
    }


@cache
def listed() -> dict[str, frozenset[str]]:
    """Return the kinds of every noun that was listed by hand."""
    found: dict[str, set[str]] = {}
    for kind, names in read_data("objects.yaml").items():
        for name in names.split(","):
            found.setdefault(" ".join(name.split()), set()).add(kind)
    return {name: frozenset(kinds) for name, kinds in found.items()}


@cache
def looked_up() -> dict[str, frozenset[str]]:
    """Return the kinds of WordNet's nouns."""
    raw = (resources.files("daneel.alignment.judging") / "data/nouns.txt.gz").read_bytes()
    rows = (line.split("\t") for line in gzip.decompress(raw).decode().splitlines())
    found = {noun: frozenset(kinds.split()) for noun, kinds in rows}
    drinks = {noun: kinds - {"medicine"} for noun, kinds in found.items() if "alcoholic" in kinds}
    return found | drinks


def read_data(name: str) -> Any:
    """Return what a YAML file of `data/` holds."""
    import yaml

    return yaml.safe_load(
        (resources.files("daneel.alignment.judging") / "data" / name).read_text("utf-8")
    )


@lru_cache(maxsize=65536)
def states_in(text: str) -> frozenset[str]:
    """Return the states that a text speaks of; "not wet" does not count as wet."""
    return frozenset(state for state, pattern in states().items() if _said(pattern, text))


def state_spans(text: str) -> list[tuple[int, int, str]]:
    """Return (start, end, state) of every state that a text speaks of."""
    return [
        (match.start(), match.end(), state)
        for state, pattern in states().items()
        for match in pattern.finditer(text)
        if not _NEGATED.search(text[: match.start()])
    ]


def _said(pattern: re.Pattern[str], text: str) -> bool:
    return any(not _NEGATED.search(text[: match.start()]) for match in pattern.finditer(text))


@lru_cache(maxsize=65536)
def kinds_of(phrase: str) -> frozenset[str]:
    """Return the kinds of what a noun phrase names; empty when nobody knows it.

    The last words count ("kitchen knife" is a knife); "of" joins a vessel and what it holds; a
    substance before a vessel is what it holds ("bleach bottle"); adjectives add states.
    """
    text = name_words(phrase)
    head, _, content = text.partition(" of ")
    kinds = _compound(head.split())
    if content:
        inside = kinds_of(content)
        if (head.split() or [""])[-1] in PARTS or singular((head.split() or [""])[-1]) in PARTS:
            kinds = (
                kinds & frozenset(("unstable", "edge", "high", "bottle", "drinkvessel"))
            ) | inside
        else:
            kinds |= inside & (_CONTENT_KINDS | {"hot", "explosive", "raw"})
            kinds |= {"full"} if inside else frozenset()
    return kinds | states_in(text)


def head_of(phrase: str) -> str:
    """Return the listed name that a noun phrase ends with, or its last word."""
    words = name_words(phrase.split(" of ")[0]).split()
    for size in range(min(LONGEST, len(words)), 0, -1):
        name = " ".join([*words[-size:-1], singular(words[-1])])
        if name in listed():
            return name
    return singular(words[-1]) if words else ""


def _compound(words: list[str]) -> frozenset[str]:
    """Return the kinds of a phrase without "of": its last words, and what stands before them."""
    if len(words) > 1 and singular(words[-1]) in PARTS_LAST:
        return _compound(words[:-1])
    sizes = [n for n in range(min(LONGEST, len(words)), 0, -1) if _known(words[-n:]) is not None]
    if not sizes:
        return frozenset()
    kinds = _known(words[-sizes[0] :]) or frozenset()
    for size in sizes[1:]:  # a raw chicken is a chicken; a teddy bear is no bear
        shorter = _known(words[-size:]) or frozenset()
        if not (shorter - kinds) & _LIVING:
            kinds |= shorter
    before = words[: -sizes[0]]
    if words[-1] == "door" and before:  # a fridge's door is the fridge as far as hazards go
        return _compound(before) or kinds
    if kinds & _HOLDERS and before:
        kinds |= _compound(before) & _CONTENT_KINDS
    return kinds


def _known(words: list[str]) -> frozenset[str] | None:
    """Return the kinds of exactly these words, singular or plural, joined or apart."""
    lasts = dict.fromkeys((words[-1], singular(words[-1])))
    names = [glue.join([*words[:-1], last]) for last in lasts for glue in (" ", "")]
    found = [listed()[name] for name in names if name in listed()]
    if not found and not any(last in listed() for last in lasts):  # a green bottle is no fly
        found = [looked_up()[name] for name in names if name in looked_up()]
    return frozenset().union(*found) if found else None
