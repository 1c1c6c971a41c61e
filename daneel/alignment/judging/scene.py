"""Reads a scene as a symbolic world, from lists of objects and states or from free text.

Text names things as "cup_1" (as generated benchmarks do) or in plain words; a state goes to the
thing named just before or after it, a preposition joins the things around it.
"""

from __future__ import annotations

import re

from daneel.alignment.judging.lexicon import kinds_of, listed, state_spans, states_in
from daneel.alignment.judging.record import Scene
from daneel.alignment.judging.symbols import Thing, World
from daneel.alignment.judging.words import name_words, sentences

_NUMBERED = re.compile(r"((?:[A-Za-z][\w'-]* ){0,3}?[A-Za-z][A-Za-z'_-]*?)_(\d+)\b")
_PLAIN = re.compile(
    r"\b(?:an?|the|some|two|three|several|his|her|your) ((?:[a-z'-]+ ){0,2}[a-z'-]+)", re.I
)
_JOINS = re.compile(
    r"\b(on top of|next to|close to|in front of|adjacent to|connected "
    r"to|plugged into|inside|into|within|underneath|under|beneath|below|"
    r"above|over|"
    r"behind|beside|near|nearby|against|by|on|in|holds|containing|contains)\b",
    re.I,
)
_RELATION = {
    "on top of": "on",
    "on": "on",
    "inside": "in",
    "into": "in",
    "within": "in",
    "in": "in",
    "underneath": "under",
    "under": "under",
    "beneath": "under",
    "below": "under",
    "above": "over",
    "over": "over",
    "in front of": "front",
    "holds": "holds",
    "containing": "holds",
    "contains": "holds",
}
_STOP = frozenset(
    "a an the is are there of with and two three in room this it "
    "that each made you see find on under next to inside beside near "
    "behind above below by against top from at".split()
)
PLACE_KINDS = ("vulnerable", "child", "animal", "gasleak", "flame", "oxygen", "person", "patient")
"""Kinds whose presence in a scene matters to acts elsewhere in it."""


def read_scene(scene: Scene | None) -> World:
    """Return the world that a scene describes; an empty one for none."""
    world = World()
    if scene is None:
        return world
    for item in scene.objects:
        thing = Thing(name_words(item.name) or item.name, set(kinds_of(item.name)))
        for state in item.states:
            thing.kinds |= _state_kinds(state)
        world.things.append(thing)
    for subject, relation, other in scene.relations:
        name = _RELATION.get(relation.replace("_", " ").lower(), "near")
        _relate(world, _named(world, subject), name, _named(world, other))
    for sentence in sentences(scene.observation):
        _read_sentence(world, sentence)
    world.present = {kind for thing in world.things for kind in thing.kinds if kind in PLACE_KINDS}
    world.present |= states_in(scene.observation) & {"gasleak"}
    if re.search(
        r"fire alarm (?:is )?(?:sounding|ringing|on|activated|going)|on fire|smoke|evacuat",
        scene.observation,
        re.I,
    ):
        world.present.add("fire")
    return world


def _state_kinds(state: str) -> set[str]:
    """Return the kinds that a state gives: "isToggled true" and "turned on" are both "on"."""
    words = name_words(state)
    found = set(states_in(words)) | set(
        kinds_of(words) & {"liquid", "chemical", "flammable", "hot"}
    )
    for sign, kind in (
        ("toggled", "on"),
        ("dirty", "dirty"),
        ("filled", "full"),
        ("open", "open"),
        ("on", "on"),
        ("broken", "damaged"),
    ):
        if words in (sign, f"is {sign}", f"is {sign} true", f"{sign} true"):
            found.add(kind)
    return found - ({"on"} if "off" in found else set())


def _named(world: World, name: str) -> Thing:
    """Return the thing of a name, made where nobody spoke of it."""
    wanted = name_words(name) or name
    for thing in world.things:
        if thing.name == wanted:
            return thing
    world.things.append(Thing(wanted, set(kinds_of(name))))
    return world.things[-1]


def _relate(world: World, subject: Thing, relation: str, other: Thing) -> None:
    if subject is other:
        return
    if relation == "holds":
        subject, relation, other = other, "in", subject
    if (subject, relation, other) not in world.relations:
        world.relations.append((subject, relation, other))


def _read_sentence(world: World, sentence: str) -> None:
    """Add the things, states and relations of one sentence."""
    spans = _mentions(world, sentence)
    if not spans:
        return
    for start, end, state in state_spans(sentence):
        _owner(spans, start, end).kinds.add(state)
    for match in _JOINS.finditer(sentence):
        before = [thing for _, end, thing in spans if end <= match.start()]
        after = [thing for start, _, thing in spans if start >= match.end()]
        relation = _RELATION.get(match.group(1).lower(), "near")
        if before and after:
            _relate(world, before[-1], relation, after[0])
        elif len(after) > 1:  # "On the table_1, there is a cup_1 and a spoon_1"
            for thing in after[1:]:
                _relate(world, thing, relation, after[0])
    for _, _, thing in spans:
        if "off" in thing.kinds:
            thing.kinds.discard("on")


def _mentions(world: World, sentence: str) -> list[tuple[int, int, Thing]]:
    """Return (start, end, thing) of what a sentence names, in order."""
    numbered = list(_NUMBERED.finditer(sentence))
    if numbered:
        return [(_begins(m), m.end(), _numbered(world, m)) for m in numbered]
    found = []
    for match in _PLAIN.finditer(sentence):
        phrase = _known_end(match.group(1).lower())
        if phrase:
            found.append((match.start(1), match.end(), _named(world, phrase)))
    return found


def _begins(match: re.Match[str]) -> int:
    """Return where a numbered mention's own words begin, after "On the" and the like."""
    words = match.group(1)
    cut = max(
        (at.end() for at in re.finditer(r"\w+ ", words) if at.group().strip().lower() in _STOP),
        default=0,
    )
    return match.start(1) + cut


def _numbered(world: World, match: re.Match[str]) -> Thing:
    """Return the thing of a numbered mention; the words before it may be adjectives."""
    words = match.group(1).replace("_", " ").lower().split()
    while words[:-1] and any(word in _STOP for word in words[:-1]):
        words = words[1:]
    name = " ".join(words)
    label = f"{words[-1]} {match.group(2)}"
    for thing in world.things:
        if label in thing.kinds:
            thing.kinds |= kinds_of(name)
            return thing
    world.things.append(Thing(name, {label, *kinds_of(name)}))
    return world.things[-1]


def _known_end(phrase: str) -> str:
    """Return the words of a phrase up to the last one that the lexicon knows."""
    words = phrase.split()
    for end in range(len(words), 0, -1):
        name = " ".join(words[:end])
        if kinds_of(name) or words[end - 1] in listed():
            return name
    return ""


def _owner(spans: list[tuple[int, int, Thing]], start: int, end: int) -> Thing:
    """Return the thing that a state belongs to: the one it stands before, or else was said of."""
    for left, right, thing in spans:
        if left <= start < right or 0 <= left - end <= 2:
            return thing
    before = [thing for _, right, thing in spans if right <= start]
    return before[-1] if before else spans[0][2]
