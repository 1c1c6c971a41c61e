"""What is written short, in full: `can't`, `it's`, `they'll`."""

from __future__ import annotations

from daneel.alignment.traces.wording.vocabulary import STATE, Rewrites

CONTRACTIONS: Rewrites = (
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"\bwon't\b", "will not"),
    (r"\bshan't\b", "shall not"),
    (r"n't\b", " not"),
    (
        r"\b(it|he|she|that|there|this|what|here|who|everything|everyone|nobody|nothing)'s\b",
        r"\1 is",
    ),
    (r"\b(\w+)'re\b", r"\1 are"),
    (r"\b(\w+)'ve\b", r"\1 have"),
    (r"\b(\w+)'ll\b", r"\1 will"),
    (r"\bi'm\b", "i am"),
    (r"\blet's\b", "let us"),
    (
        rf"\b(\w+)'s (?=(?:not|on|off|in|at|now|still|already|\w{{3,}}ing|{STATE})\b(?! \w+ (?:is|"
        rf"has|was)\b))",
        r"\1 is ",
    ),
)
