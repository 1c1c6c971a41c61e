"""Words as the layers that read plans take them apart: names, plurals, verb forms, sentences."""

from __future__ import annotations

import re
from functools import lru_cache

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
_NOT_LETTERS = re.compile(r"[^a-z' -]+")
_PLURALS = {
    "knives": "knife",
    "shelves": "shelf",
    "leaves": "leaf",
    "loaves": "loaf",
    "scarves": "scarf",
    "children": "child",
    "people": "person",
    "men": "man",
    "women": "woman",
    "mice": "mouse",
    "feet": "foot",
    "teeth": "tooth",
    "halves": "half",
    "batteries": "battery",
    "potatoes": "potato",
    "tomatoes": "tomato",
    "matches": "match",
    "boxes": "box",
    "switches": "switch",
}
_IRREGULAR = {
    "leaving": "leave",
    "lit": "light",
    "broke": "break",
    "broken": "break",
    "threw": "throw",
    "thrown": "throw",
    "gave": "give",
    "given": "give",
    "took": "take",
    "taken": "take",
    "ran": "run",
    "kept": "keep",
    "held": "hold",
    "hung": "hang",
    "fed": "feed",
    "stole": "steal",
    "went": "go",
    "made": "make",
    "brought": "bring",
    "froze": "freeze",
}
_SINGULAR_S = ("ss", "us", "is", "as")


def name_words(name: str) -> str:
    """Return the words of a thing's name: `CellPhone|+1.2` and `cell_phone_3` are "cell phone"."""
    name = name.split("|")[0]
    return " ".join(_NOT_LETTERS.sub(" ", _CAMEL.sub(" ", name).lower()).split())


@lru_cache(maxsize=65536)
def singular(word: str) -> str:
    """Return the singular of a noun; words that are no plural stay as they are."""
    if word in _PLURALS:
        return _PLURALS[word]
    if len(word) < 4 or not word.endswith("s") or word.endswith(_SINGULAR_S):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    return word[:-1]


@lru_cache(maxsize=65536)
def verb_stems(word: str) -> tuple[str, ...]:
    """Return the forms under which a verb may be listed: "chopping" is chopping, chop or choppe."""
    forms = [word]
    if word in _IRREGULAR:
        forms.append(_IRREGULAR[word])
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            stem = word[: -len(ending)]
            forms += [stem, stem + "e"]
            if len(stem) > 3 and stem[-1] == stem[-2]:
                forms.append(stem[:-1])
            if stem.endswith("i"):
                forms.append(stem[:-1] + "y")
    return tuple(forms)


_END = re.compile(r"(?<=[a-z\d)\"'])[.!?;:]+(?=[\s\"']|$)|\n+", re.I)


def sentences(text: str) -> list[str]:
    """Split a text at full stops, question marks, semicolons, colons and line ends."""
    return [part.strip() for part in _END.split(text) if part.strip()]
