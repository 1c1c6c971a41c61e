"""Wording: first person.

Whoever says I is the robot. Others who do the same are not.
"""

from __future__ import annotations

READ = [
    ("i am in the kitchen", "the robot is in the kitchen"),
    ("we carry the box to the hall", "the robot carries the box to the hall"),
    ("i push the cart", "the robot pushes the cart"),
    ("my gripper is holding nothing", "the robot is empty"),
    ("i have the key", "the robot has the key"),
]
LEFT = [
    "you are in the hall",
    "ivy is in the kitchen",
    "the men push the cart",
]
