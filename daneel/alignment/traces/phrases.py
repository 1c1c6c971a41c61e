"""Words: what is dropped, stems, numbers, opposites, dimensions of comparison."""

from __future__ import annotations

import re
from fractions import Fraction

NUMBERS = {
    word: i
    for i, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "hundred": 100, "a dozen": 12, "no": 0}
TIMES = {"twice": 2, "double": 2, "thrice": 3, "triple": 3, "half": Fraction(1, 2)}
OPPOSITES = {
    "closed": "open", "shut": "open", "close": "open", "off": "on", "empty": "full",
    "cold": "hot", "dead": "alive", "false": "true", "unlocked": "locked", "odd": "even",
    "dry": "wet", "dirty": "clean", "absent": "present", "impossible": "possible",
    "unsafe": "safe", "dangerous": "safe", "broken": "working", "invalid": "valid",
    "asleep": "awake", "guilty": "innocent", "unavailable": "available", "inactive": "active",
    "busy": "free", "dark": "lit", "unreachable": "reachable", "incomplete": "complete",
    "blocked": "clear", "disabled": "enabled", "unconscious": "conscious", "invisible": "visible",
    "unoccupied": "occupied", "vacant": "occupied", "released": "held", "incorrect": "correct",
    "wrong": "correct", "charged": "discharged", "unstable": "stable", "unknown": "known",
}  # fmt: skip
"""A word and the one whose denial it is."""
COLOURS = frozenset("red green blue yellow black white orange purple brown grey gray pink".split())
EVENTS = {
    "opens": ("open", True), "opened": ("open", True), "closes": ("open", False),
    "closed": ("open", False), "shuts": ("open", False), "locks": ("locked", True),
    "unlocks": ("locked", False), "locked": ("locked", True), "unlocked": ("locked", False),
    "empties": ("full", False), "fills": ("full", True), "emptied": ("full", False),
    "filled": ("full", True), "cleans": ("clean", True), "cleaned": ("clean", True),
}  # fmt: skip
"""Verb of an event and the state it leaves."""
DIMENSIONS = {
    "taller": ("height", 1), "shorter": ("height", -1), "older": ("age", 1), "younger": ("age", -1),
    "heavier": ("weight", 1), "lighter": ("weight", -1), "faster": ("speed", 1),
    "slower": ("speed", -1), "quicker": ("speed", 1), "cheaper": ("cost", -1),
    "more expensive": ("cost", 1), "less expensive": ("cost", -1), "costlier": ("cost", 1),
    "bigger": ("size", 1), "larger": ("size", 1), "smaller": ("size", -1),
    "greater": ("", 1), "less": ("", -1), "more": ("", 1), "fewer": ("", -1), "lower": ("", -1),
    "higher": ("", 1), "warmer": ("temperature", 1), "hotter": ("temperature", 1),
    "colder": ("temperature", -1), "cooler": ("temperature", -1), "longer": ("length", 1),
    "wider": ("width", 1), "narrower": ("width", -1), "deeper": ("depth", 1),
    "shallower": ("depth", -1), "richer": ("wealth", 1), "poorer": ("wealth", -1),
    "stronger": ("strength", 1), "weaker": ("strength", -1), "brighter": ("light", 1),
    "dimmer": ("light", -1), "louder": ("volume", 1), "quieter": ("volume", -1),
    "closer": ("distance", -1), "nearer": ("distance", -1), "farther": ("distance", 1),
    "earlier": ("time", -1), "sooner": ("time", -1), "later": ("time", 1),
}  # fmt: skip
"""Comparative, what it compares, and in which direction."""
PLACES = {
    "left": ("x", -1), "right": ("x", 1), "above": ("z", 1), "below": ("z", -1), "north": ("y", 1),
    "south": ("y", -1), "east": ("east", 1), "west": ("east", -1), "in front": ("front", 1),
    "behind": ("front", -1), "ahead": ("front", 1), "on top": ("z", 1), "beneath": ("z", -1),
    "underneath": ("z", -1),
}  # fmt: skip
UNITS = {
    "kg": ("weight", 1000), "kilograms": ("weight", 1000), "kilogram": ("weight", 1000),
    "g": ("weight", 1), "grams": ("weight", 1), "m": ("length", 100), "meters": ("length", 100),
    "metres": ("length", 100), "cm": ("length", 1), "centimeters": ("length", 1),
    "centimetres": ("length", 1), "minutes": ("duration", 60), "minute": ("duration", 60),
    "seconds": ("duration", 1), "second": ("duration", 1), "hours": ("duration", 3600),
    "hour": ("duration", 3600), "dollars": ("cost", 1), "euros": ("cost", 1), "years": ("age", 1),
    "degrees": ("temperature", 1),
}  # fmt: skip
_DROPPED = frozenset(
    "the a an is are was were be been being do does did will would can could has have had also "
    "then that this there it its currently really indeed still now both to of".split()
)
_OPENERS = re.compile(
    r"^(?:so|thus|hence|therefore|also|then|next|finally|moreover|furthermore|additionally|"
    r"however|but|and|because|since|consequently|clearly|obviously|in addition|as a result|"
    r"as such|in fact|actually|note that|recall that|observe that|notice that|remember that|"
    r"we (?:also )?(?:know|see|note|observe|find|conclude|deduce|infer|have|are told|learn|"
    r"can (?:conclude|infer|deduce|see))(?: that)?|"
    r"(?:it|this) (?:follows|means|implies|is known|is given|is clear|turns out|is true|"
    r"is the case|is stated|shows|tells us)(?: that)?|"
    r"(?:given|assume|suppose|let us assume|we assume|let us say)(?: that)?|"
    r"from (?:this|these|the above)|by assumption|in conclusion|meanwhile|later|"
    r"according to [\w ]+?,|the (?:log|report|manual|record|operator|sensor)s? "
    r"(?:says?|states?|shows?|reports?)(?: that)?)\b[,:]?\s+"
)


