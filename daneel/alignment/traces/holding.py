"""Who holds, takes, drops and gives what, and what one needs to have."""

from __future__ import annotations

import re

from daneel.alignment.traces.formulas import Every, Formula, Joined, Not
from daneel.alignment.traces.phrases import name, number, stem
from daneel.alignment.traces.rules import NAME, Reading, rules


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


HOLDING = rules(
    (
        rf"(?P<who>{NAME}) (?P<verb>picks up|picked up|grabs|grabbed|grasps|grasped|takes|took|"
        rf"lifts|lifted|fetches|fetched|collects|collected) (?P<x>(?:the|a|an|his|"
        rf"her) [\w -]+?)(?: (?:from|off|out of|up) .+)?",
        _taken,
    ),
    (
        rf"(?P<who>{NAME}) (?:puts down|put down|drops|dropped|releases|released|lets go of|"
        rf"let go of|sets down|discards|discarded) (?P<x>the [\w -]+?)",
        _dropped,
    ),
    (
        rf"(?P<who>{NAME}) (?P<verb>gives|gave|hands|handed|passes|passed|sells|sold|lends|"
        rf"lent) (?P<x>(?:the|a|an|his|her) [\w -]+?) (?:over )?to (?P<to>{NAME})",
        _gave,
    ),
    (
        rf"(?P<who>{NAME}) (?P<verb>gives|gave|hands|handed|passes|passed|sells|sold|lends|"
        rf"lent) (?P<to>[\w-]+) (?P<x>(?:the|a|an|his|her) [\w -]+)",
        _gave,
    ),
    (
        rf"(?P<to>{NAME}) (?P<verb>bought|purchased) (?P<x>(?:the|a|an|his|"
        rf"her) [\w -]+?) from (?P<who>{NAME})",
        _gave,
    ),
    (
        rf"(?P<who>{NAME}) (?:is |are )?(?P<verb>holding|holds|contains|carrying|grips|"
        rf"gripping) (?P<x>(?:a|an|the|some) [\w -]+)",
        _filled,
    ),
    (
        # what is carried somewhere is an event; what one has may be a key to a room
        rf"(?P<who>{NAME}) (?:(?:is|are|was|does|do|did) )?(?P<no>not )?(?:has|have|holds|holding|"
        rf"owns|(?:carries|carrying)(?!.* (?:to|into|onto|from) )) "
        rf"(?P<x>(?:the|his|her) [\w -]+?)(?: now)?",
        _has,
    ),
    (
        rf"(?P<who>{NAME}) (?:is |does |do )?not (?:hold|holds|holding|grasping|carrying|carry|"
        rf"grip|gripping|carries) (?:anything|any object)",
        _nothing_held,
    ),
    (
        r"to (?P<p>\w+(?: .+?)?),? (?:you|one|a person|people|anyone) (?:needs?|requires?|"
        r"must have|is obliged to have) (?P<x>(?:a|an|the) .+)",
        _needs,
    ),
    (
        r"(?:you|one|a person|people|anyone) (?:needs?|requires?) (?P<x>(?:a|an|"
        r"the) .+?) to (?P<p>\w+.*)",
        _needs,
    ),
)
