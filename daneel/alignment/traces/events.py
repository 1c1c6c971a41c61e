"""Places, moves, and what opens, fills or breaks: facts that later sentences may end."""

from __future__ import annotations

import re

from daneel.alignment.traces.formulas import Formula, Joined, Not, Prop
from daneel.alignment.traces.phrases import name, stems
from daneel.alignment.traces.rules import Reading, rules
from daneel.alignment.traces.words import EVENTS, IRREGULAR

GROUP = "member of "
"""Begins the name of a place that is a group: one can be in several."""


def _located(reader: Reading, found: re.Match[str]) -> Formula | None:
    thing = found["x"]
    if len(found["y"].split()) > 5 or not is_name(thing):
        return None
    place = reader.place(thing, found["y"])
    return Not(place) if found.groupdict().get("no") else place


def is_name(phrase: str) -> bool:
    """Whether a phrase can name one thing: no clause, no number but the thing's own."""
    if re.match(r"(?:from|to|in|on|at|by|of|with|out|away|up|down|into)\b", phrase):
        return False
    if re.search(r"\b(?:if|or|and|that|who|which|than|when|is|are|was|were|not)\b", phrase):
        return False
    rest = re.sub(r"(?<=[a-z]) \d+$", "", phrase)
    return len(phrase.split()) <= 6 and not re.search(r"(?<![a-z\d-])\d", rest)


def _grouped(reader: Reading, found: re.Match[str]) -> Formula | None:
    return reader.place(found["x"], GROUP + name(found["y"])) if is_name(found["x"]) else None


def _moved(reader: Reading, found: re.Match[str]) -> Formula | None:
    if not is_name(found["x"]):
        return None
    return reader.moves(found["x"], found["y"])


def _changed(reader: Reading, found: re.Match[str]) -> Formula | None:
    state, holds = EVENTS[found["verb"]]
    if not is_name(found["y"]):
        return None
    changed = reader.change(stems(f"{name(found['y'])} {state}"))
    now = changed if holds else Not(changed)
    if (agent := found.groupdict().get("agent")) is None:
        return now
    return Joined("and", (now, reader.prop(f"{agent} {found['verb']} {found['y']}")))


def _switched(reader: Reading, found: re.Match[str]) -> Formula | None:
    changed = reader.change(stems(f"{name(found['y'])} on"))
    return changed if found["way"] == "on" else Not(changed)


