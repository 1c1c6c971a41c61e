"""Controllers: what an agent does in the tasks of the twins, up to a few gains.

A law knows the task, not the machine: which gains are good depends on mass, friction, strength and
delay, and is found by search in a simulator (`daneel.agents.calibration.tuning`).
"""

from daneel.agents.calibration.controllers.controller import Controller, Moment
from daneel.registry import Entry, Registry

_HERE = "daneel.agents.calibration.controllers."

CONTROLLERS = Registry(
    "controller",
    Entry("Reach", _HERE + "reach:CONTROLLER", "servos to the angles of a point"),
    Entry("Push", _HERE + "push:CONTROLLER", "pushes from behind"),
    Entry("Slide", _HERE + "slide:CONTROLLER", "strikes at a speed"),
    Entry("Lift", _HERE + "lift:CONTROLLER", "above, down, close, carry"),
    Entry("Drawer", _HERE + "drawer:CONTROLLER", "pulls against friction"),
    Entry("Door", _HERE + "door:CONTROLLER", "pushes against a closer"),
    Entry("SwingUp", _HERE + "swing_up:CONTROLLER", "pumps energy, then catches"),
    Entry("Balance", _HERE + "balance:CONTROLLER", "a linear law"),
    Entry("Hop", _HERE + "hop:CONTROLLER", "Raibert's three laws"),
)
"""The `Controller` of each twin task, by the task's name."""

__all__ = ["CONTROLLERS", "Controller", "Moment"]
