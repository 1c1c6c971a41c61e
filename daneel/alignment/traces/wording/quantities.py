"""How many: quantifiers, bounds, dozens and halves."""

from __future__ import annotations

import re

from daneel.alignment.traces.wording.vocabulary import DONE, Rewrites

_BUT = r"(?:except|but|apart from|other than|save)(?: for)?"
_DOES = rf"({DONE}|is|are|was|were|has|have|can|did|does|will|may)\b"
QUANTITIES: Rewrites = (
    (r"^(.+) without (?:exception|any exception)s?$", r"\1"),
    (r"\bnot (?:a single|even one) (?!of)", "no "),
    (r"\b(?:not a single one|zero|not even one) of\b", "none of"),
    (r"\b(?:every single|each single|each one of|every one of)\b(?= the)", "all of"),
    (r"\b(?:every single|each single)\b", "every"),
    (rf"^(?:everyone|everybody|all) {_BUT} (.+?) {_DOES}(.*)$", r"everyone but \1 \2\3"),
    (rf"^(?:nobody|none|no \w+) {_BUT} (.+?) {_DOES}(.*)$", r"only \1 \2\3"),
    (
        r"^(.+?) (?:is|was) the only (?:one|person|student|child|robot|thing|guest|member|"
        r"\w+) (?:who|that|which|to) (.+)$",
        r"only \1 \2",
    ),
    (rf"^(.+?) alone ({DONE}|is|has|was|can|may|\w+s) (.+)$", r"only \1 \2 \3"),
    (r"^the only (?:one|person|thing|\w+) (?:who|that|which) (.+) (?:is|was) (.+)$", r"only \2 \1"),
    (r"\bat (?:the very )?(?:least|minimum)(?= \d)", "at least"),
    (r"\ba minimum of (?=\S+)", "at least "),
    (r"\ba maximum of (?=\S+)", "at most "),
    (r"\b(?:a total of|altogether|all in all|in all) (?=\d|\w+ \w+)", ""),
    (r"\bno (?:greater|bigger|larger|higher|longer|heavier) than (?=[\d.]+)", "at most "),
    (r"\bno (?:smaller|lower|shorter|lighter) than (?=[\d.]+)", "at least "),
    (r"\b(?:or|and) (?:more|above|over|greater)$", "or more"),
    (r"\b(?:at|with|of|is) (\d[\d.]*(?: \w+)?) or more\b", r"is at least \1"),
    (r"\b(?:at|with|of|is) (\d[\d.]*(?: \w+)?) or (?:less|fewer|below|under)\b", r"is at most \1"),
    (r"\b(exceeds?|exceeded|surpass(?:es|ed)?)\b (?=\d)", "is more than "),
    (r"\b(?:does|did) not exceed\b", "is at most"),
    (r"\b(?:exceeds?|exceeded|surpass(?:es|ed)?|tops|topped)\b", "is more than"),
    (r"\bis (?:in excess of|upwards of)\b", "is more than"),
    (
        r"\bis (?:bigger|larger|smaller|higher|lower|greater) than (?=-?\d)",
        lambda m: "is less than " if re.search("smaller|lower", m[0]) else "is more than ",
    ),
    (r"\b(?:one|a) dozen\b", "12"),
    (r"\ba (?:couple|pair) of\b", "2"),
    (r"\ba (?:single|sole) (?=\w)", "1 "),
    (r"\bboth of the\b", "both"),
    (r"\b(?:a|one) half\b(?= an?| of)", "half"),
    (r"\bhalf an hour\b", "30 minutes"),
    (r"\bhalf a (?=day|kilo|litre|meter|metre)", "0.5 "),
    (r"\ban hour and a half\b", "90 minutes"),
    (r"\b(?:an|one) hour\b(?! and)", "1 hour"),
    (
        r"\ba (?=minute|day|week|month|year|kilogram|metre|meter|litre|liter)\b(?= (?:later|"
        r"earlier|before|after|long|more|less|older|younger|old)|$)",
        "1 ",
    ),
    (r"\b(\d+) (?:and a half|1/2)\b", lambda m: f"{int(m[1])}.5"),
)