def _passed(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`the door is now open`: an event without a name."""
    denied = found["p"].startswith("not ")
    predicate = found["p"].removeprefix("not ")
    formula = reader.prop(f"{found['x']} {predicate}", not denied)
    key = formula.part if isinstance(formula, Not) else formula
    if not isinstance(key, Prop):
        return None
    reader.happens(key.key)
    return reader.prop(f"{found['x']} {predicate}", not denied)


_PAST = "|".join(sorted(IRREGULAR, key=len, reverse=True))


def _carried(reader: Reading, found: re.Match[str]) -> Formula | None:
    """Any verb with `to` or `into`: the thing is there now. With `in` or `on` it may have been."""
    if re.search(
        r" (?:to|into|onto|over to) (?:the |a |an )?[\w -]+$", found[0]
    ) is None and not re.search(
        r"\b(?:puts?|places?|placed|leaves?|left|sets?|stores?|stored|hides?|hid|drops?|dropped|"
        r"lays?|laid|hangs?|hung|stacks?|stacked|loads?|loaded|parks?|parked)\b",
        found[0],
    ):
        return None
    return _moved(reader, found)


_ASKED = r"(?!(?:who|whom|which|what|whether)\b)"
"""Who is asked for has done nothing yet."""
_AGENT = rf"(?:the |a |an )?{_ASKED}[\w-]+(?: {_ASKED}[\w-]+)?"
_WHERE = r"(?:in|into|to|on|onto|inside|at)"
_VERBS = "|".join(EVENTS)
CARRIED = rules(
    (
        rf"{_AGENT} (?:takes|took|picks|picked|grabs|grabbed|lifts|lifted|gets|got|fetches|removes|"
        rf"removed|pulls|pulled)(?: up)? (?P<x>.+?)(?: (?:out of|from|off|"
        rf"up) .+?)?,? and (?:then )?(?:puts|put|places|placed|drops|dropped|sets|set|lays|laid|"
        rf"moves|moved|carries|carried|brings|brought|hangs|hung) (?:it|"
        rf"them)(?: down)? {_WHERE} (?P<y>.+)",
        _moved,
    ),
)
"""Tried before sentences are split at `and`."""
EVENTS_AND_PLACES = rules(
    (
        r"(?P<x>.+?) (?:is|are|was|were) now (?:stored |located |lying |placed |standing )?(?:in|"
        r"inside|on|at) (?P<y>(?:the |a |an )?[\w -]+)",
        _moved,
    ),
    (r"(?P<x>.+?) (?:is|are|has|was|were) now (?P<p>.+)", _passed),
    (
        r"(?P<x>.+?) (?:belongs? to|(?:is|are|was) (?:an? |the )?(?:member|part|one) of) (?P<y>.+)",
        _grouped,
    ),
    (
        r"(?P<x>.+?) (?:is|was|are|were|stays|remains|sits|lies|stands|rests|hangs|can be found|"
        r"is located|is placed|is kept|is stored)(?P<no> not)? (?:in|inside|at(?! most| least|"
        r" first)|on|within|inside of|located in|stored in|placed on|placed in) (?P<y>(?:the |a |"
        r"an |room |box )?[\w -]+)(?<! time)(?<! on)(?<! off)",
        _located,
    ),
    (
        rf"{_AGENT} (?:moves|moved|puts|put|places|placed|carries|carried|brings|brought|takes|"
        rf"took|transfers|transferred|drops|pushes|pushed|throws|"
        rf"threw) (?P<x>.+?) (?:from .+? )?{_WHERE} (?P<y>.+)",
        _moved,
    ),
    (
        rf"{_AGENT} (?!(?:prefers|compares|listens|speaks|talks|refers|points|leads|connects|likes|"
        rf"writes|reads|explains|ordered|told|asked|said|is|was|are|were|has|had)\b)(?:\w{{2,}}s|"
        rf"\w{{2,}}ed|{_PAST}) (?P<x>(?:the|a|an|his|her|its) [\w -]+?)(?: back)?(?: (?:away "
        rf")?from .+?)? (?:to|into|onto|over to|inside|in|on) (?P<y>(?:the |a |an |room |dock |"
        rf"shelf |bay )?[\w -]+)",
        _carried,
    ),
    (
        rf"(?P<x>.+?) (?:is|was|gets|has been) (?:moved|relocated|shifted|sent|delivered|returned|"
        rf"shipped|pushed|pulled|dragged|rolled|carried|brought|put|taken|"
        rf"transferred)(?: from .+?)? {_WHERE} (?P<y>.+)",
        _moved,
    ),
    (
        r"(?P<x>.+?) (?:goes|went|walks|walked|drives|drove|moves|moved|travels|travelled|returns|"
        r"returned|runs|ran) (?:back )?(?:from .+? )?(?:in|into|to|onto) (?P<y>.+)",
        _moved,
    ),
    (
        rf"(?P<agent>{_AGENT}) (?P<verb>{_VERBS}) (?P<y>(?:the|a|an|its|his|her|their) .+|[\w-]+)",
        _changed,
    ),
    (rf"(?P<y>the .+?) (?:is|was|gets|has been|is then) (?P<verb>{_VERBS}) by .+", _changed),
    (rf"(?P<y>the .+?) (?:gets|got|has been|is then|was then) (?P<verb>{_VERBS})", _changed),
    (rf"{_AGENT} (?:turns|turned|switches|switched) (?P<way>on|off) (?P<y>.+)", _switched),
    (rf"{_AGENT} (?:turns|turned|switches|switched) (?P<y>.+) (?P<way>on|off)", _switched),
    (r"(?P<y>.+?) (?:is|was|gets) (?:turned|switched) (?P<way>on|off) by .+", _switched),
)
