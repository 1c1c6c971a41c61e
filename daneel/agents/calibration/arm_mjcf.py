"""A planar arm as MJCF, for MuJoCo and whatever reads its files.

Mass, centre of mass, inertia, damping, armature and Coulomb friction are carried over; what
rises at low speed or with the load stands below `custom`, for `joint_friction`. The smooth edge of
the Coulomb term is not in MJCF and is left out. Rotors count as armature, without their small
coupling to the link before.
"""

from __future__ import annotations

from collections.abc import Mapping

from daneel.agents.calibration.arm import PlanarArm
from daneel.agents.calibration.friction_targets import written

DEPTH = 0.2
"""Moments about the other two axes as a share of the planar one: the arm never turns about them."""


def arm_mjcf(arm: PlanarArm, values: Mapping[str, float]) -> str:
    """The MJCF text of an arm with these target values; zero is hanging down, or up if upright."""
    known = {**arm.defaults, **values}
    lines = [
        '<mujoco model="arm">',
        f'  <option timestep="0.002" gravity="0 0 {-known["option/world/gravity"]:.9g}"/>',
        '  <compiler angle="radian"/>',
        "  <worldbody>",
    ]
    for depth, joint in enumerate(arm.joints):
        lines += _link(arm, known, depth, joint)
    lines += ["  " * (len(arm.joints) - depth + 1) + "</body>" for depth in range(len(arm.joints))]
    lines += ["  </worldbody>", "  <actuator>"]
    lines += [f'    <motor name="{joint}" joint="{joint}"/>' for joint in arm.joints]
    return "\n".join([*lines, "  </actuator>", f"{written(known)}</mujoco>", ""])


def _link(arm: PlanarArm, known: Mapping[str, float], depth: int, joint: str) -> list[str]:
    pad = "  " * (depth + 2)
    down = 1.0 if arm.upright else -1.0
    body = {name: known[f"body/{joint}/{name}"] for name in ("mass", "com", "length", "inertia")}
    above = known[f"body/{arm.joints[depth - 1]}/length"] if depth else 0.0
    gear, rotor = known[f"joint/{joint}/gear"], known[f"joint/{joint}/rotor_inertia"]
    armature = known[f"joint/{joint}/armature"] + rotor * gear**2
    damping, dry = known[f"joint/{joint}/damping"], known[f"joint/{joint}/coulomb"]
    moment = max(body["inertia"], 1e-9)
    flat = f"{moment * (1 - DEPTH):.9g} {moment:.9g} {moment * DEPTH + 1e-9:.9g}"
    return [
        f'{pad}<body name="{joint}" pos="0 0 {down * above:.9g}">',
        f'{pad}  <inertial pos="0 0 {down * body["com"]:.9g}" mass="{body["mass"]:.9g}" '
        f'diaginertia="{flat}"/>',
        f'{pad}  <joint name="{joint}" axis="0 -1 0" damping="{damping:.9g}" '
        f'armature="{armature:.9g}" frictionloss="{dry:.9g}"/>',
        f'{pad}  <geom type="capsule" size="0.01" fromto="0 0 0 0 0 {down * body["length"]:.9g}" '
        'contype="0" conaffinity="0" mass="0"/>',
    ]
