"""Wording: clefts.

Words out of their place go where the rules look for them. Plain denials stay.
"""

from __future__ import annotations

READ = [
    ("it was ann who opened the safe", "ann opened the safe"),
    ("it was not ann who opened the safe", "it is not the case that ann opened the safe"),
    ("both of them, ann and ben, left", "ann and ben left"),
    ("the pump no longer works", "the pump does not works"),
    ("the bell only rings if the gate opens", "the bell rings only if the gate opens"),
    ("ben is not one of the pilots", "ben is not a pilot"),
    ("of the three, ann is old", "ann is old"),
    ("ann quickly opened the safe", "ann opened the safe"),
]
LEFT = [
    "it is true that the gate is open",
    "it is not the case that the gate is open",
    "first ann opened the safe",
]
