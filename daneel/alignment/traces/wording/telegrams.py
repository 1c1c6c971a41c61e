"""A thing and its state without a verb, as notes and logs have them: `lights off`, `load: 3 kg`."""

from __future__ import annotations

import re

from daneel.alignment.traces.wording.vocabulary import STATE, STATUS, Rewrites, has_verb

_NUMBERED = re.compile(
    r"\b(?:at|in|on|by|of|to|for|task|room|dock|shelf|step|sensor|than|and|plus|minus|times)$"
)
"""The number after these is no reading of theirs."""


def _is(found: re.Match[str]) -> str:
    """`lamp off`: the lamp is off. A text with a verb of its own stays."""
    thing = found[1].removeprefix("the ")
    return found[0] if has_verb(found[1]) else f"the {thing} is {found[2]}"


TELEGRAMS: Rewrites = (
    (r"^([a-z][\w' ]*?) -+ (?=[a-z-])", r"\1: "),
    (r"\bw/o\b", "without"),
    (r"\bw/(?= )", "with"),
    (r"\bapprox(?:imately|\.)? |\broughly |\babout (?=\d)|~(?=\d)", "about "),
    (rf"^([\w' -]{{1,40}}?) {STATUS}\s*:\s*([\w .-]+)$", r"the \1 is \2"),
    (rf"^{STATUS}(?: of)? (?:the )?([\w' -]{{1,40}}?)\s*:\s*([\w .-]+)$", r"the \1 is \2"),
    (
        rf"^([a-z][\w' -]{{0,40}}?)\s*:(?!\d)\s*((?:not |now |still )?(?:{STATE}|"
        rf"-?\d[\d.]*(?: [\w/]+)?))$",
        r"the \1 is \2",
    ),
    (
        r"^([a-z][\w' -]{0,30}?)\s*:\s*"
        r"((?:in|on|at|under|behind|inside|near|left of|right of) .+)$",
        r"the \1 is \2",
    ),
    (
        r"^([a-z][\w' -]{0,30}?) (?:status|check)?\s*:\s+(?=(?:the |a |an |all |no |"
        r"if )?[\w ]+\b(?:is|are|was|has|have|were|can|will|must|\w+ed|\w+s)\b)",
        "",
    ),
    (
        rf"^((?:the )?[a-z][\w' -]*?) (?:= )?((?:not |now |"
        rf"still )?(?:{STATE}))(?: at (?:the )?(?:start|beginning|end)\b.*)?$",
        _is,
    ),
    (r"^((?:the )?[a-z][\w' -]*?) (?:reads|reading|at|=|~) (-?\d[\d.]* ?[\w/]*)$", _is),
    (
        r"^((?:the )?[a-z][\w' -]*?) ((?:in|on|under|behind|inside|above|below|over|left of|"
        r"right of|at least|at most|more than|less than) (?:the |a )?[\w .]+)$",
        lambda m: m[0] if has_verb(m[0]) else f"the {m[1].removeprefix('the ')} is {m[2]}",
    ),
    (rf"^([a-z][\w' ]*?) -+ ((?:not )?(?:{STATE}))$", r"the \1 is \2"),
    (r"^([a-z][\w' -]{0,40}?)\s*:(?!\d)\s*(-?\d[\d.]*(?: [\w/]+)?) left$", r"the \1 is \2"),
    (
        r"^([a-z][\w' -]{0,40}?)\s*:(?!\d)\s*((?:-?\d[\d.]* [\w/]+ )?\w+er than .+|(?:at least|"
        r"at most|below|above|over|under|more than|less than) .+)$",
        r"the \1 is \2",
    ),
    (
        r"^([a-z][a-z -]*?) (-?\d[\d.]*(?: [a-z/]+)?)$",
        lambda m: m[0] if _NUMBERED.search(m[1]) else _is(m),
    ),
    (
        r"^((?:the )?[a-z][\w' -]*?) ((?:-?\d[\d.]* [\w/]+ )?\w{2,}er than .+)$",
        lambda m: m[0] if m[1] in ("more", "rather", "other") else _is(m),
    ),
)


def is_telegram(text: str) -> bool:
    """Whether a text is a thing and its state, with no verb: `lights off`, `alarm: armed`."""
    found = re.fullmatch(
        rf"(?:the )?([a-z][\w' -]*?):? (?:not )?(?:{STATE}|armed|\w{{3,}}ed)", text.strip(" .")
    )
    return found is not None and len(found[1].split()) <= 3 and not has_verb(found[1])
