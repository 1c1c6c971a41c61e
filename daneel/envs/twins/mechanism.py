"""A mechanism described once, and written for both engines: MJCF for MuJoCo, URDF for PyBullet.

Every link has exactly one joint. A joint without force is passive. Only the pairs of links that
are listed touch each other. Axes are right-handed, z is up; lengths in metres, masses in
kilograms, angles in radians.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

WORLD = "world"
"""Name of what does not move, as the parent of a link and as one side of a contact."""
_FREE = 100.0
"""Metres or radians either way: further than any episode goes."""

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Shape:
    """What can be touched."""

    kind: Literal["box", "sphere", "cylinder"]
    """A cylinder stands along z."""
    size: tuple[float, ...]
    """Half sizes of a box; radius; radius and half height."""
    at: Vector = (0.0, 0.0, 0.0)
    """Centre, in the frame of the link."""


@dataclass(frozen=True)
class Link:
    """A rigid body and the joint by which it hangs on its parent."""

    name: str
    """Also the name of the joint."""
    joint: Literal["hinge", "slide"]
    """Turns about the axis, or moves along it."""
    axis: Vector
    """In the frame of the link; of length 1."""
    mass: float
    """Kilograms."""
    parent: str = WORLD
    """The link it hangs on."""
    at: Vector = (0.0, 0.0, 0.0)
    """Where its frame, and the joint in it, lies in the frame of the parent at position 0."""
    com: Vector = (0.0, 0.0, 0.0)
    """Centre of mass."""
    inertia: Vector = (1e-3, 1e-3, 1e-3)
    """About the centre of mass along the axes, kg m^2."""
    limits: tuple[float, float] | None = None
    """Least and greatest position."""
    damping: float = 0.0
    """N s / m, or N m s / rad."""
    friction: float = 0.0
    """Coulomb's, whatever the load: N, or N m."""
    stiffness: float = 0.0
    """Of a spring: N / m, or N m / rad."""
    rest: float = 0.0
    """Position in which the spring is at rest."""
    force: float = 0.0
    """Greatest force of its actuator; 0 has none."""
    shapes: tuple[Shape, ...] = ()
    """What of it can be touched."""


@dataclass(frozen=True)
class Contact:
    """Two links that can touch."""

    one: str
    """Link, or the world."""
    other: str
    """Another link."""
    friction: float
    """Coefficient of sliding friction."""


@dataclass(frozen=True)
class Mechanism:
    """Links, parents before children, and what they can touch."""

    links: tuple[Link, ...]
    """The order of the joints in every array."""
    contacts: tuple[Contact, ...] = ()
    """All others pass through each other."""
    ground: tuple[Shape, ...] = ()
    """Shapes of the world."""
    step: float = 0.004
    """Seconds of one step of the simulators."""
    gravity: float = 9.81
    """Downwards, m / s^2."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of each joint."""
        return tuple(link.name for link in self.links)

    @cached_property
    def actuated(self) -> tuple[int, ...]:
        """Which joints have an actuator, in the order of the actions."""
        return tuple(at for at, link in enumerate(self.links) if link.force > 0)

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """Links that hang on the world; each begins a tree of its own."""
        return tuple(link.name for link in self.links if link.parent == WORLD)

    def tree(self, root: str) -> tuple[Link, ...]:
        """The links that hang on `root`, itself first, in their order."""
        members = [root]
        for link in self.links:
            if link.parent in members:
                members.append(link.name)
        return tuple(link for link in self.links if link.name in members)


def to_mjcf(mechanism: Mechanism) -> str:
    """The whole mechanism as one MJCF model."""
    model = ET.Element("mujoco", model="twin")
    ET.SubElement(
        model, "option", timestep=_text([mechanism.step]), gravity=f"0 0 {-mechanism.gravity}"
    )
    ET.SubElement(model, "compiler", angle="radian", autolimits="true")
    bodies = {WORLD: ET.SubElement(model, "worldbody")}
    _add_geoms(bodies[WORLD], WORLD, mechanism.ground)
    for link in mechanism.links:
        bodies[link.name] = _mjcf_body(bodies[link.parent], link)
    shapes = {link.name: link.shapes for link in mechanism.links} | {WORLD: mechanism.ground}
    pairs = ET.SubElement(model, "contact")
    for contact in mechanism.contacts:
        for i in range(len(shapes[contact.one])):
            for j in range(len(shapes[contact.other])):
                _mjcf_pair(pairs, f"{contact.one}{i}", f"{contact.other}{j}", contact, mechanism)
    actuators = ET.SubElement(model, "actuator")
    for at in mechanism.actuated:
        link = mechanism.links[at]
        ET.SubElement(actuators, "motor", joint=link.name, gear=_text([link.force]))
    return ET.tostring(model, encoding="unicode")


