"""Names of the friction that MuJoCo's own lacks, and how a model file carries its numbers.

The law is in `joint_friction`; this much of it needs no MuJoCo.
"""

from __future__ import annotations

from collections.abc import Mapping

FIELDS: Mapping[str, float] = {"stribeck": 0.0, "stribeck_speed": 0.1, "load_friction": 0.0}
"""Targets of a joint with the values that change nothing: N m, rad/s, 1."""
PREFIX = "friction_"
"""Of the name of a joint's numbers in a model."""


def is_friction(target: str) -> bool:
    """Whether a target is one of these."""
    room, _, field = target.split("/")
    return room == "joint" and field in FIELDS


def written(values: Mapping[str, float]) -> str:
    """The numbers of all joints as a section of MJCF; empty where they change nothing."""
    joints = list(dict.fromkeys(t.split("/")[1] for t in values if is_friction(t)))
    lines = []
    for joint in joints:
        numbers = [values.get(f"joint/{joint}/{field}", plain) for field, plain in FIELDS.items()]
        if numbers[0] or numbers[2]:
            data = " ".join(f"{number:.9g}" for number in numbers)
            lines.append(f'    <numeric name="{PREFIX}{joint}" size="3" data="{data}"/>\n')
    return "  <custom>\n" + "".join(lines) + "  </custom>\n" if lines else ""
