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
    events,
    markup,
    order,
    quantifiers,
    relations,
    wording,
)
from daneel.alignment.traces.formulas import Compare, Every, Formula, In, Joined, Linear, Not, Prop
from daneel.alignment.traces.phrases import cleaned, denied_word, name, stem, stems
from daneel.alignment.traces.references import References
from daneel.alignment.traces.rules import LONGEST, plus
from daneel.alignment.traces.words import CHANGING, COLOURS, EVENTS, GROUPS, OPPOSITES

_LONGEST = 400
"""Characters; a longer sentence is no step, and patterns take long to fail on it."""
_MOST_WORDS = 9
"""A clause of more words is no plain statement: it has structure that no rule knows."""
_HEDGED = re.compile(
    r"\b(?:if|or|unless|because|although|maybe|perhaps|might|may(?! permitted)|"
    r"could|should|which|whether|than|probably|likely|who|what|why|how|would|most|some|few|many|"
    r"until|while|when|except|only|each|"
    r"every|all|no|none|any|either|neither|nobody|somebody|someone|everyone|everybody|them|of them|"
    r"as)\b|\?"
)
_NO_EVENT = re.compile(
    r"\b(?:is|are|was|were|be|not|if|when|whenever|unless|would|before|after|until|only|all|every|"
    r"each|any|no|permitted)\b"
)
_CHANGING = frozenset(stem(verb) for verb in CHANGING)
_STATES = frozenset(stem(word) for word in (*OPPOSITES.values(), *(s for s, _ in EVENTS.values())))
_RULES = [
    *algebra.ALGEBRA,
    *amounts.WRITTEN,
    *quantifiers.CONDITIONAL,
    *(rule for rule in connectives.SENTENCES),
    *connectives.LISTED,
    *amounts.RATES,
    *relations.RELATIONS,
    *quantifiers.QUANTIFIED,
    *events.CARRIED,
    *relations.HOLDING,
    *amounts.COUNTS,
    *comparisons.MEASURES,
    *connectives.EACH,
    *connectives.NEGATIONS,
    *order.TIMES_AND_ORDER,
    *connectives.JOINED,
    *events.EVENTS_AND_PLACES,
    *amounts.PORTIONS,
    *amounts.EQUATIONS,
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
        self._epochs: dict[str, int] = {}
        self._counted: list[tuple[str, str]] = []
        self._words = frozenset(re.findall(r"[a-z]+", text))
        self._shaken: dict[str, int] = {}
        self._held: dict[str, str] = {}
        self._rated: set[str] = set()
        self._parts: tuple[str, list[str]] | None = None
        self._clock = 0
        self._previous: str | None = None
        self._moments = len({moment.strip(" ,") for moment in _MOMENT.findall(text)})
        self.asked: str | None = None
        self.told: dict[str, str] = {}
        self.implied: dict[Prop, Formula] = {}
        self._stamp: str | None = None
        self._references = References()
        self._proper = _proper_words(context)

    def claims(self, step: str) -> list[str]:
        """A step in lower case, in plain words, cut where it claims one thing after another."""
        stamped, text = markup.stamp(step)
        if stamped is not None and stamped != self._stamp:
            # Another time of a log: whatever can change may have.
            self._stamp, self._clock = stamped, self._clock + 1
        found = []
        for sentence in _sentences(markup.plain(text)):
            for claim in _claims(self._timeless(_lettered(sentence).lower().strip())):
                resolved = self._references.resolved(wording.rewritten(claim))
                if not (plain := wording.rewritten(resolved)):
                    continue
                if (order := self._ordered(claim, plain)) is not None:
                    found.append(order)
                found += _coded(plain)
        return found

    def _timeless(self, text: str) -> str:
        """Without the time of the day, where the whole trace is of one time."""
        if self._moments != 1 or not re.search(
            r"\b(?:was|is|were|are) (?:not )?(?:in|at|on|with|under|inside)\b", text
        ):
            return text
        rest = re.sub(r"\s+", " ", _MOMENT.sub(" ", text)).strip(" ,")
        return rest if re.search(r"\b(?:in|at|on|with|under|inside) \w", rest) else text

    def _ordered(self, claim: str, plain: str) -> str | None:
        """`First A.` and `Then B.`: A comes before B."""
        before, begins = self._previous, _FIRST.match(claim) or claim.endswith(" first")
        self._previous = None
        if begins or (before is not None and _THEN.match(claim)):
            self._previous = re.sub(r"^(?:first|then|next|finally|last),? | first$", "", plain)
        return f"{before} before {self._previous}" if self._previous and not begins else None

    def read(self, sentence: str) -> Formula | None:
        """What a sentence says; None if it cannot be read."""
        if len(sentence) > _LONGEST:
            return None
        text, events = cleaned(sentence), sum(self._epochs.values())
        formula = self.clause(text) if text else None
        if sum(self._epochs.values()) == events and _tells_little(formula):
            self._shake(text)
        return formula

    def _shake(self, text: str) -> None:
        """An event that no rule understands: what was said of its things may be over."""
        words = stems(text).split()
        if _CHANGING.isdisjoint(words) or _NO_EVENT.search(text):
            return
        for word in words:
            self._shaken[word] = self._shaken.get(word, 0) + 1

    def _now(self, key: str) -> int:
        """How often what `key` names has changed, or may have."""
        if (found := exclusive_words(key)) is not None:
            key = " ".join([found[0], *sorted(_EXCLUSIVE[found[2]])])
        words = stems(re.sub(r"[|@]", " ", key)).split()
        shaken = sum(self._shaken.get(stem(word), 0) for word in {*words, *key.split()})
        return self._epochs.get(key, 0) + 1000 * shaken + 1_000_000 * self._clock

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
        mutable = bool(words) and (
            words.split()[-1] in _STATES or exclusive_words(words) is not None
        )
        now = self._epochs.get(words, 0) + 1_000_000 * self._clock
        found = Prop(words, self._now(words) if mutable else now)
        return found if holds else Not(found)

    def place(self, thing: str, place: str) -> In:
        """A thing at a place, as of now."""
        self._name(thing)
        return In(name(thing), name(place), self._now("in " + name(thing)))

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
        return In(f"holder|{what}", owner, self._now("holder " + what))

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
        self._shaken["empty"] = self._shaken.get("empty", 0) + 1
        if (found := exclusive_words(key)) is not None:
            key = " ".join([found[0], *sorted(_EXCLUSIVE[found[2]])])
        self._epochs[key] = self._epochs.get(key, 0) + 1

    def change(self, key: str) -> Formula:
        """A change of a state, and the state after it."""
        self.happens(key)
        mutable = key.split()[-1] in _STATES or exclusive_words(key) is not None
        return Prop(key, self._now(key) if mutable else self._epochs[key])

    def amount(self, owner: str, what: str) -> Linear | None:
        """How many of a kind someone or some place has, as of now."""
        key = self._key(owner, what)
        if key is None:
            return None
        now = self._now(key)
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


_EXCLUSIVE = tuple(frozenset(stems(word) for word in group) for group in (COLOURS, *GROUPS))


def exclusive_words(key: str) -> tuple[str, str, int] | None:
    """What a statement is about, its last words, and the group of which it can be one only."""
    words = key.split()
    for size in (2, 1):
        last = " ".join(words[-size:])
        for i, group in enumerate(_EXCLUSIVE):
            if len(words) > size and last in group:
                return " ".join(words[:-size]), last, i
    return None


def _sentences(step: str) -> list[str]:
    """Split at full stops and semicolons, not at decimal points or after a step's number."""
    text = re.sub(r"^\s*(?:[Ss]tep\s*)?\d+\s*[.:)]\s+", "", step)
    text = re.sub(r"\b([ap])\.m\.?", r"\1m", text)
    text = re.sub(r"\b(Mr|Mrs|Ms|Dr|St|No|Prof|vs|approx|ca)\. ", r"\1 ", text)
    parts = re.split(r"(?<=[a-zA-Z0-9)%}'])[.;!](?:\s+|$)", text)
    return [part for part in parts if part.strip()]


def _tells_little(formula: Formula | None) -> bool:
    """Whether a formula may be an event that no rule understood: plain statements only."""
    if isinstance(formula, Joined):
        return all(_tells_little(part) for part in formula.parts)
    return (
        formula is None
        or isinstance(formula, Prop)
        or (isinstance(formula, Every) and formula.some)
    )


_MOMENT = re.compile(
    r",?\s*\bat (?:noon|midnight|midday|(?:one|two|three|four|five|six|seven|eight|nine|ten|"
    r"eleven|twelve|"
    r"\d{1,2})(?: o'clock| ?[ap]m)|\d{1,2}:\d\d|the time of the [a-z]+)\b,?"
)
_FIRST = re.compile(r"(?:first|first of all|to begin with|to start with|at first)\b(?!.*\bthen\b)")
_THEN = re.compile(r"(?:and )?(?:then|next|after that|afterwards|after this|finally|last|lastly)\b")
_NAMED_A = re.compile(
    r"\bA\b(?=\s*(?:[,;:<>=∈⊆+*/^)&|→⇒]|-[ >]|$|and\b|or\b|nor\b|is\b|was\b|are\b|has\b|had\b|"
    r"does\b|"
    r"did\b|can\b|will\b|may\b|must\b|implies\b|to\b|in\b|before\b|after\b|then\b|not\b|"
    r"[a-z]+(?<![us])es\b|"
    r"[a-z]+ed\b|[A-Z]\b))|(?<=[a-z,(] )A\b(?! [a-z]+ [a-z])|(?<=[a-z] )A(?= (?:is|was|has|and|or|"
    r"to|before|after)\b)"
)


def _lettered(text: str) -> str:
    """A thing that is called A keeps a name that is no article."""
    return _NAMED_A.sub("Aa", text)


def _coded(claim: str) -> list[str]:
    """`valve V3 is shut`: V3 is shut, and is a valve. `Half of the 40 seats`: there are 40."""
    if (found := re.fullmatch(r"(.+ of the) (\d+) ([a-z-]+s) (.+)", claim)) is not None:
        return [f"there are {found[2]} {found[3]}", f"{found[1]} {found[3]} {found[4]}"]
    found = re.match(r"(?:the )?([a-z]{3,}) ([a-z]{1,3}-?\d+)\b(.*)", claim)
    if found is None or found[1] in _BEGINNERS or re.search(r"\b(?:and|or)\b", found[3]):
        return [claim]
    return [f"{found[2]} is a {found[1]}", f"{found[2]}{found[3]}"]


_CUT = re.compile(
    r",? (?:so|hence|thus|therefore|which means(?: that)?|meaning(?: that)?|and so|and therefore|"
    r"and thus|and hence|implying(?: that)?|because|since|and consequently|as a result)(?:,)? "
    r"(?!(?:that|far|much|many|long|as)\b)"
)
_GIVEN = re.compile(
    r"(?:since|because|as(?! (?:long|soon))|given that|seeing that|now that) (.+?), (?:then )?(.+)"
)


def _claims(text: str) -> list[str]:
    """`A, so B`, `A because B`, `since A, B`: both are claimed."""
    if re.match(r"(?:if|when|whenever|unless|suppose|it is not|either)\b", text):
        return [text]
    if (found := _GIVEN.fullmatch(text)) is not None:
        return [found[1], found[2]]
    if (
        found := re.fullmatch(r"(.+ (?:is|are|was|were)) ([\w-]+),? (?:and )?not ([\w-]+)", text)
    ) is not None:
        return [f"{found[1]} {found[2]}", f"{found[1]} not {found[3]}"]
    parts = re.split(r", (?:and )?(?=(?:all )?(?:the )?(?:rest|others|remaining)\b)", text)
    if len(parts) > 1:
        return parts
    parts = re.split(r",\s*(?:and )?", text)
    if len(parts) > 1 and all(wording.telegram(part) for part in parts):
        return parts
    return [
        part for part in _CUT.split(text) if part.strip() and not _EMPTY.fullmatch(part.strip())
    ]


_EMPTY = re.compile(
    r"(?:wait|hmm+|okay|ok|well|right|now|so|yes|no|alright|great|good|hold on|no wait|let me "
    r"(?:see|think|check)(?: again)?|"
    r"let us (?:see|think|check)|let's (?:see|think|check)|interesting|fine|q\.?e\.?d\.?|done|i "
    r"see|thus|hence|therefore)[ .,!:]*"
)


def _proper_words(context: str) -> frozenset[str]:
    """Words that are written with a capital, save those that only begin sentences."""
    words = re.findall(r"[A-Za-z][\w'-]*", context)
    lower = {word for word in words if word[0].islower()}
    inside = set(re.findall(r"(?<=[a-z0-9,:;] )([A-Z][\w-]*)", context))
    begins = {w for w in words if w[0].isupper() and w.lower() not in lower | _BEGINNERS}
    return frozenset(word.lower().removesuffix("'s") for word in inside | begins)


_BEGINNERS = frozenset(
    "the a an all every each no some if when so then hence thus therefore it he she they this that "
    "there both either neither none nobody everyone exactly at only not first step since because "
    "suppose assume let given we you in on after before once what who most many".split()
)
