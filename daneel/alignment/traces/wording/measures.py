"""Weights, prices, times and distances, and their comparison."""

from __future__ import annotations

from daneel.alignment.traces.wording.vocabulary import Rewrites

_TIME = r"(?:minutes?|hours?|seconds?|days?|weeks?|months?|years?)"
_MEASURED = {
    "weighs": {"more": "heavier", "less": "lighter"},
    "costs": {"more": "more expensive", "less": "cheaper"},
    "lasts": {"longer": "longer", "shorter": "shorter", "more": "longer", "less": "shorter"},
}
"""`weighs 2 kg more than` is `is 2 kg heavier than`."""
LABELLED: Rewrites = (
    (
        r"^(?:there (?:is|are) |we have |i have |we are left with )?((?:only|at least|at most|just|"
        r"exactly|more than|less than) )?(-?\d[\d.]* (?:kg|g|grams|litres|liters|ml|l|kilograms|"
        r"tonnes|kilos|pounds)) of (?:the )?([a-z]+)(?: (?:is|are))?(?: left| remain(?:s|ing)?|"
        r" in stock)?$",
        lambda m: f"the {m[3]} is {(m[1] or '').replace('only ', '').replace('just ', '')}{m[2]}",
    ),
    (r"\b(?:weighed|weighs|came|comes|clocked) in at (?=\d)", "weighs "),
    (
        r"^(?:the )?([\w][\w' ]*?) (temperature|pressure|speed|weight|height|length|width|depth|"
        r"age|price) (?=is\b)",
        r"the \2 of \1 ",
    ),
    (
        r" in (height|length|width|depth|weight)$",
        lambda m: {
            "height": " tall",
            "length": " long",
            "width": " wide",
            "depth": " deep",
            "weight": "",
        }[m[1]],
    ),
)
"""Measures that notes give."""
SPENT: Rewrites = (
    (rf"\bit took (.+?) (\S+ {_TIME}) to (.+)$", r"the \1 \3 lasts \2"),
    (
        r"^(.+?) (?:needs|needed|required|requires|spent|spends) "
        rf"((?:less than |more than |at most |at least |only )?\S+ {_TIME}) to (.+)$",
        r"the \1 \3 lasts \2",
    ),
    (
        r"^(.+?) (?:add up to|adds up to|sum to|sums to|sum up to|total) (-?\d.*)$",
        r"the sum of \1 is \2",
    ),
)
"""What took how long, and what adds up."""
MEASURES: Rewrites = (
    (
        r"\b(weighs|costs|measures|lasts|takes|scored|earned|paid) (\S+ \w+) (more|less|longer|"
        r"shorter) than\b",
        lambda m: f"is {m[2]} {_MEASURED.get(m[1], {}).get(m[3], m[3])} than",
    ),
    (
        r"\b(weigh|cost)s? (no )?(more|less) than (?=[a-z])",
        lambda m: f"is {m[2] or ''}{_MEASURED[m[1] + 's'][m[3]]} than ",
    ),
    (
        r"\b(?:lasts|lasted|takes|took) (no )?(longer|shorter|less time|more time) than (?=[a-z])",
        lambda m: (
            f"is {m[1] or ''}{'longer' if m[2] in ('longer', 'more time') else 'shorter'} than "
        ),
    ),
    (r"\b(?:is priced at|(?:sells|retails|goes) for)\b", "costs"),
    (r"\btips the scales at\b", "weighs"),
    (
        r"\b(?:has|had) (?:an? )?(?:total )?(weight|mass|length|height|width|depth|price|cost|"
        r"temperature|age|speed) (?:equal to |of )?(?=\d)",
        r"has a \1 of ",
    ),
)
"""Other words for weights, prices and lengths, and for more and less of them."""
DISTANCES: Rewrites = (
    (
        r"\b(?:goes|went|runs|ran|continues|continued|carries|carried) on for\b|\b(?:goes|runs|ran|"
        r"continues) for (?=\d)",
        "lasts",
    ),
    (
        r"^(?:the distance|it is a distance|it is) (?:from here )?to (.+?) (?:is|of) (\S+ \w+)$",
        r"\1 is \2 away",
    ),
    (r"^it is (\S+ \w+) to (.+)$", r"\2 is \1 away"),
    (r"\b(farther|further) away than\b", "farther than"),
)
"""How long something goes on, and how far away it is."""
