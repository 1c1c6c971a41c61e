"""Denials, and what can, may and must be."""

from __future__ import annotations

from daneel.alignment.traces.wording.vocabulary import Rewrites, has_verb

_CLAIM = r"claim|hypothesis|idea|statement|assumption|rumou?r|report|assertion|suggestion|theory"
MODALITY: Rewrites = (
    (
        r"\b(?:it is|it was|it's) (?:impossible|not possible|out of the question) (?:that|"
        r"for (?=the |\w+ to))",
        "it is not the case that ",
    ),
    (
        r"^that (.+) (?:is|was) (?:impossible|not possible|out of the question|ruled out|false|"
        r"untrue|not true|not the case)$",
        lambda m: f"it is not the case that {m[1]}" if has_verb(m[1]) else m[0],
    ),
    (r"\bit (?:can not|cannot) be (?:the case |true )?that\b", "it is not the case that"),
    (r"\bit is (?:not the case that )?(.+?) for (\w+|the \w+) to (\w+)", r"it is \1 for \2 to \3"),
    (
        rf"^the (?:{_CLAIM}|notion) that (.+) (?:is|was) (?:wrong|false|incorrect|untrue|mistaken|"
        r"not true|rejected|refuted|unfounded)$",
        r"it is not the case that \1",
    ),
    (rf"^the (?:{_CLAIM}) that (.+) (?:is|was) (?:right|true|correct|confirmed|justified)$", r"\1"),
    (
        r"^(?:contrary to (?:what (?:was|is) said|belief|expectation|the plan)|"
        r"against expectation),? ",
        "",
    ),
    (r"^(.+) is (?:a )?(?:false|untrue|lie)$(?<! (?:\w) is false)", r"\1 is false"),
    (
        r"\b(?:fails|failed|fail|refuses|refused|forgets|forgot|neglected|neglects|"
        r"omitted) to (\w+)",
        r"did not \1",
    ),
    (
        r"\b(?:managed|manages|happened|happens|came|began|begins|started|starts|continues|"
        r"continued|gets|got) to (\w+)\b(?! (?:at|before|after))",
        r"did \1",
    ),
    (r"\b(?:is|are|was|were) (?:un|not )able to\b", "can not"),
    (r"\b(?:is|are|was|were) able to\b", "can"),
    (r"\b(?:is|are) capable of (\w+)ing\b", r"can \1"),
    (
        r"\b(?:need not|needn't|does not (?:have|need) to|do not (?:have|need) to|"
        r"is not (?:required|obliged|forced) to|are not (?:required|obliged|forced) to)\b",
        "is not obliged to",
    ),
    (r"\b(?:is|are) (?:required|forced|bound|supposed|expected) to\b", "is obliged to"),
    (
        r"\b(?:need|needs|has|have) to\b(?! be\b)(?!.*\b(?:before|after|until|once|first)\b)",
        "is obliged to",
    ),
    (
        r"\bmust (?!not\b|be\b|have\b|come\b|happen\b|precede\b|follow\b|occur\b|"
        r"take place\b)(?=\w)(?!.*\b(?:before|after|until|once|first)\b)",
        "is obliged to ",
    ),
    (r"\bmust have (?=\w+(?:ed|en|ne|wn)\b)", ""),
    (r"\bmust have been\b", "was"),
    (r"\b(?:is|are) (?:compulsory|mandatory|obligatory)\b", "is required"),
    (r"\bis optional\b", "is not required"),
    (r"\b(can|may|must|will|could|should) both\b", r"both \1"),
    (
        r"^(.+?) and (.+?) (?:can ?not|are not|is not|were not|cannot) both (?:be )?(.+)$",
        r"it is not the case that \1 is \3 and \2 is \3",
    ),
    (
        r"^(?:it is not possible for |)both (.+?) and (.+?) (?:can not) (?:be )?(.+)$",
        r"it is not the case that \1 is \3 and \2 is \3",
    ),
    (
        r"^(.+?) and (.+?) (?:are|is) (?:mutually exclusive|incompatible)$",
        r"it is not the case that \1 is true and \2 is true",
    ),
    (r"^(.+?) (?:and|,) (.+?) are both (.+)$", r"\1 and \2 are \3"),
)
