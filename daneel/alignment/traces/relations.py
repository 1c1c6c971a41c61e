"""Relations that run both ways, attributes with one value, first and last, who holds what.

A definite attribute (`the capital of Norway is Oslo`) is kept like a place: a thing has one. A
sentence in the active voice also says its passive, so that `was not replaced` meets it.
"""

from __future__ import annotations

import re

from daneel.alignment.traces.formulas import (
    Compare,
    Every,
    Formula,
    HowMany,
    In,
    Joined,
    Most,
    Not,
    Prop,
)
from daneel.alignment.traces.order import event_of
from daneel.alignment.traces.phrases import name, number, stem, stems
from daneel.alignment.traces.rules import NOT, Reading, quantity, rules
from daneel.alignment.traces.words import ADJECTIVES, DIMENSIONS, IRREGULAR, NUMBERS

_SUPERLATIVE = re.compile(r"(?:most|least) (\w+)|(\w{2,})est")
_RANKS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "last": -1,
    "second to last": -2,
}
_EVERYONE = re.compile(
    r"(?:of |among |in |out of )?(?:the |them |all |these |those )*(?:(?:two|three|four|five|six|"
    r"\d+)\b.*|all|them|us|group|lot|set|bunch|everyone)?"
)


def _dimension(word: str) -> tuple[str, int]:
    """What a superlative ranks: `tallest`, `most expensive`, `biggest`."""
    found = _SUPERLATIVE.fullmatch(word)
    assert found is not None
    if found[1]:
        sign = -1 if word.startswith("least") else 1
        if f"more {found[1]}" in DIMENSIONS:
            return DIMENSIONS[f"more {found[1]}"][0], sign
        return ADJECTIVES.get(found[1], stem(found[1])), sign
    comparative = found[2] + "er"
    if comparative in DIMENSIONS:
        return DIMENSIONS[comparative]
    return stem(comparative), 1


def _most(_: Reading, found: re.Match[str]) -> Formula | None:
    """`Kim is the tallest of the three`, `the second oldest is Bo` is not read."""
    dimension, sign = _dimension(found["word"])
    value = quantity(dimension, found["a"])
    if value is None or not value.terms or dimension in ("", "time"):
        return None
    group = found["group"] or ""
    rank = _RANKS.get((found["rank"] or "first").strip(), 1)
    within = (
        ""
        if _EVERYONE.fullmatch(group.strip())
        else name(re.sub(r"^(?:in|of|among|on) ", "", group.strip()))
    )
    formula = Most(value.terms[0][0], sign, rank, within)
    return Not(formula) if found["no"] else formula


def _ranked(_: Reading, found: re.Match[str]) -> Formula | None:
    """`Tom arrived first`, `Lee came last`, `Anna finished second`."""
    verb = found["verb"]
    event = name(found["a"]) if verb in ("is", "was") else f"{name(found['a'])} {verb}"
    value = quantity("time", event_of(event))
    if value is None or not value.terms or len(found["a"].split()) > 4:
        return None
    rank = _RANKS[found["rank"]]
    return Most(value.terms[0][0], -1 if rank > 0 else 1, abs(rank))


