"""Text of a sentence: cleaning, names, stems, numbers, units, times of the day."""

from __future__ import annotations

import re
from collections.abc import Set
from fractions import Fraction

from daneel.alignment.traces.words import IRREGULAR, NUMBERS, OPPOSITES, UNITS

_DROPPED = frozenset(
    "the a an is are was were be been being do does did will would can could has have had also "
    "then that this there it its currently really indeed still now both to of may".split()
)
_OPENERS = re.compile(
    r"^(?:at first|initially|at the (?:start|beginning|end)|in the (?:beginning|end)|eventually|"
    r"afterwards|as we know|by now|at (?:this|that) point|so|thus|hence|therefore|also|then|next|"
    r"finally|moreover|furthermore|additionally|however|but|and|because|since|consequently|clearly|"
    r"obviously|in addition|as a result|as such|in fact|actually|note that|recall that|"
    r"observe that|notice that|remember that|we (?:also )?(?:know|see|note|observe|find|conclude|"
    r"deduce|infer|have|are told|learn|can (?:conclude|infer|deduce|see))(?: that)?|(?:it|"
    r"this) (?:follows|means|implies|is known|is given|is clear|is certain|turns out|is true|"
    r"is the case|is stated|is a fact|shows|tells us)(?: that)?|nobody (?:doubts|denies)(?: that)?|"
    r"there is no doubt that|undoubtedly|certainly|of course|everybody knows(?: that)?|"
    r"in particular|specifically|for example|in other words|(?:given|assume|suppose|let us assume|"
    r"we assume|let us say)(?: that)?|from (?:this|these|the above)|by assumption|in conclusion|"
    r"meanwhile|later|according to [\w ]+?,|the (?:log|report|manual|record|operator|"
    r"sensor)s? (?:says?|states?|shows?|reports?)(?: that)?)\b[,:]?\s+"
)
_ADVERBS = re.compile(r"\b(?:still|already|currently|at present|as well|indeed|itself)\b ?")
_PERMITTED = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (
            r"\b(?:is|are|was|were) (not )?(?:allowed|permitted|authori[sz]ed|entitled) to\b",
            r"may \1",
        ),
        (r"\b(?:is|are) (?:forbidden|prohibited) (?:to|from)\b", "may not"),
        (r"\b(?:has|have) (?:the right|permission) to\b", "may"),
        (r"\bmay (not )?(?!be\b|have\b|not\b)", r"may \1permitted "),
        (r"\bmust not\b", "may not permitted"),
        (r"\bnot any\b", "no"),
    )
)
"""Permission is a predicate; what merely may be so is not read."""


def cleaned(sentence: str) -> str:
    """Lower case, contractions written out, numbering and openers dropped."""
    text = sentence.strip().lower().replace("\u2019", "'")
    text = re.sub(
        r"^(?:(?:step|line|fact|premise|claim)\s*\d+\s*[:.)-]?|\d+\s*[.:)]|[-*\u2022])\s*", "", text
    )
    for short, full in (("can't", "cannot"), ("won't", "will not"), ("n't", " not")):
        text = text.replace(short, full)
    text = text.replace("cannot", "can not").rstrip(" .!")
    text = re.sub(r"\bno longer\b(?! than)", "now not", text)
    text = _ADVERBS.sub("", text)
    while (shorter := _OPENERS.sub("", text)) != text:
        text = shorter
    for pattern, replacement in _PERMITTED:
        text = pattern.sub(replacement, text)
    return re.sub(r"\s+", " ", text).strip(" ,")


def name(phrase: str) -> str:
    """A thing's name: no article, no stray marks."""
    text = re.sub(
        r"^(?:both |either |the |a |an |its |their |his |her |my |our )+", "", phrase.strip()
    )
    return re.sub(r"[^\w +-]", "", text).strip()


def stem(word: str) -> str:
    """A crude stem: `opening`, `opens`, `opened` and `open` meet."""
    word = IRREGULAR.get(word, word)
    if len(word) > 4 and word.endswith("ies"):
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


def measure(text: str) -> tuple[str, Fraction] | None:
    """`3 kg` as what it measures and how many of the smallest unit; None for anything else."""
    found = re.fullmatch(r"(\$?-?[\d.,]+|[a-z]+(?:-[a-z]+)?|a dozen) ([a-z]+(?: [a-z]+)?)", text)
    value = number(found[1]) if found else None
    if found is None or value is None or found[2] not in UNITS:
        return None
    kind, factor = UNITS[found[2]]
    return kind, value * factor


def time_of_day(text: str) -> Fraction | None:
    """`9:20`, `14:05`, `3 pm`, `noon` in seconds; None for anything else."""
    if (day := _date(text)) is not None:
        return day
    named = {"noon": 12, "midday": 12, "midnight": 0}
    if text in named:
        return Fraction(3600 * named[text])
    found = re.fullmatch(r"(\d{1,2})(?:[:.](\d{2}))? ?(am|pm|a\.m|p\.m|o'clock|h)?", text)
    if found is None or (found[2] is None and found[3] is None) or int(found[1]) > 24:
        return None
    hour = int(found[1]) % 12 if (found[3] or "")[:1] in ("a", "p") else int(found[1])
    later = 12 if (found[3] or "").startswith("p") else 0
    return Fraction(3600 * (hour + later) + 60 * int(found[2] or 0))


_MONTHS: dict[str, int] = dict(zip(
    "january february march april may june july august september october november december".split(),
    (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334), strict=True,
))  # fmt: skip
_DATE = re.compile(
    rf"(?:the )?(?:(?P<m>{'|'.join(_MONTHS)})(?: (?P<d>\d{{1,2}})(?:st|nd|rd|th)?)?|"
    rf"(?P<d2>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<m2>{'|'.join(_MONTHS)}))(?:,? (?P<y>\d{{4}}))?"
)
YEAR_S = 31_557_600


def _date(text: str) -> Fraction | None:
    """`1914`, `March 5`, `5 March 2020` in seconds; a date without a year is of the year 0."""
    if re.fullmatch(r"(?:the year )?(?:1\d|20)\d\d", text):
        return Fraction(YEAR_S * int(text[-4:]))
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    month: str = found["m"] or found["m2"]
    day = _MONTHS[month] + int(found["d"] or found["d2"] or 1) - 1
    return Fraction(86_400 * day + YEAR_S * int(found["y"] or 0))


def denied_word(word: str, known: Set[str] = frozenset()) -> str | None:
    """The word whose denial this one is: `closed` denies `open`, `unpaid` denies `paid`.

    Args:
        word: In lower case.
        known: Words of the trace: what one of them makes with `un` or its like is its denial.
    """
    if word in OPPOSITES:
        return OPPOSITES[word]
    if re.fullmatch(r"un\w{3,}(?:ed|able|en)", word):
        return word[2:]
    for prefix in ("un", "in", "im", "il", "ir", "non", "non-", "dis"):
        if word.startswith(prefix) and word.removeprefix(prefix) in known:
            return word.removeprefix(prefix)
    return None
