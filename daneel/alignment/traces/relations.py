"""Relations that run both ways, attributes with one value, and the active voice.

A definite attribute (`the capital of Norway is Oslo`) is kept like a place: a thing has one. A
sentence in the active voice also says its passive, so that `was not replaced` meets it.
"""

from __future__ import annotations

import re

from daneel.alignment.traces.formulas import Formula, In, Not, Prop
from daneel.alignment.traces.phrases import name, stem, stems
from daneel.alignment.traces.rules import DONE, NAME, NOT, Reading, rules


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
    r"(?:is|was|has|had|does|did|us|this|its|his|less|plus|minus|as|always|sometimes|perhaps|"
    r"besides|needs|red|indeed|bed|shed|hundred|means|makes)"
)


ATTRIBUTES = rules(
    (
        rf"the (?P<r>[\w ]+?) (?:of|in) (?P<of>(?:the )?[\w ]+?) (?:is|was){NOT} (?P<v>[\w ]+)",
        _attribute,
    ),
    (rf"(?P<v>[\w ]+?) (?:is|was){NOT} the (?P<r>[\w ]+?) of (?P<of>(?:the )?[\w ]+)", _attribute),
    (rf"(?P<of>(?:the )?[\w ]+?)'s (?P<r>[\w ]+?) (?:is|was){NOT} (?P<v>[\w ]+)", _attribute),
    (rf"(?P<v>[\w ]+?) (?:is|was){NOT} (?P<of>(?:the )?[\w ]+?)'s (?P<r>[\w ]+)", _kin),
    (
        rf"(?P<a>{NAME}) (?:is|are|was)?{NOT} ?(?P<p>married to|met|meets|a sibling of|a twin of|"
        rf"a neighbour of|a friend of|a colleague of|next to|adjacent to|beside|"
        rf"opposite) (?P<b>{NAME})",
        _married,
    ),
)
VOICE = rules(
    (
        rf"(?P<a>{NAME}) (?P<verb>{DONE}|[a-z]{{3,}}s) (?P<b>(?:the|a|an|his|her|its|their|"
        rf"my) [\w -]+)",
        _active,
    ),
    (rf"(?P<a>[\w'-]+(?: \d+)?) (?P<verb>{DONE}) (?P<b>[\w'-]+(?: \d+)?)", _active),
)
"""Tried last."""
