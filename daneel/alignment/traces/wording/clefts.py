"""Words out of their place: clefts, `both of them`, adverbs between a subject and its verb."""

from __future__ import annotations

from daneel.alignment.traces.wording.vocabulary import Rewrites

_JUDGED = (
    r"(?:(?:im)?possible|(?:un)?true|(?:un)?clear|(?:un)?known|(?:un)?certain|(?:un)?likely|"
    r"(?:im)?probable|(?:in)?correct|the case|false|wrong|right|not|said|doubtful|obvious|evident|"
    r"necessary|important|strange|odd|surprising|believed|thought|assumed|expected|claimed|"
    r"reported|proven|proved|confirmed|out of the question|a (?:fact|lie|mistake|myth|rumou?r))\b"
)
"""What is said of a whole sentence: `it is clear that`; nobody who does anything."""
CLEFTS: Rewrites = (
    (r"\b(is|was) (not )?one of the ([a-z]+)s$", lambda m: f"{m[1]} {m[2] or ''}a {m[3]}"),
    (
        r"\band (?:then|later|afterwards) (?=(?:\w+s|\w+ed|bought|sold|lost|won|got|gave|ate|found|"
        r"spent|made) (?:\d|\w+ more))",
        "and ",
    ),
    (r"^both of them, (.+?), (.+)$", r"\1 \2"),
    (r"^neither of them, (.+?) (?:and|or|nor) (.+?), (.+)$", r"neither \1 nor \2 \3"),
    (
        rf"^it (?:is|was) not (?!{_JUDGED})(.+?) (?:who|that) (\w+)(.*)$",
        r"it is not the case that \1 \2\3",
    ),
    (
        rf"^it (?:is|was) (?!{_JUDGED})((?:the |a )?[\w ]+?) (?:who|that) (.+)$",
        r"\1 \2",
    ),
    (r"\bcan not be (?=-?\d|[a-z]+$)", "is not "),
    (
        r"\b(\w+) no longer (has|have|holds|owns|contains|works|runs|needs|lives|leads|\w{3,}s)\b",
        r"\1 does not \2",
    ),
    (
        r"\b(\w+) only (works?|runs?|\w{2,}s|\w{2,}ed) (if|when|while|after|with)\b",
        r"\1 \2 only \3",
    ),
    (r"\b(is|was|are|were) (not )?home\b", lambda m: f"{m[1]} {m[2] or ''}at home"),
)
ASIDES: Rewrites = (
    (
        r"^(?:of|among|out of) (?:the |all |these |those )?(?:two|three|four|five|six|them|these|"
        r"those)(?: \w+)?, (?!exactly|at |only|one|two|three|none)",
        "",
    ),
    (
        r"^(?!first|if|when|once|after)((?:the )?[\w-]+(?: [\w-]+)?) (?:then|also|later|"
        r"subsequently|afterwards|eventually|finally|next|quickly|carefully|slowly|immediately|"
        r"just|even|soon|simply|promptly|suddenly) (?=\w+(?:ed|s)\b|went|took|put|gave|got|ran|"
        r"came|left|made|did|sold|bought|lost|found|ate)",
        r"\1 ",
    ),
)
"""Of whom, and how, before the verb."""
