"""What would be: `were the valve open`, `had it failed`, `would have rung`."""

from __future__ import annotations

from daneel.alignment.traces.wording.vocabulary import Rewrites

SUPPOSITIONS: Rewrites = (
    (r"^were (.+?) (not )?(\w+), (.+)$", r"if \1 is \2\3, \4"),
    (r"^had (.+?) (\w+(?:ed|en|wn))( .*)?, (.+)$", r"if \1 \2\3, \4"),
    (
        r"^(if .+?) had (not )?(\w+)",
        lambda m: f"{m[1]} did not {m[3]}" if m[2] else f"{m[1]} {m[3]}",
    ),
    (r"^(if .+?) were (not )?(?=.*would)", r"\1 is \2"),
    (r"\bwould not have (?:been )?", "did not "),
    (r"\bwould have been\b", "was"),
    (r"\bwould have (?=\w+ed|\w+en|\w+wn)", ""),
    (r"\b(?:would|will) not be\b", "is not"),
    (r"\b(?:would (?:then )?|will )be\b", "is"),
    (r"\b(?:would|will) not\b", "does not"),
    (r"\b(?:would|will) (?=[a-z]+)(?!be\b|not\b)", ""),
)
