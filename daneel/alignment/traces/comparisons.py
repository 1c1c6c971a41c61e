"""Sentences about measures, comparatives and places in a row, as linear comparisons."""

from __future__ import annotations

import re
from fractions import Fraction

from daneel.alignment.traces.formulas import Compare, Formula, Linear, Not
from daneel.alignment.traces.order import begin_or_end
from daneel.alignment.traces.phrases import YEAR_S, measure, number, stem
from daneel.alignment.traces.rules import (
    AMOUNT,
    BE,
    BOUND,
    NOT,
    UNIT,
    Reading,
    Relation,
    compare,
    plus,
    quantity,
    relation,
    rules,
    scaled,
    strict,
)
from daneel.alignment.traces.words import ADJECTIVES, DIMENSIONS, PLACES, TIMES, UNITS

_COMPARATIVE = "|".join(sorted(DIMENSIONS, key=len, reverse=True)) + r"|\w{2,}er"
_PLACE = "|".join(sorted(PLACES, key=len, reverse=True))
_TIMES = "|".join(sorted(TIMES, key=len, reverse=True)) + r"|\w+ times"
_MEASURED = {"weigh": "weight", "cost": "cost", "tak": "duration", "last": "duration",
             "measur": "length", "reach": "length"}  # fmt: skip


def _dimension(word: str) -> tuple[str, int]:
    return DIMENSIONS.get(word, (stem(word), 1))


def _comparative(_: Reading, found: re.Match[str]) -> Formula | None:
    word = found["word"]
    if word in ("other", "rather", "either", "neither", "whether", "later", "earlier"):
        return None
    dimension, sign = _dimension(word)
    if dimension == "" and (measured := measure(found["b"])) is not None:
        dimension = measured[0]
    left, right = quantity(dimension, found["a"]), quantity(dimension, found["b"])
    if left is None or right is None:
        return None
    if found["by"]:
        measured = measure(found["by"])
        if measured is None:
            return None
        formula = Compare(left, "=", plus(right, sign * measured[1]))
    elif found["at_most"]:  # no longer than
        formula = Compare(left, "<=" if sign > 0 else ">=", right)
    else:
        formula = Compare(left, strict(sign), right)
    return Not(formula) if found["no"] else formula


def _as_much(_: Reading, found: re.Match[str]) -> Formula | None:
    word = found["word"]
    if word in ("much", "long") and found["verb"] in ("weighs", "costs", "takes", "lasts"):
        dimension = _MEASURED[stem(found["verb"])]
    else:
        dimension = ADJECTIVES.get(word, stem(word + "er"))
    left, right = quantity(dimension, found["a"]), quantity(dimension, found["b"])
    if found["times"] and right is not None:
        factor = _factor(found["times"])
        if factor is None:
            return None
        right = scaled(right, factor)
    formula = compare(left, "=", right)
    return Not(formula) if formula and found["no"] else formula


def _factor(text: str) -> Fraction | None:
    return Fraction(TIMES[text]) if text in TIMES else number(text.removesuffix(" times"))


def _place(_: Reading, found: re.Match[str]) -> Formula | None:
    if re.match(r"(?:by|at|before|after|when|in)\b|\d", found["b"]):
        return None  # over by noon, under 5
    dimension, sign = PLACES[found["word"]]
    formula = compare(
        quantity(dimension, found["a"]), strict(sign), quantity(dimension, found["b"])
    )
    return Not(formula) if formula and found["no"] else formula


def _measured(_: Reading, found: re.Match[str]) -> Formula | None:
    """`the crate weighs at most 3 kg`, `the walk takes 5 minutes`."""
    value = number(found["n"])
    dimension, factor = UNITS.get(found["unit"] or "", ("", 1))
    verb = found.groupdict().get("verb")
    if value is None:
        return None
    if dimension == "age" and verb and stem(verb) in ("last", "tak"):
        dimension, factor = "duration", YEAR_S
    if verb and dimension != "duration":
        dimension = _MEASURED.get(stem(verb), dimension)
    if found.groupdict().get("aged"):
        dimension = "age"
    elif (said := found.groupdict().get("adjective")) in ADJECTIVES:
        dimension = ADJECTIVES[said]
    elif dimension == "length" and not verb:
        dimension = ""
    if dimension == "duration":
        return _lasting(found["a"], relation(found["bound"]), value * factor)
    return compare(
        quantity(dimension, found["a"]), relation(found["bound"]), Linear((), value * factor)
    )


def _away(_: Reading, found: re.Match[str]) -> Formula | None:
    """`the harbour is 3 km away`."""
    value, unit = number(found["n"]), UNITS[found["unit"]]
    if value is None:
        return None
    right = Linear((), value * unit[1])
    return compare(quantity("distance", found["a"]), relation(found["bound"]), right)


