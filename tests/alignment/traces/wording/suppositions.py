"""Wording: suppositions.

What would be is written as what is, under its condition. What is said of the past stays.
"""

from __future__ import annotations

READ = [
    ("were the valve open, the bell would ring", "if the valve is open, the bell ring"),
    ("had it failed, the bell would have rung", "if it failed, the bell have rung"),
    (
        "if the tank had not leaked, the floor would be dry",
        "if the tank did not leaked, the floor is dry",
    ),
    ("the pump would not be wet", "the pump is not wet"),
    ("the gate will be shut", "the gate is shut"),
    ("the gate will not close", "the gate does not close"),
]
LEFT = [
    "the gate was shut",
    "ann had a hat",
    "the valves were open",
]
