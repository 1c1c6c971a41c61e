"""Sentences about everything of a kind, and what they say of each thing that the trace names.

A quantified sentence is kept in words: conditions that a thing must meet, and what is said of it.
When the whole trace is read, the words are filled in for every thing that any sentence speaks of,
and read like any other sentence. `Some` has a witness without a name, of which all rules hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from daneel.alignment.traces.events import GROUP
from daneel.alignment.traces.formulas import (
    Compare,
    Count,
    Every,
    Formula,
    In,
    Joined,
    Most,
    Not,
    Prop,
    Whole,
)
from daneel.alignment.traces.phrases import name, stem, stems
from daneel.alignment.traces.rules import Reading, rules
from daneel.alignment.traces.words import IRREGULAR, VERBS

WITNESS = "unnamed thing"
"""Begins the name of a thing whose existence a sentence says."""
Read = Callable[[str], Formula | None]


def _conditions(kind: str) -> tuple[str, ...] | None:
    """`sensors in the north wing`, `person who has a badge`: as verb phrases."""
    kind = kind.strip()
    found = re.fullmatch(
        r"(?P<noun>[\w -]*?)\s*\b(?:(?:that|who|which) (?P<verb>.+)|(?P<at>(?:in|on|at|inside) .+)|"
        r"(?:with|having) (?P<has>.+))",
        kind,
    )
    noun = found["noun"] if found else kind
    verbs = []
    if found and found["verb"]:
        verbs = re.split(r",? and (?:who |that |which )?", found["verb"])
    elif found and found["at"]:
        verbs = [f"is {found['at']}"]
    elif found:
        verbs = [f"has {found['has']}"]
    if group := re.fullmatch(r"(?:members?|one) of (.+)", noun):
        noun, verbs = "", [f"is a member of {group[1]}", *verbs]
    if len(noun.split()) > 3 or re.search(r"\d", noun):
        return None
    nouns = [f"is a {noun}"] if noun and noun not in ("thing", "things", "people", "person") else []
    return (*nouns, *verbs)


def _said(phrase: str, plural: bool = False) -> str:
    """A verb phrase as it is said of one thing."""
    words = phrase.split()
    words[0] = {"are": "is", "have": "has", "do": "does", "were": "was"}.get(words[0], words[0])
    return " ".join(words)


def _make(kind: str, phrase: str, holds: bool = True, some: bool = False) -> Every | None:
    conditions, said = _conditions(kind), _said(phrase)
    if conditions is None or len(said.split()) > 9:
        return None
    if found := re.fullmatch(r"(is|has|does|did|was|can|may|will|must) not (.+)", said):
        said, holds = f"{found[1]} {found[2]}", not holds
        said = said.removeprefix("does ").removeprefix("did ")
    return Every(conditions, said, holds, some)


def _every(holds: bool, some: bool = False):
    def handler(_: Reading, found: re.Match[str]) -> Formula | None:
        return _make(found["k"], found["p"], holds, some)

    return handler


_SINGULAR = frozenset(
    "this gas bus lens always series perhaps yes its his hers ours mathematics physics".split()
)


def _kinds(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`cats are animals`: and there are cats."""
    if found["k"] in _SINGULAR or (
        re.match("can|may|must", found["p"]) and reader.proper(found["k"])
    ):
        return None
    every = _make(found["k"], found["p"])
    exists = Every((), f"is a {found['k']}", some=True)
    return None if every is None else Joined("and", (every, exists))


def _only(_: Reading, found: re.Match[str]) -> Formula | None:
    """`only pilots may fly`: whoever may is a pilot."""
    return Every((_said(found["p"]),), f"is a {found['k']}")


