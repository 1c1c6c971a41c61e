"""Plain structured English to formulas, one sentence at a time.

The grammar is lists of rules, each a pattern and what it means; the first that reads the whole
sentence wins, and a rule whose parts cannot be read fails. What no rule reads is reported as unread
and takes no part: a reader that guesses raises false alarms.
"""

from __future__ import annotations

import re
from fractions import Fraction

from daneel.alignment.traces import amounts, comparisons, connectives, events, quantifiers
from daneel.alignment.traces.formulas import Compare, Formula, In, Linear, Not, Prop
from daneel.alignment.traces.phrases import cleaned, denied_word, name, stem, stems
from daneel.alignment.traces.rules import LONGEST, plus
from daneel.alignment.traces.words import COLOURS

_LONGEST = 400
"""Characters; a longer sentence is no step, and patterns take long to fail on it."""
_MOST_WORDS = 9
"""A clause of more words is no plain statement: it has structure that no rule knows."""
_HEDGED = re.compile(
    r"\b(?:if|or|unless|because|although|maybe|perhaps|might|may(?! permitted)|"
    r"could|should|which|whether|than|probably|likely|who|what|why|how|would|most|some|few|many|until|while|when|except|only|each|"
    r"every|all|no|none|any|either|neither|nobody|somebody|someone|everyone|everybody|them|of them|"
    r"as)\b|\?"
)
_RULES = [
    *amounts.WRITTEN,
    *(rule for rule in connectives.SENTENCES),
    *quantifiers.QUANTIFIED,
    *amounts.COUNTS,
    *comparisons.MEASURES,
    *connectives.EACH,
    *connectives.NEGATIONS,
    *comparisons.TIMES_AND_ORDER,
    *connectives.JOINED,
    *events.EVENTS_AND_PLACES,
    *amounts.PORTIONS,
    *amounts.EQUATIONS,
]


class Reader:
    """Reads the sentences of one trace in order; events move it on."""

    def __init__(self, context: str = "") -> None:
        """Nothing has happened yet; `context` is the whole trace: it tells what `short` means."""
        text = context.lower()
        self._long = bool(re.search(r"\b(?:long|longer|length|measures?)\b", text)) and not (
            re.search(r"\b(?:tall|taller|height)\b", text)
        )
        self.names: dict[str, str] = {}
        self._epochs: dict[str, int] = {}
        self._counted: list[tuple[str, str]] = []

    def read(self, sentence: str) -> Formula | None:
        """What a sentence says; None if it cannot be read."""
        if len(sentence) > _LONGEST:
            return None
        text = cleaned(sentence)
        return self.clause(text) if text else None

    def clause(self, text: str) -> Formula | None:
        """A sentence or a part of one, in lower case."""
        text = text.strip(" ,.")
        if self._long:
            text = re.sub(r"\bshorter than\b", "less long than", text)
        for pattern, handler in _RULES:
            found = pattern.fullmatch(text)
            if found and (formula := handler(self, found)) is not None:
                return formula
        return self._plain(text)

    def prop(self, phrase: str, holds: bool = True) -> Formula:
        """A statement, with words like `closed` turned into the denial of `open`."""
        words = stems(phrase)
        if other := denied_word(phrase.split()[-1]):
            words, holds = " ".join([*words.split()[:-1], stem(other)]), not holds
        self._name(phrase)
        found = Prop(words, self._epochs.get(words, 0))
        return found if holds else Not(found)

    def place(self, thing: str, place: str) -> In:
        """A thing at a place, as of now."""
        self._name(thing)
        return In(name(thing), name(place), self._epochs.get("in " + name(thing), 0))

    def happens(self, key: str) -> None:
        """An event changed what `key` names: earlier facts about it are over."""
        self._epochs[key] = self._epochs.get(key, 0) + 1

    def change(self, key: str) -> Formula:
        """A change of a state, and the state after it."""
        self.happens(key)
        return Prop(key, self._epochs[key])

    def amount(self, owner: str, what: str) -> Linear | None:
        """How many of a kind someone or some place has, as of now."""
        key = self._key(owner, what)
        if key is None:
            return None
        now = self._epochs.get(key, 0)
        return Linear(((f"{key}@{now}" if now else key, Fraction(1)),))

    def counted(self, what: str, owner: str) -> None:
        """Such things were counted there: what `of them` and `are left` speak of."""
        self._counted.append((what, owner))

    def recalled(self, owner: str | None, what: str | None = None) -> tuple[str, str] | None:
        """Kind and owner of what was counted last, there or anywhere."""
        if owner is not None and what is not None:
            return what, owner
        for kind, place in reversed(self._counted):
            same_place = owner is None or name(owner) == name(place)
            if same_place and (what is None or stems(what) == stems(kind)):
                return kind, place
        return None

    def dealt(self, owner: str, what: str, change: Fraction) -> Formula | None:
        """So many more, or fewer, of a kind are there from now on."""
        key, before = self._key(owner, what), self.amount(owner, what)
        if key is None or before is None:
            return None
        self.happens(key)
        after = self.amount(owner, what)
        assert after is not None
        return Compare(after, "=", plus(before, change))

    def _key(self, owner: str, what: str) -> str | None:
        kind, owner = amounts.kind(what), name(re.sub(r"^(?:in|on|at) ", "", owner))
        if kind is None or not owner or len(owner.split()) > LONGEST:
            return None
        self._name(owner)
        return f"count {kind}|{owner}"

    def _name(self, phrase: str) -> None:
        """Remembers every beginning of a phrase: one of them names a thing."""
        words = phrase.split()
        for i in range(1, len(words) + 1):
            self.names.setdefault(stems(" ".join(words[:i])), " ".join(words[:i]))

    def _plain(self, text: str) -> Formula | None:
        """A short statement or its denial, read as a whole."""
        words = text.split()
        bare = re.sub(r"^(?:the|a|an) ", "", text).split()
        if len(bare) < 2 or len(words) > _MOST_WORDS or _HEDGED.search(text):
            return None
        denied = re.search(r"\b(?:not|never)\b", text)
        rest = re.sub(r"\b(?:not|never|ever|any)\b", " ", text)
        if re.search(r"\d", re.sub(r"^((?:the )?[a-z]+) \d+ ", r"\1 ", rest)) or not stems(rest):
            return None
        return self.prop(rest.strip(), not denied)


def exclusive_words(key: str) -> tuple[str, str] | None:
    """What a statement is about, and its colour, if it names one: a thing has one colour."""
    *rest, last = key.split()
    colours = {stem(colour): colour for colour in COLOURS}
    return (" ".join(rest), last) if rest and last in colours else None
