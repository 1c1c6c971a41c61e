"""Wording: openers.

What surrounds a sentence goes. A sentence that begins alike stays.
"""

from __future__ import annotations

READ = [
    ("okay, so the gate is open", "the gate is open"),
    ("conclusion: the gate is open", "the gate is open"),
    ("i think that the gate is open", "the gate is open"),
    ("the note says that the gate is open", "the gate is open"),
    ("the gate is open, of course", "the gate is open"),
    ("the gate (made of oak) is open", "the gate is open"),
    ("fact 3: wait, clearly the gate is open again", "the gate is open"),
]
LEFT = [
    "right is left of the gate",
    "a result is open",
    "f(x + 1) is open",
]
