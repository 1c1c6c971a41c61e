"""Wording: conditions.

Conditions in other words, needs and the weather. A sentence without a condition stays.
"""

from __future__ import annotations

READ = [
    ("the bell rings so long as the gate is open", "the bell rings if the gate is open"),
    ("except if it rains, ann comes", "unless the rain is falling, ann comes"),
    ("without power, the pump stops", "if there is no power, the pump stops"),
    ("smoke triggers the alarm", "smoke implies the alarm"),
    ("it is not raining", "the rain is not falling"),
    ("it was snowing", "the snow is falling"),
    ("it snowed", "the snow is falling"),
    ("it did not rain", "the rain is not falling"),
    ("nobody can enter without a badge", "to enter you need a badge"),
    ("a key is needed to open the safe", "to open the safe you need a key"),
]
LEFT = [
    "the rain is falling",
    "ann comes if ben comes",
    "a train is late",
]
