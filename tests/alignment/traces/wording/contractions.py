"""Wording: contractions.

What is written short is written in full. A possessive stays.
"""

from __future__ import annotations

READ = [
    ("the lamp can't ring", "the lamp can not ring"),
    ("it's not broken", "it is not broken"),
    ("the door's open", "the door is open"),
    ("they're late", "they are late"),
    ("the bell won't ring", "the bell does not ring"),
]
LEFT = [
    "ann's hat is red",
    "the captain's log is wet",
    "the cant of the roof is steep",
]
