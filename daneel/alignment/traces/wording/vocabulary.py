"""What the patterns of wording share: words of states, verb forms, noun phrases."""

from __future__ import annotations

import re
from collections.abc import Callable

from daneel.alignment.traces.words import COLOURS, GROUPS, IRREGULAR, OPPOSITES, VERBS

Rewrites = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]
"""Patterns and what is written in the place of what they find."""
_NOT_ALONE = frozenset(
    "light close fail pass lost won held may march north south east west fails passes passed "
    "failed released wins loses true false".split()
)
"""Words that end sentences of other kinds too: after a thing they tell no state."""
_MORE = frozenset("armed ready done missing present idle running intact ok fine".split())
_STATES = {*OPPOSITES, *OPPOSITES.values(), *COLOURS, *_MORE}.union(*GROUPS) - _NOT_ALONE
STATE = "|".join(sorted(_STATES, key=len, reverse=True))
"""Words that say of a thing how it is, as alternatives."""
STATUS = r"(?:status|state|level|reading|condition|position|value|location|colou?r)"
BEEN = r"(?:is|are|was|were|has been|have been|had been|got|gets|is being|was being)"
_IRREGULAR = "|".join(sorted(IRREGULAR, key=len, reverse=True))
DONE = rf"(?:\w{{2,}}ed|{_IRREGULAR})"
NOUN_PHRASE = (
    r"(?:(?:the|a|an|his|her|its|their|my|our|no|every|each|all|some|any|both) [\w' -]+?|"
    r"[\w'-]+(?: \d+| [a-z])?)"
)
_VERB = re.compile(
    rf"\b(?:is|are|was|were|be|has|have|had|does|do|did|can|will|may|must|am|if|when|unless|equals|"
    rf"contains?|holds?|weighs|costs|takes|needs|runs?|moves?|lies|sits|stands)\b|"
    rf"\b(?:{_IRREGULAR})\b"
)


def has_verb(text: str) -> bool:
    """Whether a text may be a sentence with a verb of its own."""
    words = text.split()
    forms = {
        form
        for word in words[1:]
        for form in (word, word.removesuffix("s"), word.removesuffix("es"))
    }
    return (
        bool(_VERB.search(text))
        or bool(re.search(r"\b\w{3,}(?:ed|ing)\b(?! of)", text))
        or not VERBS.isdisjoint(forms)
        or len(words) > 6
        or words[0] in _BEGINNERS
    )


_BEGINNERS = frozenset(
    "neither either both only nobody none not some most if no every all each you we i they he she "
    "it".split()
)
