"""Wording: states.

States that have an opposite, in its words. What is done to a thing is no state of it.
"""

from __future__ import annotations

READ = [
    ("the pump is out of order", "the pump is broken"),
    ("the pump is functional", "the pump is working"),
    ("the fan has been switched off", "the fan is off"),
    ("the fan is powered", "the fan is on"),
    ("the gate is ajar", "the gate is open"),
    ("the tank is filled up", "the tank is full"),
    ("the cart is stationary", "the cart is not moving"),
    ("the test was a success", "the test passed"),
    ("the price dropped", "the price did not rise"),
    ("the price went up", "the price rose"),
]
LEFT = [
    "ann dropped the cup",
    "the cable is connected to the wall",
]
