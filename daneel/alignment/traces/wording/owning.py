"""Who has what, and so many of it."""

from __future__ import annotations

from daneel.alignment.traces.wording.vocabulary import Rewrites

ENDING: Rewrites = (
    (r"\b(?:ends|ended|end|winds|wound|finishes|finished) up (?:with|having) ", "has "),
    (r"^(?:that|this|which) leaves (.+?) with ", r"\1 has "),
    (r"\b(?:owns|possesses)\b", "has"),
    (r"\bown\b(?! \w+ (?:is|was))", "have"),
)
"""What is left to whom in the end."""
OWNING: Rewrites = (
    (r"\b(?:is|are) the owner of\b", "owns"),
    (r"\b(?:possess|(?:is|are) in possession of)\b", "has"),
    (r"\b(has|have) got\b", r"\1"),
)
"""Other words for having."""
COUNTED: Rewrites = (
    (r"\b(?:started|began|starts|begins) (?:out |off )?with (?=\w+ \w+)", "had "),
    (
        r"\b(?:received|got|scored|won|earned|obtained|collected|gained|gets|receives|scores|earns|"
        r"polled) (?=(?:\w+ ){1,3}(?:votes?|points?|goals?|marks?|medals?)\b)",
        "has ",
    ),
    (
        r"\b(?:bought|sold|made|read|wrote|ate|collected|caught|baked|picked|planted|solved|"
        r"received|got|scored|earned|owned|found) (\w+ (?:more|fewer) [\w ]+ than )",
        r"has \1",
    ),
)
"""How many of a kind were got, made or sold: so many are had."""
