"""Wording: owning.

Who has what, in one form. Doing something else with it is not having it.
"""

from __future__ import annotations

READ = [
    ("ann owns the cart", "ann has the cart"),
    ("ann is in possession of a cart", "ann has a cart"),
    ("ann has got a cart", "ann has a cart"),
    ("ann ended up with 3 nuts", "ann has 3 nuts"),
    ("ann started with 3 nuts", "ann had 3 nuts"),
    ("ann scored 3 points", "ann has 3 points"),
    ("ann baked 2 more pies than ben", "ann has 2 more pies than ben"),
    ("ann and ben own a cart", "ann and ben have a cart"),
]
LEFT = [
    "ann baked 2 pies",
    "ann got a cart",
]