def _someone(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`if someone is young then they are quick`."""
    verbs = re.split(r",? and (?:they |he |she |it )?", found["c"])
    kind = found["k"].removeprefix("one").strip() if found["k"] else ""
    nouns = _conditions(kind) if kind else ()
    return None if nouns is None else _denied((*nouns, *map(_said, verbs)), _said(found["p"]))


def _denied(conditions: tuple[str, ...], said: str) -> Every:
    if found := re.fullmatch(r"(is|has|does|was|can|may|will|must) not (.+)", said):
        return Every(conditions, f"{found[1]} {found[2]}".removeprefix("does "), False)
    return Every(conditions, said)


_ALL = r"(?:all|every|each|any)(?: one of the| of the| of| single| the)?"
_ONE = r"(?:someone|somebody|something|anyone|anybody|anything|a person|a thing)"
_VERB = (
    r"(?:(?:is|are|was|were|has|have|had|can|may|will|must|does|do|did|needs?|likes?|wants?|eats?|"
    r"did|lives?|contains?|gets?|sees?|[a-z]{3,}(?<!u)(?<!s)s|[a-z]{2,}ed|"
    + "|".join(sorted(IRREGULAR, key=len, reverse=True))
    + r")\b)"
)
_KIND = (
    r"(?P<k>[a-z][\w -]*? (?:that|who|which) (?:is|are|has|have|was|were|had)(?: not)? "
    r"(?:an? |the |no )?[\w-]+|"
    r"[a-z][\w -]*?(?: (?:that|who|which|with|having|in|on|at|inside) .+?)?)"
)

_THEY = r"(?:he or she|she or he|they|he|she|it|(?:that|the) (?:one|person|thing))"
CONDITIONAL = rules(
    (rf"(?:if|when|whenever) {_ONE}(?P<k>) (?P<c>.+?),? (?:then )?{_THEY} (?P<p>.+)", _someone),
    (
        rf"(?:if|when|whenever) an? (?P<k>\w+) (?P<c>{_VERB}.*?),? (?:then )?{_THEY} (?P<p>.+)",
        _someone,
    ),
)
"""Tried before other conditions: what they say holds of whoever it is."""
QUANTIFIED = rules(
    (r"the (?P<k>[\w-]+s) (?:all|each) (?P<p>.+)", _every(True)),
    (
        r"(?:all|every|each|any)(?: one)?(?: of)? (?:the )?(?P<k>[\w-]+) (?P<p>(?:did|were) .+)",
        _every(True),
    ),
    (
        rf"(?:only|none but|no one but|nobody but) (?:an? |the )?(?P<k>[\w-]+?)s? (?P<p>{_VERB}.+|"
        rf"may "
        r".+)",
        _only,
    ),
    (
        r"(?:everyone|everybody|everything|anyone|anybody|anything|whoever|all|whatever) "
        rf"(?P<k>(?:who|that|with|in|on|at|having) .+?) (?P<p>(?:{_VERB}|may).*)",
        _every(True),
    ),
    (
        rf"(?:whoever|whatever) (?P<v>{_VERB}.*?),? (?P<p>{_VERB}.+)",
        lambda _, found: _denied((_said(found["v"]),), _said(found["p"])),
    ),
    (
        r"(?:nobody|no one|nothing) (?P<k>(?:who|that|with|in|on|at|having) .+?) "
        rf"(?P<p>(?:{_VERB}|may).*)",
        _every(False),
    ),
    (
        r"(?:somebody|someone|something) (?P<k>(?:who|that|with|in|on|at|having) .+?) "
        rf"(?P<p>(?:{_VERB}|may).*)",
        _every(True, True),
    ),
    (
        r"there (?:is|are) (?:no|not an?) (?P<k>[\w -]+?) (?:that|who|which) (?P<p>.+)",
        _every(False),
    ),
    (
        r"there (?:is|are) (?:an?|at least one|some) (?P<k>[\w -]+?) (?:that|who|which) (?P<p>.+)",
        _every(True, True),
    ),
    (r"all (?P<k>[a-z][\w-]*[^s]s) (?P<p>(?:are|have|can) .+)", _kinds),
    (rf"{_ALL} {_KIND} (?P<p>{_VERB}.*)", _every(True)),
    (
        rf"(?:no|none of the|not a single|not one of the|not one) {_KIND} (?P<p>{_VERB}.*)",
        _every(False),
    ),
    (rf"(?:some|at least one|one)(?: of the)? {_KIND} (?P<p>{_VERB}.*)", _every(True, True)),
    (
        r"(?P<q>all|no)(?: of the| the)? (?P<k>[a-z][\w-]*[^s]s) (?P<p>(?!of|in|on|at|with|who|"
        r"that|"
        r"which|inside)[a-z]{3,}(?: .+)?)",
        lambda reader, found: (
            _kinds(reader, found) if found["q"] == "all" else _make(found["k"], found["p"], False)
        ),
    ),
    (r"all (?:the )?(?P<k>[a-z][\w-]*[^s]s) (?P<p>(?:are|have|can|were) .+)", _kinds),
    (
        r"both(?: the| of the)? (?P<k>[\w-]+?)s (?P<p>(?:is|are|was|were|have|has|can|\w+ed)\b.*)",
        _every(True),
    ),
    (
        r"(?P<k>[a-z]+[^s]s) (?P<no>never|do not|can not|don't) (?P<p>[a-z]{3,} .+|[a-z]{3,})",
        lambda reader, found: (
            None
            if found["no"] == "can not" and reader.proper(found["k"])
            else _make(found["k"], ("can " if found["no"] == "can not" else "") + found["p"], False)
        ),
    ),
    (r"(?P<k>[a-z]+[^s]s) (?:always )?(?P<p>(?:" + "|".join(sorted(VERBS)) + r")(?: .+)?)", _kinds),
    (r"an? (?P<k>[\w-]+) (?:does not|never) (?P<p>.+)", _every(False)),
    (
        r"an? (?P<k>[\w-]+) (?P<p>(?:can not|can|is obliged to|is always|is never|always|needs) .+|"
        r"is an? [\w-]+)",
        _every(True),
    ),
    (r"(?P<k>[a-z]+[^s]s) (?P<p>(?:are|have|can|may|do not) .+)", _kinds),
)
"""The last one: a bare plural, `cats are animals`."""


def expand(
    formulas: Iterable[tuple[int, Formula]], read: Read, names: dict[str, str]
) -> list[tuple[int, Formula]]:
    """Formulas with every quantifier filled in.

    Args:
        formulas: By step.
        read: Reads a sentence about a thing.
        names: Stems of a thing and its name as the trace has it.
    """
    formulas = list(formulas)
    quantified = [a for _, f in formulas for a in _atoms(f) if isinstance(a, Every)]
    if not quantified:
        return formulas
    found = _things([f for _, f in formulas], quantified)
    things = sorted({names.get(thing, thing) for thing in found})
    witnesses = [
        f"{WITNESS} {i}" for i, a in enumerate(quantified) if a.some or not _said_once(formulas, a)
    ]
    number = {id(a): f"{WITNESS} {i}" for i, a in enumerate(quantified)}
    return [(i, _filled(f, [*things, *witnesses], number, read)) for i, f in formulas]


def _said_once(formulas: list[tuple[int, Formula]], atom: Every) -> bool:
    """Whether a sentence is the quantifier itself, not its denial."""
    return any(f is atom for _, f in formulas)


def _filled(
    formula: Formula, things: list[str], number: dict[int, str], read: Read, denied: bool = False
) -> Formula:
    if isinstance(formula, Not):
        return Not(_filled(formula.part, things, number, read, not denied))
    if isinstance(formula, Joined):
        parts = (_filled(part, things, number, read, denied) for part in formula.parts)
        return Joined(formula.how, tuple(parts))
    if isinstance(formula, Count):
        parts = (_filled(part, things, number, read, denied) for part in formula.parts)
        return Count(formula.relation, formula.number, tuple(parts))
    if not isinstance(formula, Every):
        return formula
    if formula.some:
        # That one exists is said by the witness; that none does, by every thing.
        about = things if denied else [number[id(formula)]]
        cases = [_case(formula, thing, read) for thing in about]
        return Joined("or", tuple(Joined("and", case) for case in cases))
    if formula.count is not None:
        return _numbered(formula, things, read)
    about = [number[id(formula)]] if denied else [t for t in things if name(t) != formula.but]
    cases = [_case(formula, thing, read) for thing in about]
    return Joined("and", tuple(Joined("implies", (Joined("and", c[:-1]), c[-1])) for c in cases))


def _numbered(formula: Every, things: list[str], read: Read) -> Formula:
    """`exactly one of the two switches is on`, if the trace names two switches and no more."""
    assert formula.count is not None
    relation, how_many, of_all = formula.count
    kind = formula.conditions[0].removeprefix("is a ")
    named = [thing for thing in things if _named_so(thing, kind)]
    if len(named) != of_all and not (relation == "=" and how_many == 0):
        return Joined("and", ())
    return Count(relation, how_many, tuple(_meets(thing, formula.said, read) for thing in named))


def _case(formula: Every, thing: str, read: Read) -> tuple[Formula, ...]:
    """What the conditions and the claim say of one thing."""
    parts = [_meets(thing, condition, read) for condition in formula.conditions]
    said = _meets(thing, formula.said, read)
    return (*parts, said if formula.holds else Not(said))


def _meets(thing: str, said: str, read: Read) -> Formula:
    noun = said.removeprefix("is a ").removeprefix("is an ")
    if noun != said and _named_so(thing, noun):
        return Joined("and", ())
    formula = read(f"{thing} {said}")
    plain = formula is not None and not any(isinstance(a, Every) for a in _atoms(formula))
    return formula if formula is not None and plain else Prop(stems(f"{thing} {said}"))


def _named_so(thing: str, noun: str) -> bool:
    """`sensor 7` is a sensor, `the red lamp` a lamp."""
    words = [stem(word) for word in name(thing).split() if not word.isdigit()]
    return bool(words) and not thing.startswith(WITNESS) and words[-1] == stem(noun.split()[-1])


def _things(formulas: list[Formula], quantified: list[Every]) -> set[str]:
    """Stems of what stands before a quantified verb phrase in some sentence."""
    phrases = {stems(p) for a in quantified for p in (*a.conditions, a.said)} - {""}
    found: set[str] = set()
    for formula in formulas:
        for atom in _atoms(formula):
            if isinstance(atom, Prop):
                for phrase in phrases:
                    if atom.key.endswith(" " + phrase):
                        found.add(atom.key[: -len(phrase) - 1])
            elif isinstance(atom, In):
                if atom.thing.startswith("holder|"):
                    found.add(stems(atom.place))
                elif "|" not in atom.thing:
                    found.add(stems(atom.thing))
            elif isinstance(atom, Compare):
                owners = (key.partition("|")[2] for key, _ in (*atom.left.terms, *atom.right.terms))
                found |= {stems(owner) for owner in owners if owner}
    return found - {""}


def _atoms(formula: Formula) -> Iterator[Prop | In | Compare | Whole | Most | Every]:
    if isinstance(formula, Not):
        yield from _atoms(formula.part)
    elif isinstance(formula, Joined | Count):
        for part in formula.parts:
            yield from _atoms(part)
    else:
        yield formula


__all__ = ["GROUP", "QUANTIFIED", "WITNESS", "expand"]
