"""Plain structured English to formulas, one sentence at a time.

The grammar is lists of rules, each a pattern and what it means; the first that reads the whole
sentence wins, and a rule whose parts cannot be read fails. What no rule reads is reported as unread
and takes no part: a reader that guesses raises false alarms.
"""

from __future__ import annotations

import re
from fractions import Fraction

from daneel.alignment.traces import (
    algebra,
    amounts,
    comparisons,
    connectives,
    cutting,
    events,
    holding,
    indefinites,
    markup,
    order,
    portions,
    quantifiers,
    relations,
    sums,
    superlatives,
    tellers,
    wording,
)
from daneel.alignment.traces.epochs import Epochs, mutable
from daneel.alignment.traces.formulas import Compare, Every, Formula, In, Joined, Linear, Not, Prop
from daneel.alignment.traces.phrases import cleaned, denied_word, name, stem, stems
from daneel.alignment.traces.references import References
from daneel.alignment.traces.rules import LONGEST, plus

_LONGEST = 400
"""Characters; a longer sentence is no step, and patterns take long to fail on it."""
_MOST_WORDS = 9
"""A clause of more words is no plain statement: it has structure that no rule knows."""
_HEDGED = re.compile(
    r"\b(?:if|or|unless|because|although|maybe|perhaps|might|may(?! permitted)|could|should|which|"
    r"whether|than|probably|likely|who|what|why|how|would|most|some|few|many|until|while|when|"
    r"except|only|each|every|all|no|none|any|either|neither|nobody|somebody|someone|everyone|"
    r"everybody|them|of them|as)\b|\?"
)
_RULES = [
    *algebra.ALGEBRA,
    *sums.WRITTEN,
    *quantifiers.CONDITIONAL,
    *connectives.SENTENCES,
    *connectives.LISTED,
    *portions.RATES,
    *tellers.TOLD,
    *indefinites.INDEFINITE,
    *superlatives.SUPERLATIVES,
    *relations.ATTRIBUTES,
    *quantifiers.QUANTIFIED,
    *events.CARRIED,
    *holding.HOLDING,
    *amounts.COUNTS,
    *comparisons.MEASURES,
    *connectives.EACH,
    *connectives.NEGATIONS,
    *order.TIMES_AND_ORDER,
    *connectives.JOINED,
    *events.EVENTS_AND_PLACES,
    *portions.PORTIONS,
    *sums.EQUATIONS,
    *relations.VOICE,
]


