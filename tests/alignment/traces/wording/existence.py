"""Wording: existence.

What there is, seems and remains. Who remains somewhere is in no state.
"""

from __future__ import annotations

READ = [
    ("there's nobody in the hall", "nobody is in the hall"),
    ("nothing is in the box", "the box is empty"),
    ("there is nothing left in the box", "the box is empty"),
    ("the gate remained closed", "the gate is closed"),
    ("the gate is still open", "the gate is open"),
    ("the colour of the hat is red", "the hat is red"),
    ("ann is not the winner", "ann did not win"),
    ("the winner is ann", "ann won"),
    ("the key is with no-one", "the key is with nobody"),
    ("the whale is no fish", "the whale is not a fish"),
]
LEFT = [
    "the gate remained with ann",
    "ann stays in the hall",
    "the winner is not ann",
    "the hat is red",
]
