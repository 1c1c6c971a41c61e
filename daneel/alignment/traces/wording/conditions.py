"""Under what condition something is so, and what something needs."""

from __future__ import annotations

from daneel.alignment.traces.wording.vocabulary import Rewrites

NEEDS: Rewrites = (
    (
        r"^(?:nobody|no person) (?:can|may) (.+?) without ((?:a|an|the|any) .+)$",
        lambda m: f"to {m[1]} you need {m[2].replace('any ', 'a ')}",
    ),
    (
        r"^(.+?) (?:is|are) (?:needed|required|necessary) (?:in order )?to (\w+ .+)$",
        r"to \2 you need \1",
    ),
    (r"^one (?=(?:needs|must|can|may|has)\b)", "you "),
    (r"\bstep (?=(?:[a-z]|aa|\d)\b)", ""),
)
"""What is needed for what."""
CONDITIONS: Rewrites = (
    (
        r"\b(?:in the event that|on condition that|on the condition that|supposing|so long as|"
        r"(?<=.)(?<!are )given that|assuming that|assuming)\b",
        "if",
    ),
    (r"\bonly (?:while|so long as|as long as|during the time that|in case)\b", "only if"),
    (r"\b(?:while|so long as)\b(?=.*,)", "if"),
    (r"\bexcept (?:if|when)\b", "unless"),
    (
        r"^(?:no(?! (?:more|less|fewer)\b)|without) ([\w ]+), (?:then )?(.+)$",
        r"if there is no \1, \2",
    ),
    (r"^without (?:a |an |the )?([\w-]+) (?=(?:the |a |an )?\w+ )", r"if there is no \1, "),
    (
        r"\b(?:is|are) (?:a )?(?:necessary|needed|required) (?:condition )?for (?=.*\bto\b)",
        "is needed for ",
    ),
    (r"^(.+?) is (?:a )?sufficient(?: condition)? for (.+)$", r"\1 implies \2"),
    (r"^(.+?) is (?:a )?necessary(?: condition)? for (.+)$", r"\2 implies \1"),
    (
        r"\b(?:leads to|results in|causes|triggers|brings about|forces|makes sure|ensures|"
        r"is enough for)\b(?: that)?",
        "implies",
    ),
    (r"\bif it (?:is|'s) raining\b", "if it rains"),
    (r"\bit (?:is|was) (not )?(rain|snow)ing\b", lambda m: f"the {m[2]} is {m[1] or ''}falling"),
    (r"\b(?:it|the rain) (?:did|does) not rain\b", "the rain is not falling"),
    (r"\bit (rain|snow)(?:s|ed)\b", r"the \1 is falling"),
)
