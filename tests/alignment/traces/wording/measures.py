"""Wording: measures.

Weights, prices and times have one form each. More of a thing is no weight.
"""

from __future__ import annotations

READ = [
    ("the crate weighs more than the box", "the crate is heavier than the box"),
    ("the hat costs less than the scarf", "the hat is cheaper than the scarf"),
    ("the crate weighs 2 kg more than the box", "the crate is 2 kg heavier than the box"),
    ("the walk takes longer than the ride", "the walk is longer than the ride"),
    ("the hat is priced at 3 euros", "the hat costs 3 euros"),
    ("the hat sells for 3 euros", "the hat costs 3 euros"),
    ("the tower is 30 m in height", "the tower is 30 m tall"),
    ("ann needs 3 hours to paint the wall", "the ann paint the wall lasts 3 hours"),
    ("a and b add up to 9", "the sum of a and b is 9"),
    ("it is 3 km to the harbour", "the harbour is 3 km away"),
    ("the talk goes on for 2 hours", "the talk lasts 2 hours"),
]
LEFT = [
    "the crate weighs more than 3 kg",
    "ann has more nuts than ben",
]
