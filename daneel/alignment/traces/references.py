"""What `he`, `it` and `they` stand for: the last subject that could be meant.

A guess, as all reading of pronouns is: persons for `he` and `she`, things for `it`, lists for
`they`. Where nothing fits the pronoun stays, and the sentence is about nothing that others name.
"""

from __future__ import annotations

import re

from daneel.alignment.traces.wording.vocabulary import STATE
from daneel.alignment.traces.words import IRREGULAR

_THING = (
    r"(?:(?:the|a|an|his|her|their|our|my) (?:(?!(?:is|are|was|were|has|have|had|of|to|in|on|at|"
    r"and|or|that|who)\b)[a-z0-9'-]+ ?){1,4}?)"
)
_SUBJECT = re.compile(
    rf"(?:^|(?<=if )|(?<=when )|(?<=that )|(?<=, )|(?<=then ))(?P<s>{_THING}|"
    rf"[a-z][a-z'-]*(?: [a-z]?\d+| [a-z])?(?: and [a-z][a-z'-]*)?)\s*(?=\b(?:is|are|was|were|has|"
    rf"have|had|does|do|did|can|will|may|must|starts?|ends?|lasts?|begins?|weighs?|costs?|holds?|"
    rf"\w+ed|\w{{2,}}s|" + "|".join(IRREGULAR) + r")\b)"
)
_NO_SUBJECT = frozenset(
    "it he she they this that there these those what who which we i you one all some no every each "
    "if when then so both either neither none nobody everyone someone everybody and but or not "
    "only "
    "at in on of exactly most".split()
)
_PLEONASTIC = re.compile(
    r"\bit (?:is|was)(?: also| still| now)? (?:not )?(?:true|false|raining|snowing|impossible|"
    r"possible|clear|known|wrong|correct|certain|untrue|the case|a fact|a mistake|necessary|sunny|"
    r"dark outside|night|day|morning|noon|midnight|monday|tuesday|wednesday|thursday|friday|"
    r"saturday|sunday|late|early|\d{1,2}(?::\d\d| ?[ap]m)|so|incorrect)\b|\bit (?:rains|rained|"
    r"snows|snowed|follows|seems|turns out|takes|took|means|does not rain|did not rain|"
    r"can not be)\b"
)
_JOINTS = (
    r"(, (?:and |but |so |then )?| and | but | because | whenever | if | when | unless | after |"
    r" before | while | that )"
)
_INDEFINITE = re.compile(
    r"\b(?:if|when|whenever) (?:a|an|any|someone|anyone|somebody)\b|\b(?:every|each|any|no|whoever|"
    r"anyone|everyone|nobody|all)\b"
)
_PRONOUN = re.compile(
    r"(?<!of )\b(he|she|it|they|him|her(?=$|[ ,]+(?:the|a|an|\d|and|to)\b)|the latter|this one)\b"
)
_OBJECT = r"\b(?:the|a|an|his|her) [\w-]+.*\b(?:the|a|an|his|her) [\w-]+"
_PERSONAL = ("he", "she", "him", "her")


_IT_WAS = re.compile(r"it (?:is|was) (?:not )?(?:either )?(?P<who>[\w', -]+)")
_ONE_OF = re.compile(r"\bof ((?:[\w' -]+, )*[\w' -]+,? and (?:the |an? )?[\w'-]+)")
_LISTED = re.compile(r",\s*(?:and |or )?| and | or ")
_BEFORE = re.compile(r"^.*\b(?:either|of|it is not|it was not|it is|it was) ")
_SAID = re.compile(r"^(?!it\b).*\b(?:is|are|was|were|has|have|had|can|will|may|must)\b.* or ")
_ARTICLE = re.compile(r"^(?:the|an?) ")


def _alternatives(text: str) -> set[str]:
    """Who is named as one of several: in `the cook or the gardener`, in `one of A, B and C`."""
    found: set[str] = set()
    for listed in [text] if " or " in text else _ONE_OF.findall(text):
        if _SAID.match(listed):
            continue  # what something is, one way or the other
        *items, last = _LISTED.split(listed)
        found |= {_ARTICLE.sub("", _BEFORE.sub("", item)) for item in items}
        found |= set(_ARTICLE.sub("", last).split()[:1])
    return {item for item in found if item and not re.fullmatch(STATE, item)}


class References:
    """The subjects of one trace, in order."""

    def __init__(self) -> None:
        """Nothing was named."""
        self._person: str | None = None
        self._thing: str | None = None
        self._several: str | None = None
        self._here = False
        self._candidates: set[str] = set()

    def resolved(self, text: str) -> str:
        """A sentence in lower case with its pronouns replaced, and its subjects remembered."""
        self._candidates |= _alternatives(text)
        if (it := _IT_WAS.fullmatch(text)) is not None:
            named = {_ARTICLE.sub("", item) for item in _LISTED.split(it["who"])}
            if named <= self._candidates:
                return text  # who it was of those, not what the last subject is
        parts = re.split(_JOINTS, text)
        found: list[str] = []
        for part in parts:
            # An object that this sentence named before is what its `it` speaks of.
            if _INDEFINITE.search(text):
                return text  # `if a patient is ill, he or she`: nobody in particular
            self._here = bool(
                re.search(
                    r"\b(?:the|a|an|his|her) [\w-]+.*\b(?:the|a|an|his|her) [\w-]+", "".join(found)
                )
            )
            found.append(self._part(part))
        return "".join(found)

    def _part(self, text: str) -> str:
        if not _PLEONASTIC.search(text) and not re.search(r"\b(?:did|do|does|done) it\b", text):
            text = _PRONOUN.sub(self._meant, text, count=2)
        self._remember(text)
        return text

    def _meant(self, found: re.Match[str]) -> str:
        word, before = found[1], found.string[: found.start()].strip()
        if before and word in ("it", "him", "her") and (self._here or re.search(_OBJECT, before)):
            return word  # of this very sentence: rules that know the pair read it
        if word in _PERSONAL:
            meant = self._person
        elif word == "they":
            meant = self._several
        else:
            meant = self._thing or self._person
        return word if meant is None else meant

    def _remember(self, text: str) -> None:
        found = _SUBJECT.search(text)
        if found is None:
            return
        subject = found["s"].strip()
        first = subject.split()[0]
        if first in _NO_SUBJECT or _PRONOUN.fullmatch(subject):
            return
        if " and " in subject:
            self._several = subject
        elif first in ("the", "a", "an") and len(subject.split()) > 1:
            self._thing = "the " + subject.split(" ", 1)[1]
            if re.search(r"\b(?:man|woman|boy|girl|doctor|nurse|farmer|teacher|driver|guard|king|"
                         r"queen|captain|pilot|technician|operator|suspect|witness|student|"
                         r"patient|colleague|customer|baker|cook|chef)$", subject):  # fmt: skip
                self._person = self._thing
        elif first not in ("the", "a", "an", "his", "her", "their", "our", "my"):
            self._person = subject
