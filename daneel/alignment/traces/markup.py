"""Marks of mathematics, notes and logs to plain text, before anything is read.

Legend: nothing here knows what a sentence means; it only writes the same thing in one way.
"""

from __future__ import annotations

import re

from daneel.alignment.traces.words import UNITS

_MARKS = (
    (r"\\(?:text|mathrm|textbf|mathbf|operatorname)\s*\{([^{}]*)\}", r"\1"),
    (r"\\d?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"(\1)/(\2)"),
    (r"\\(?:quad|qquad|left|right|displaystyle|therefore)\b|\\[,;!()\[\]]|\\\\|[$`]|\*\*", " "),
    (r"\\(?:cdot|times)\b|[\u00d7·]", " * "), (r"\\div\b|÷", " / "),
    (r"\\(?:leq?|leqslant)\b|≤|=<", " <= "), (r"\\(?:geq?|geqslant)\b|≥", " >= "),
    (r"\\neq?\b|≠|!=", " != "), (r"\\lt\b", " < "), (r"\\gt\b", " > "), (r":=|≡|==", " = "),
    (r"<->|<=>|⇔|↔|\\(?:iff|Leftrightarrow|leftrightarrow)\b", " if and only if "),
    (r"->|=>|→|⇒|⟹|\\(?:implies|Rightarrow|rightarrow|to)\b", " implies "),
    (r"∧|\\(?:land|wedge)\b|&&?", " and "), (r"\u2228|\\(?:lor|vee)\b|\|\|", " or "),
    (r"¬|\\(?:lnot|neg)\b|(?<![\w)])[!~](?=\w)", " not "),
    (r"∉|\\notin\b", " is not a member of "), (r"∈|\\in\b", " is a member of "),
    (r"⊆|⊂|\\subset(?:eq)?\b", " is a subset of "),
    (r"∴", " "), (r"[\u2212\u2013](?=\s*\d)", "-"), (r"²", "^2"), (r"³", "^3"),
    (r"[\u2018\u2019]", "'"),
    (r'["\u201c\u201d]', ""), (r"\s[—\u2013]\s", ", "),
)  # fmt: skip
_MARKING = tuple((re.compile(pattern), text) for pattern, text in _MARKS)
_SIGNS = (
    (r"(?<=\d)\s*%", " percent"), (r"(?<=\d)\s*(?:°\s*|deg(?:rees)?\s+)?[Cc](?:elsius)?\b(?! is)",
     " degrees"), (r"(?<=\d)\s*°(?!\w)", " degrees"), (r"(?<=\d)\s*V\b", " volts"),
    (r"(?<=\d)\s*kW\b", " kilowatts"), (r"(?<=\d)\s*W\b", " watts"),
    (r"(?<=\d) ?(?:mins|hrs|secs|kgs|lbs)\b", lambda m: {"mins": " minutes", "hrs": " hours",
     "secs": " seconds", "kgs": " kg", "lbs": " pounds"}[m[0].strip()]),
    (r"€\s*([\d.,]*\d)", r"\1 euros"), (r"£\s*([\d.,]*\d)", r"\1 pounds sterling"),
    (r"\$\s*([\d.,]*\d)", r"\1 dollars"),
)  # fmt: skip
_SIGNED = tuple((re.compile(pattern), text) for pattern, text in _SIGNS)
_GLUED = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)(" + "|".join(sorted(UNITS, key=len, reverse=True)) + r")\b"
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_STAMP = re.compile(
    r"^\s*(?:\[\s*)?((?:t\s*=\s*\d+(?:\.\d+)?\s*s?)|(?:day \d+,? "
    r")?\d{1,2}:\d{2}(?::\d{2})?(?:\s*[ap]m)?)\s*(?:\]|[-\u2013—:|,](?=\s)|\s+)\s*(?=[A-Za-z])"
)
_BULLET = re.compile(
    r"^\s*(?:[-*\u2022>+]+\s+|\(?(?:\d+|[a-h]|i{1,3}|iv|v)\)\s+|\d+\.\s+|#+\s*|(?:step|line|fact|"
    r"premise|claim|obs|note|p|c)\s*[#-]?\d+\s*[:.)-]\s*)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """A sentence without marks of mathematics or layout: `$a < 3$` becomes `a < 3`."""
    money = re.fullmatch(r"[^$]*(?:\$\s*\d[\d.,]*[^$]*)+", text) and not re.search(
        r"\$[^$]*\$", text
    )
    for pattern, replacement in _SIGNED:
        if not (pattern.pattern.startswith(r"\$") and not money):
            text = pattern.sub(replacement, text)
    for pattern, replacement in _MARKING:
        text = pattern.sub(replacement, text)
    while (shorter := _BULLET.sub("", text)) != text:
        text = shorter
    text = _GLUED.sub(r"\1 \2", _THOUSANDS.sub("", text))
    return re.sub(r"\s+", " ", text).strip()


def stamp(text: str) -> tuple[str | None, str]:
    """The time that a line of a log begins with, if any, and the rest of the line."""
    found = _STAMP.match(text)
    return (found[1], text[found.end() :]) if found else (None, text)