def _attribute(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`the capital of Norway is Oslo`, `Norway's capital is Oslo`, `Oslo is the capital of ...`."""
    role, of, value = name(found["r"]), name(found["of"]), found["v"].strip()
    if (
        not reader.proper(value)
        or value.isdigit()
        or not 1 <= len(of.split()) <= 3
        or len(role.split()) > 3
    ):
        return None
    if re.search(r"\b(?:one|some|member|part|kind|number|side|top|end|front|middle)\b", role):
        return None
    held = In(f"{stems(role)} of {of}", name(value))
    return Not(held) if found.groupdict().get("no") else held


_FEW = "mother father husband wife king queen boss capital captain owner mayor president".split()


def _kin(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`Ivy is Jon's mother`: of few relations there is one only."""
    if found["r"] in _FEW:
        return _attribute(reader, found)
    said = reader.prop(f"{found['v']} {found['r']} of {found['of']}")
    return Not(said) if found["no"] else said


def _married(reader: Reading, found: re.Match[str]) -> Formula | None:
    a, b = sorted((found["a"], found["b"]))
    said = reader.prop(f"{a} {'meets' if found['p'].startswith('met') else found['p']} {b}")
    return Not(said) if found["no"] else said


def _active(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`the dog chased the cat` also says that the cat was chased."""
    verb = found["verb"]
    if stem(verb) in ("ha", "wa", "doe", "need", "contain", "hold", "equal") or _NO_VERB.fullmatch(
        verb
    ):
        return None
    said = reader.prop(f"{found['a']} {verb} {found['b']}")
    if isinstance(said, Prop):
        reader.implied[said] = reader.prop(f"{found['b']} {verb}")
    return said


_NO_VERB = re.compile(
    r"(?:is|was|has|had|does|did|us|this|its|his|less|plus|minus|as|always|sometimes|"
    r"perhaps|besides|needs|red|indeed|bed|shed|hundred|means|makes)"
)


def _between(_: Reading, found: re.Match[str]) -> Formula | None:
    """In a row: left of one and right of the other."""
    x, a, b = (quantity("x", found[k]) for k in "xab")
    if x is None or a is None or b is None:
        return None
    ways = [Joined("and", (Compare(p, "<", x), Compare(x, "<", q))) for p, q in ((a, b), (b, a))]
    return Joined("or", tuple(ways))


def _taken(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`Daniel picks up the ball`: he has it, and it goes where he goes."""
    if number(found["x"].split()[0]) is not None or len(name(found["x"]).split()) > 4:
        return None
    held = reader.takes(found["who"], found["x"])
    said = reader.prop(f"{found['who']} {found['verb']} {found['x']}")
    return None if held is None else Joined("and", (said, held))


def _dropped(reader: Reading, found: re.Match[str]) -> Formula | None:
    if number(found["x"].split()[0]) is not None:
        return None
    return reader.drops(found["who"], found["x"])


def _gave(reader: Reading, found: re.Match[str]) -> Formula | None:
    if number(found["x"].split()[0]) is not None or len(name(found["x"]).split()) > 4:
        return None
    who, to, thing = found["who"], found["to"], found["x"]
    lost, got = reader.drops(who, thing), reader.takes(to, thing)
    if lost is None or got is None:
        return None
    # Now that the one has it the other has not; what was done stays done.
    done = [reader.prop(f"{who} {found['verb']} {thing}")]
    if stem(found["verb"]) == "sell" or found["verb"] in ("bought", "purchased"):
        done = [reader.prop(f"{who} sold {thing}"), reader.prop(f"{to} bought {thing}")]
    return Joined("and", (lost, got, *done))


def _has(reader: Reading, found: re.Match[str]) -> Formula | None:
    said = reader.holds(found["who"], found["x"])
    return Not(said) if said is not None and found["no"] else said


def _filled(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`the gripper holds a cup`: it is not empty."""
    if found["x"].startswith("the "):
        said: Formula | None = reader.holds(found["who"], found["x"])
    else:
        said = reader.prop(f"{found['who']} {found['verb']} {found['x']}")
    empty = reader.prop(f"{found['who']} empty")
    return None if said is None else Joined("and", (said, Not(empty)))


def _nothing_held(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`the robot holds nothing`."""
    return reader.prop(f"{found['who']} empty")


def _needs(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`to open the safe you need a key`: whoever opens it has one."""
    return Every((f"can {found['p']}",), f"has {found['x']}")


def _subject(who: str, said: str) -> Formula:
    return Prop(stems(f"{who} {said}"))


def _only(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`only Kay has the code`."""
    if not reader.proper(found["who"]):
        return None
    said = reader.clause(f"{found['who']} {found['p']}")
    return (
        None
        if said is None
        else Joined("and", (said, Every((), found["p"], False, but=name(found["who"]))))
    )


def _but(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`everyone but Ian came`."""
    said = reader.clause(f"{found['who']} {found['p']}")
    return (
        None
        if said is None
        else Joined("and", (Not(said), Every((), found["p"], True, but=name(found["who"]))))
    )


def _nobody(_: Reading, found: re.Match[str]) -> Formula | None:
    return Every((), re.sub(r"^are\b", "is", found["p"]), False)


def _lettered(_: Reading, found: re.Match[str]) -> Formula | None:
    """A bare letter is a statement: `p`, `not q`, `R is true`."""
    said: Formula = Prop(f"{found['p']} true")
    denied = bool(found["no"]) != (found["how"] in ("false", "not true"))
    return Not(said) if denied else said


def _pair_count(_: Reading, found: re.Match[str]) -> Formula | None:
    """`exactly one of the two switches is on`: filled in when all switches are known."""
    kind, many = found["kind"], number(found["of"])
    value = number(found["n"]) if found["n"] not in ("none", "all", "both", "neither") else None
    if many is None or (value is None and found["n"] not in ("none", "all", "both", "neither")):
        return None
    total = {"none": 0, "neither": 0, "all": int(many), "both": 2}.get(found["n"], int(value or 0))
    said = re.sub(r"^are\b", "is", found["p"])
    words: dict[str, HowMany] = {"at least": ">=", "at most": "<=", "no more than": "<="}
    how = words.get((found["how"] or "").strip(), "=")
    return Every((f"is a {kind}",), said, count=(how, total, int(many)))


def _told(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`Lea says the shop is closed`: nothing yet, until it is said whether she is right."""
    if _NO_TELLER.fullmatch(found["x"]):
        return None
    reader.told[name(found["x"])] = found["p"]
    return Joined("and", ())


_NO_TELLER = re.compile(
    r"(?:the )?(?:log|report|manual|record|operator|sensor|i|we|it|rule|law|display)s?"
)


def _right(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`Lea is right`, `what the porter claims is false`."""
    said = reader.told.get(name(found["x"]))
    formula = None if said is None else reader.clause(said)
    if formula is None:
        return None
    wrong = found["v"] in (
        "wrong",
        "false",
        "mistaken",
        "lying",
        "untrue",
        "incorrect",
        "lies",
        "lied",
        "a liar",
        "not telling the truth",
    )
    return Not(formula) if wrong != bool(found["no"]) else formula


def _it_was(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`it was not the cook`: who did what the alternatives before speak of."""
    if reader.asked is None:
        return None
    said = reader.clause(f"{found['a']} {reader.asked}")
    return Not(said) if said is not None and found["no"] else said


_SMALL = "|".join(sorted((w for w in NUMBERS if w.isalpha() and w != "no"), key=len, reverse=True))
_DONE = r"(?:\w{2,}ed|" + "|".join(sorted(IRREGULAR, key=len, reverse=True)) + r")"
_NAME = r"(?:the |a |an )?[\w'-]+(?: [\w'-]+){0,2}?"
RELATIONS = rules(
    (
        rf"(?P<x>{_NAME}) (?:says|claims|said|claimed|asserts|asserted|insists|insisted|believes|"
        rf"thinks)(?: that)? (?P<p>.+)",
        _told,
    ),
    (
        rf"(?:what )?(?P<x>{_NAME})(?: (?:says|claims|said|claimed))? (?:is|was|tells|told)(?P<no> "
        rf"not)? (?P<v>right|correct|true|wrong|false|mistaken|lying|untrue|incorrect|telling the "
        rf"truth|the truth)",
        _right,
    ),
    (rf"(?P<x>{_NAME}) (?P<no>)(?P<v>lies|lied)", _right),
    (r"it (?:is|was)(?P<no> not)? (?P<a>(?:the )?[\w]+(?: [\w]+)?)", _it_was),
    (r"(?P<no>not )?(?P<p>aa|[a-z])(?: is (?P<how>true|false|not true))?", _lettered),
    (
        rf"(?:someone|somebody|something) (?P<p>(?!who|that|else|with|in)(?:is|has|can|{_DONE}|\w"
        rf"+s)"
        rf"\b.*)",
        lambda _, found: Every((), found["p"], True, True),
    ),
    (
        r"(?:the set )?(?P<a>\w+) is a subset of (?P<b>\w+)",
        lambda _, found: Every((f"is a member of {found['a']}",), f"is a member of {found['b']}"),
    ),
    (rf"(?:nobody|nothing|none) (?P<p>(?:is|are|has|can|{_DONE}|\w+s)\b.*)", _nobody),
    (
        rf"only (?P<who>(?:the )?[\w-]+(?: \d+| [a-z])?) (?P<p>(?:is|has|can|may|knows|was|"
        rf"{_DONE}|\w"
        rf"+s)\b.*)",
        _only,
    ),
    (rf"everyone but (?P<who>{_NAME}) (?P<p>(?:is|has|can|may|was|{_DONE}|\w+s)\b.*)", _but),
    (
        rf"(?P<how>exactly |at least |at most |only |no more than )?(?P<n>\d+|{_SMALL}|none|all|"
        rf"both|neither) of the "
        rf"(?P<of>\d+|{_SMALL}) (?P<kind>[\w-]+?)(?:es|s) (?P<p>(?:is|are|was|were|{_DONE})\b.*)",
        _pair_count,
    ),
    (
        rf"(?P<a>{_NAME}) (?:is|was|are){NOT} (?:the |by far the )?(?P<rank>second |third )"
        rf"?-?(?P<word>(?:most|least) \w+|\w{{2,}}est)"
        rf"(?: (?:one|person|child|of all|student|runner|building|thing|box|player|object|team|"
        rf"item|planet|city|river|member|boy|girl|man|woman))?"
        rf"(?P<group> (?:of|in|among|on) [\w ]+)?",
        _most,
    ),
    (
        rf"(?P<a>{_NAME}) (?P<verb>came|arrived|finished|started|left|ended|is|was|went|ended up|"
        rf"{_DONE})(?: in)? "
        rf"(?P<rank>first|second|third|fourth|fifth|last|second to last)(?: place| in line| in "
        rf"the (?:race|queue|line)|of all)?",
        _ranked,
    ),
    (
        rf"(?P<x>{_NAME}) (?:is|sits|stands|lies|was|are) (?:located |right |directly )?between "
        rf"(?P<a>{_NAME}) and (?P<b>{_NAME})",
        _between,
    ),
    (
        rf"the (?P<r>[\w ]+?) (?:of|in) (?P<of>(?:the )?[\w ]+?) (?:is|was){NOT} (?P<v>[\w ]+)",
        _attribute,
    ),
    (rf"(?P<v>[\w ]+?) (?:is|was){NOT} the (?P<r>[\w ]+?) of (?P<of>(?:the )?[\w ]+)", _attribute),
    (rf"(?P<of>(?:the )?[\w ]+?)'s (?P<r>[\w ]+?) (?:is|was){NOT} (?P<v>[\w ]+)", _attribute),
    (rf"(?P<v>[\w ]+?) (?:is|was){NOT} (?P<of>(?:the )?[\w ]+?)'s (?P<r>[\w ]+)", _kin),
    (
        rf"(?P<a>{_NAME}) (?:is|are|was)?{NOT} ?(?P<p>married to|met|meets|a sibling of|a twin of|"
        rf"a "
        rf"neighbour of|a friend of|a colleague of|next to|adjacent to|beside|opposite) "
        rf"(?P<b>{_NAME})",
        _married,
    ),
)
"""Tried early."""
HOLDING = rules(
    (
        rf"(?P<who>{_NAME}) (?P<verb>picks up|picked up|grabs|grabbed|grasps|grasped|takes|took|"
        rf"lifts|lifted|fetches|fetched|collects|collected) (?P<x>(?:the|a|an|his|her) [\w -]+?)"
        rf"(?: "
        rf"(?:from|off|out of|up) .+)?",
        _taken,
    ),
    (
        rf"(?P<who>{_NAME}) (?:puts down|put down|drops|dropped|releases|released|lets go of|let "
        rf"go "
        rf"of|sets down|discards|discarded) (?P<x>the [\w -]+?)",
        _dropped,
    ),
    (
        rf"(?P<who>{_NAME}) (?P<verb>gives|gave|hands|handed|passes|passed|sells|sold|lends|lent) "
        rf"(?P<x>(?:the|a|an|his|her) [\w -]+?) (?:over )?to (?P<to>{_NAME})",
        _gave,
    ),
    (
        rf"(?P<who>{_NAME}) (?P<verb>gives|gave|hands|handed|passes|passed|sells|sold|lends|lent) "
        rf"(?P<to>[\w-]+) (?P<x>(?:the|a|an|his|her) [\w -]+)",
        _gave,
    ),
    (
        rf"(?P<to>{_NAME}) (?P<verb>bought|purchased) (?P<x>(?:the|a|an|his|her) [\w -]+?) from "
        rf"(?P<who>{_NAME})",
        _gave,
    ),
    (
        rf"(?P<who>{_NAME}) (?:is |are )?(?P<verb>holding|holds|contains|carrying|grips|gripping) "
        rf"(?P<x>(?:a|an|the|some) [\w -]+)",
        _filled,
    ),
    (
        rf"(?P<who>{_NAME}) (?:(?:is|are|was|does|do|did) )?(?P<no>not )?(?:has|have|holds|holding|"
        rf"carries|carrying|owns) (?P<x>(?:the|his|her) [\w -]+?)(?: now)?",
        _has,
    ),
    (
        rf"(?P<who>{_NAME}) (?:is |does |do )?not (?:hold|holds|holding|grasping|carrying|carry|"
        rf"grip|"
        rf"gripping|carries) (?:anything|any object)",
        _nothing_held,
    ),
    (
        r"to (?P<p>\w+(?: .+?)?),? (?:you|one|a person|people|anyone) (?:needs?|requires?|must "
        r"have|"
        r"is obliged to have) (?P<x>(?:a|an|the) .+)",
        _needs,
    ),
    (
        r"(?:you|one|a person|people|anyone) (?:needs?|requires?) (?P<x>(?:a|an|the) .+?) to "
        r"(?P<p>\w"
        r"+.*)",
        _needs,
    ),
)
VOICE = rules(
    (
        rf"(?P<a>{_NAME}) (?P<verb>{_DONE}|[a-z]{{3,}}s) (?P<b>(?:the|a|an|his|her|its|their|my) "
        rf"[\w "
        rf"-]+)",
        _active,
    ),
    (rf"(?P<a>[\w'-]+(?: \d+)?) (?P<verb>{_DONE}) (?P<b>[\w'-]+(?: \d+)?)", _active),
)
"""Tried last."""
