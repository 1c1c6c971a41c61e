"""The tasks, by name."""

from daneel.envs.twins.task import Task
from daneel.registry import Entry, Registry

_HERE = "daneel.envs.twins.tasks."

TASKS = Registry(
    "twin task",
    Entry("Reach", _HERE + "reach:TASK", "an arm holds its tip at a point"),
    Entry("Push", _HERE + "push:TASK", "a finger pushes a puck to a point"),
    Entry("Slide", _HERE + "slide:TASK", "a pusher strikes a puck that stops at a mark"),
    Entry("Lift", _HERE + "lift:TASK", "a gripper picks a box and holds it at a point"),
    Entry("Drawer", _HERE + "drawer:TASK", "a hook opens a drawer as far as asked"),
    Entry("Door", _HERE + "door:TASK", "a finger pushes a door open to an angle"),
    Entry("SwingUp", _HERE + "swing_up:TASK", "a pendulum is swung up and kept upright"),
    Entry("Balance", _HERE + "balance:TASK", "a pole on a cart stays upright in the middle"),
    Entry("Hop", _HERE + "hop:TASK", "a body on one leg hops to a mark"),
)
"""Each entry is a `Task`."""


def load_task(name: str) -> Task:
    """The task called `name`.

    Raises:
        UnknownNameError: There is none; the nearest are named.
    """
    return TASKS.load(name)


__all__ = ["TASKS", "load_task"]