def _mjcf_body(parent: ET.Element, link: Link) -> ET.Element:
    body = ET.SubElement(parent, "body", name=link.name, pos=_text(link.at))
    ET.SubElement(
        body,
        "inertial",
        pos=_text(link.com),
        mass=_text([link.mass]),
        diaginertia=_text(link.inertia),
    )
    joint = ET.SubElement(
        body,
        "joint",
        name=link.name,
        type=link.joint,
        axis=_text(link.axis),
        damping=_text([link.damping]),
        frictionloss=_text([link.friction]),
        stiffness=_text([link.stiffness]),
        springref=_text([link.rest]),
    )
    if link.limits is not None:
        joint.set("range", _text(link.limits))
    _add_geoms(body, link.name, link.shapes)
    return body


def _add_geoms(body: ET.Element, name: str, shapes: Sequence[Shape]) -> None:
    for number, shape in enumerate(shapes):
        ET.SubElement(
            body,
            "geom",
            name=f"{name}{number}",
            type=shape.kind,
            size=_text(shape.size),
            pos=_text(shape.at),
            mass="0",
            contype="0",
            conaffinity="0",
        )


def _mjcf_pair(
    pairs: ET.Element, one: str, other: str, contact: Contact, mechanism: Mechanism
) -> None:
    sliding = _text([contact.friction] * 2)
    ET.SubElement(
        pairs,
        "pair",
        geom1=one,
        geom2=other,
        condim="3",
        friction=f"{sliding} 0.005 0.0001 0.0001",
        solref=f"{2 * mechanism.step} 1",  # as stiff as the step allows, without bouncing
    )


def to_urdf(mechanism: Mechanism, root: str) -> str:
    """The tree that begins at `root` as a URDF robot whose base is fixed in the world."""
    robot = ET.Element("robot", name=root)
    _still(ET.SubElement(robot, "link", name="base"))
    for link in mechanism.tree(root):
        _urdf_link(robot, link)
    return ET.tostring(robot, encoding="unicode")


def _urdf_link(robot: ET.Element, link: Link) -> None:
    body = ET.SubElement(robot, "link", name=link.name)
    inertial = ET.SubElement(body, "inertial")
    ET.SubElement(inertial, "origin", xyz=_text(link.com))
    ET.SubElement(inertial, "mass", value=_text([link.mass]))
    moments = zip(("ixx", "iyy", "izz"), map(_one, link.inertia), strict=True)
    ET.SubElement(inertial, "inertia", dict(moments), ixy="0", ixz="0", iyz="0")
    _add_collisions(body, link.shapes)
    free = link.limits is None and link.joint == "hinge"
    kind = "continuous" if free else {"hinge": "revolute", "slide": "prismatic"}[link.joint]
    joint = ET.SubElement(robot, "joint", name=link.name, type=kind)
    ET.SubElement(joint, "parent", link="base" if link.parent == WORLD else link.parent)
    ET.SubElement(joint, "child", link=link.name)
    ET.SubElement(joint, "origin", xyz=_text(link.at))
    ET.SubElement(joint, "axis", xyz=_text(link.axis))
    low, high = link.limits or (-_FREE, _FREE)
    ET.SubElement(joint, "limit", lower=_one(low), upper=_one(high), effort="1e4", velocity="1e3")
    ET.SubElement(joint, "dynamics", damping=_one(link.damping), friction="0")


def to_ground_urdf(mechanism: Mechanism) -> str | None:
    """What does not move as a URDF robot of one link, or None where there is nothing."""
    if not mechanism.ground:
        return None
    robot = ET.Element("robot", name=WORLD)
    world = ET.SubElement(robot, "link", name=WORLD)
    _still(world)
    _add_collisions(world, mechanism.ground)
    return ET.tostring(robot, encoding="unicode")


def _still(body: ET.Element) -> None:
    """A mass of 0: PyBullet warns of links without any."""
    inertial = ET.SubElement(body, "inertial")
    ET.SubElement(inertial, "mass", value="0")
    ET.SubElement(inertial, "inertia", ixx="0", iyy="0", izz="0", ixy="0", ixz="0", iyz="0")


def _add_collisions(body: ET.Element, shapes: Sequence[Shape]) -> None:
    for shape in shapes:
        collision = ET.SubElement(body, "collision")
        ET.SubElement(collision, "origin", xyz=_text(shape.at))
        geometry = ET.SubElement(collision, "geometry")
        if shape.kind == "box":
            ET.SubElement(geometry, "box", size=_text([2 * half for half in shape.size]))
        elif shape.kind == "sphere":
            ET.SubElement(geometry, "sphere", radius=_one(shape.size[0]))
        else:
            radius, half = shape.size
            ET.SubElement(geometry, "cylinder", radius=_one(radius), length=_one(2 * half))


def _one(value: float) -> str:
    return repr(float(value))


def _text(values: Sequence[float]) -> str:
    return " ".join(map(_one, values))
