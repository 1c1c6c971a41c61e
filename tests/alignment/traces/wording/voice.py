"""Wording: voice.

Who did what to whom, from the side of who did it. A place or a time does nothing.
"""

from __future__ import annotations

READ = [
    ("the safe was opened by ann", "ann opened the safe"),
    ("the safe was not opened by ann", "ann did not opened the safe"),
    ("ben received the key from ann", "ann gave the key to ben"),
    ("ann is the wife of ben", "ann is married to ben"),
    ("ann and ben are neighbours", "ann is a neighbour of ben"),
    ("on the table is the cup", "the cup is on the table"),
    ("the cup can be found in the sink", "the cup is in the sink"),
    ("not open is the gate", "the gate is not open"),
]
LEFT = [
    "the safe was opened by noon",
    "the safe was opened",
    "ben got up",
]