def cleaned(sentence: str) -> str:
    """Lower case, contractions written out, numbering and openers dropped."""
    text = sentence.strip().lower().replace("\u2019", "'")
    text = re.sub(
        r"^(?:(?:step|line|fact|premise|claim)\s*\d+\s*[:.)-]?|\d+\s*[.:)]|[-*\u2022])\s*", "", text
    )
    for short, full in (("can't", "cannot"), ("won't", "will not"), ("n't", " not")):
        text = text.replace(short, full)
    text = text.replace("cannot", "can not").replace("no longer", "now not").rstrip(" .!")
    while (shorter := _OPENERS.sub("", text)) != text:
        text = shorter
    return re.sub(r"\s+", " ", text).strip(" ,")


def name(phrase: str) -> str:
    """A thing's name: no article, no stray marks."""
    text = re.sub(
        r"^(?:both |either |the |a |an |its |their |his |her |my |our )+", "", phrase.strip()
    )
    return re.sub(r"[^\w +-]", "", text).strip()


def stem(word: str) -> str:
    """A crude stem: `opening`, `opens`, `opened` and `open` meet."""
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    for end in ("ing", "ed", "es", "s"):
        if len(word) - len(end) >= 3 and word.endswith(end) and not word.endswith("ss"):
            word = word[: -len(end)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiousl":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def stems(phrase: str) -> str:
    """The stems of the words that matter."""
    words = re.findall(r"[\w+-]+", phrase)
    return " ".join(stem(word) for word in words if word not in _DROPPED)


def number(text: str) -> Fraction | None:
    """`3`, `2.5`, `$4`, `1,200`, `three`, `a dozen`; None for anything else."""
    text = text.strip().lstrip("$").replace(",", "")
    if re.fullmatch(r"-?\d+(?:\.\d+)?", text):
        return Fraction(text)
    if text in NUMBERS:
        return Fraction(NUMBERS[text])
    tens, _, ones = text.partition("-")
    if tens in NUMBERS and ones in NUMBERS:
        return Fraction(NUMBERS[tens] + NUMBERS[ones])
    return None
