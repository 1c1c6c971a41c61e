"""Sentences about everything of a kind, kept in words.

A quantified sentence is conditions that a thing must meet, and what is said of it; `expansion`
fills in the things.
"""

from __future__ import annotations

import re

from daneel.alignment.traces.formulas import Every, Formula, Joined
from daneel.alignment.traces.rules import Reading, rules
from daneel.alignment.traces.words import IRREGULAR, VERBS


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
    r"(?P<k>[a-z][\w -]*? (?:that|who|which) (?:is|are|has|have|was|were|had)(?: not)? (?:an? |"
    r"the |no )?[\w-]+|[a-z][\w -]*?(?: (?:that|who|which|with|having|in|on|at|inside) .+?)?)"
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
        rf"may .+)",
        _only,
    ),
    (
        rf"(?:everyone|everybody|everything|anyone|anybody|anything|whoever|all|"
        rf"whatever) (?P<k>(?:who|that|with|in|on|at|having) .+?) (?P<p>(?:{_VERB}|may).*)",
        _every(True),
    ),
    (
        rf"(?:whoever|whatever) (?P<v>{_VERB}.*?),? (?P<p>{_VERB}.+)",
        lambda _, found: _denied((_said(found["v"]),), _said(found["p"])),
    ),
    (
        rf"(?:nobody|no one|nothing) (?P<k>(?:who|that|with|in|on|at|having) .+?) (?P<p>(?:{_VERB}|"
        rf"may).*)",
        _every(False),
    ),
    (
        rf"(?:somebody|someone|something) (?P<k>(?:who|that|with|in|on|at|"
        rf"having) .+?) (?P<p>(?:{_VERB}|may).*)",
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
        r"that|which|inside)[a-z]{3,}(?: .+)?)",
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