def _lasting(event: str, sign: Relation, seconds: Fraction) -> Formula | None:
    """From beginning to end."""
    begin, end = begin_or_end("time", event), begin_or_end("end", event)
    if begin is None or end is None:
        return None
    return Compare(end, sign, plus(begin, seconds))


def _has_measure(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`the parcel has a mass of 3 kg`."""
    return reader.clause(f"the {found['kind']} of {found['a']} is {found['rest']}")


def _total(_: Reading, found: re.Match[str]) -> Formula | None:
    """`together, A and B weigh 3 kg`."""
    value, unit = number(found["n"]), UNITS.get(found["unit"] or "")
    owners = re.split(r",\s*(?:and )?| and ", found["list"])
    if value is None or unit is None or len(owners) < 2:
        return None
    dimension = _MEASURED.get(stem(found["verb"]), unit[0])
    parts = [quantity(dimension, owner) for owner in owners]
    known = [part for part in parts if part is not None]
    if len(known) != len(owners):
        return None
    total = Linear(tuple(term for part in known for term in part.terms))
    return Compare(total, relation(found["bound"]), Linear((), value * unit[1]))


_WEIGHS = r"weighs|costs|takes|lasts|measures|weigh|cost|take|last|measure|weighed|took|lasted"

_EACH_PRICE = rf"\S+ (?:{UNIT})"
_KINDS = "age|height|weight|length|size|price|speed|width|depth|temperature"


def _same(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`A and B are the same age`."""
    word = {"price": "cost"}.get(found["kind"], found["kind"])
    return compare(quantity(word, found["a"]), "=", quantity(word, found["b"]))


def _paid(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`you pay 20 euros for the tent`."""
    return reader.clause(f"{found['b']} costs {found['price']}")


MEASURES = rules(
    (
        rf"(?P<a>.+?) and (?P<b>.+?) (?:are|have|were|had) (?:of )?the same (?P<kind>{_KINDS})",
        _same,
    ),
    (rf"(?P<a>.+?) (?:is|has|was) (?:of )?the same (?P<kind>{_KINDS}) as (?P<b>.+)", _same),
    (
        rf"(?:you|we|they|one) (?:pay|paid|spend|spent) (?P<price>{_EACH_PRICE}) (?:for|"
        rf"on) (?P<b>.+)",
        _paid,
    ),
    (
        rf"(?:(?:together|combined|in total|jointly|laid end to end|"
        rf"side by side),? )?(?P<list>.+ and .+?)(?: together| combined| in total)? (?P<verb>weigh|"
        rf"cost|measure|reach|take|last|are)(?: together| a total of| in total)* {BOUND} ?{AMOUNT} "
        rf"(?P<unit>{UNIT})(?: together| in total| altogether| long)?",
        _total,
    ),
    (
        rf"(?P<a>.+?) (?:{BE}|lies) {BOUND} ?{AMOUNT} (?P<unit>{UNIT}) (?P<away>away|off|"
        rf"distant)(?: from here)?",
        _away,
    ),
    (
        rf"(?P<a>.+?) (?P<verb>{_WEIGHS}) {BOUND} ?{AMOUNT}(?: (?P<unit>{UNIT}))?(?: long)?",
        _measured,
    ),
    (
        r"(?P<a>.+?) (?:has|have|had) an? (?P<kind>mass|weight|length|height|width|depth|price|"
        r"cost|temperature|age|speed) of (?P<rest>.+)",
        _has_measure,
    ),
    (
        rf"(?P<a>.+?) (?P<verb>{BE}|weighs|costs|takes|"
        rf"lasts)(?: (?P<times>{_TIMES}))?{NOT} (?:exactly |"
        rf"just )?as (?P<word>\w+) as (?P<b>.+?)(?: is| does)?",
        _as_much,
    ),
    (
        rf"(?P<a>.+?) (?:{BE}|lasts|takes){NOT} (?:strictly |much |slightly |far |a bit |"
        rf"even )?(?:(?P<at_most>no )|(?P<by>\S+ (?:{UNIT})) )?(?P<word>{_COMPARATIVE}) than "
        rf"(?P<b>.+?)(?: is| does)?",
        _comparative,
    ),
    (
        rf"(?P<a>.+?) (?:{BE}(?: at|(?P<aged> aged))?|shows?|reads?|registers?|indicates?|"
        rf"displays?) {BOUND} ?{AMOUNT}(?: (?P<unit>{UNIT}))?(?: (?P<adjective>tall|old|long|high|"
        rf"heavy|wide|deep|thick))?(?: of age)?",
        _measured,
    ),
    (
        rf"(?P<a>.+?) (?:{BE}|lies|stands|sits){NOT} (?:located |directly |immediately |just |"
        rf"standing |placed |somewhere |further )*(?:to the |on the )?(?P<word>{_PLACE})(?: "
        rf"side)?(?: of)? (?P<b>.+)",
        _place,
    ),
)