class Reader:
    """Reads the sentences of one trace in order; events move it on."""

    def __init__(self, context: str = "") -> None:
        """Nothing has happened yet; `context` is the whole trace: it tells what `short` means."""
        text = markup.plain(context).lower()
        self._long = bool(re.search(r"\b(?:long|longer|length|measures?)\b", text)) and not (
            re.search(r"\b(?:tall|taller|height)\b", text)
        )
        self.names: dict[str, str] = {}
        self._epochs = Epochs()
        self._counted: list[tuple[str, str]] = []
        self._words = frozenset(re.findall(r"[a-z]+", text))
        self._held: dict[str, str] = {}
        self._rated: set[str] = set()
        self._parts: tuple[str, list[str]] | None = None
        self._previous: str | None = None
        self._one_time = cutting.moments(text) == 1
        self.asked: list[tuple[frozenset[str], str]] = []
        self.told: dict[str, str] = {}
        self.implied: dict[Prop, Formula] = {}
        self._stamp: str | None = None
        self._references = References()
        self._proper = cutting.proper_words(context)

    def claims(self, step: str) -> list[str]:
        """A step in lower case, in plain words, cut where it claims one thing after another."""
        stamped, text = markup.stamp(step)
        if stamped is not None and stamped != self._stamp:
            self._stamp = stamped
            self._epochs.tick()
        found = []
        for sentence in cutting.sentences(markup.plain(text)):
            said = cutting.lettered(sentence).lower().strip()
            for claim in cutting.claims(cutting.timeless(said) if self._one_time else said):
                resolved = self._references.resolved(wording.rewritten(claim))
                if not (plain := wording.rewritten(resolved)):
                    continue
                order, self._previous = cutting.ordered(self._previous, claim, plain)
                if order is not None:
                    found.append(order)
                found += cutting.coded(plain)
        return found

    def read(self, sentence: str) -> Formula | None:
        """What a sentence says; None if it cannot be read."""
        if len(sentence) > _LONGEST or cutting.is_question(sentence):
            return None
        text, events = cleaned(sentence), self._epochs.events()
        formula = self.clause(text) if text else None
        if self._epochs.events() == events and _tells_little(formula):
            self._epochs.shake(text)
        return formula

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
        if other := denied_word(phrase.split()[-1], self._words):
            words, holds = " ".join([*words.split()[:-1], stem(other)]), not holds
        self._name(phrase)
        found = Prop(words, self._epochs.of(words))
        return found if holds else Not(found)

    def place(self, thing: str, place: str) -> In:
        """A thing at a place, as of now."""
        self._name(thing)
        return In(name(thing), name(place), self._epochs.now("in " + name(thing)))

    def proper(self, text: str) -> bool:
        """Whether it is written like a name in the trace, in capitals or with a number."""
        words = text.split()
        return bool(words) and all(w in self._proper or w.isdigit() for w in words)

    def moves(self, thing: str, place: str) -> Formula:
        """A thing is somewhere from now on, and what it holds too."""
        who = name(thing)
        moved = [who, *(held for held, holder in self._held.items() if holder == who)]
        for one in moved:
            self.happens("in " + one)
        found = tuple(self.place(one, place) for one in moved)
        return found[0] if len(found) == 1 else Joined("and", found)

    def takes(self, who: str, thing: str) -> Formula | None:
        """From now on it is his, and goes where he goes."""
        self.happens("holder " + name(thing))
        self._held[name(thing)] = name(who)
        return self.holds(who, thing)

    def drops(self, who: str, thing: str) -> Formula | None:
        """From now on it is not his."""
        self.happens("holder " + name(thing))
        self._held.pop(name(thing), None)
        held = self.holds(who, thing)
        return None if held is None else Not(held)

    def holds(self, who: str, thing: str) -> Formula | None:
        """That it is his, as of now; a thing has one owner at a time."""
        owner, what = name(who), name(thing)
        if not owner or not what or len(what.split()) > 4:
            return None
        self._name(who)
        return In(f"holder|{what}", owner, self._epochs.now("holder " + what))

    def rated(self, kind: str) -> bool:
        """Whether it was said how many of them there are in each of something."""
        return kind in self._rated

    def rate(self, kind: str) -> None:
        """It is said how many of them there are in each of something."""
        self._rated.add(kind)

    def part(self, whole: str, part: str) -> None:
        """Some of the one are the other."""
        if self._parts is None or self._parts[0] != whole:
            self._parts = (whole, [])
        self._parts[1].append(part)

    def parts(self) -> tuple[str, list[str]] | None:
        """What was divided last, and its parts so far."""
        return self._parts

    def happens(self, key: str) -> None:
        """An event changed what `key` names: earlier facts about it are over."""
        self._epochs.happens(key)

    def change(self, key: str) -> Formula:
        """A change of a state, and the state after it."""
        self.happens(key)
        return Prop(key, self._epochs.now(key) if mutable(key) else self._epochs.changed(key))

    def amount(self, owner: str, what: str) -> Linear | None:
        """How many of a kind someone or some place has, as of now."""
        key = self._key(owner, what)
        if key is None:
            return None
        now = self._epochs.now(key)
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
        if re.search(r"(?<![a-z\d-])\d", re.sub(r"^((?:the )?[a-z]+) \d+ ", r"\1 ", rest)):
            return None
        if not stems(rest):
            return None
        return self.prop(rest.strip(), not denied)


def _tells_little(formula: Formula | None) -> bool:
    """Whether a formula may be an event that no rule understood: plain statements only."""
    if isinstance(formula, Joined):
        return all(_tells_little(part) for part in formula.parts)
    return (
        formula is None
        or isinstance(formula, Prop)
        or (isinstance(formula, Every) and formula.some)
    )
