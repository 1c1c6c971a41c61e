"""Wording: quantities.

Quantifiers and bounds have one form each. What only looks like them stays.
"""

from __future__ import annotations

READ = [
    ("every single bird flies", "every bird flies"),
    ("not a single bird flies", "no bird flies"),
    ("everyone except ann left", "everyone but ann left"),
    ("nobody but ann left", "only ann left"),
    ("ann alone has the key", "only ann has the key"),
    ("a minimum of 4 nuts are left", "at least 4 nuts are left"),
    ("the rod is no longer than 3 m", "the rod is at most 3 m"),
    ("the load is 3 kg or more", "the load is at least 3 kg"),
    ("the load does not exceed the limit", "the load is at most the limit"),
    ("a pair of nuts are left", "2 nuts are left"),
    ("ann waits for half an hour", "ann waits for 30 minutes"),
    ("a dozen eggs are left", "12 eggs are left"),
]
LEFT = [
    "the lonely bird flies",
    "the rod is longer than the beam",
    "ann has half of the nuts",
]
