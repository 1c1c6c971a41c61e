"""URDF of a calibrated model: MuJoCo reads it back with the same dynamics."""

from __future__ import annotations

from typing import Any

import mujoco as _mujoco
import numpy as np
import pytest

from daneel.agents.calibration.arm import PlanarArm
from daneel.agents.calibration.arm_mjcf import arm_mjcf
from daneel.agents.calibration.mujoco_source import compiled
from daneel.agents.calibration.problem import CalibrationError
from daneel.agents.calibration.urdf import urdf

mujoco: Any = _mujoco

MIXED = """<mujoco><compiler angle="radian"/><worldbody><body name="base" pos="0.1 0.2 1"
quat="0.8 0.2 0.5 0.1"><geom type="box" size="0.1 0.2 0.3" mass="2"/>
<body name="upper" pos="0 0 -0.1" euler="0.3 -0.5 1"><joint name="shoulder" axis="0.6 0 0.8"
pos="0.02 -0.03 0.05" ref="0.4" damping="0.2" frictionloss="0.05" range="-1 2" limited="true"/>
<inertial pos="0.1 0 -0.2" mass="1.5" fullinertia="0.05 0.04 0.03 0.01 0.002 -0.003"/>
<geom type="capsule" size="0.03 0.1" mass="0"/>
<body name="slider" pos="0 0.1 -0.3"><joint name="rail" type="slide" axis="0 1 0" ref="0.1"/>
<inertial pos="0 0 0" mass="0.7" diaginertia="0.01 0.02 0.015"/>
<geom type="sphere" size="0.05" pos="0 0 0.1"/>
<body name="tip" pos="0 0 -0.2"><geom type="cylinder" size="0.02 0.05" mass="0.3"/></body>
</body></body></body></worldbody></mujoco>"""


def _bias_and_mass(model: Any, q: np.ndarray, dq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = q, dq
    mujoco.mj_forward(model, data)
    full = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, full, data.qM)
    return np.array(data.qfrc_bias - data.qfrc_passive), full


@pytest.mark.parametrize("arm", [False, True])
def test_mujoco_finds_the_same_dynamics_in_the_urdf(arm: bool) -> None:
    """Masses, moments, axes, anchors, references, damping: all in mass matrix and forces."""
    links = PlanarArm(("a", "b", "c"), {"joint/b/damping": 0.3, "body/c/com": 0.2})
    model = compiled(arm_mjcf(links, {}) if arm else MIXED)
    again = mujoco.MjModel.from_xml_string(urdf(model))
    assert again.nv == model.nv
    generator = np.random.default_rng(0)
    for _ in range(5):
        q, dq = generator.normal(size=(2, model.nq)) * 0.7
        bias, mass = _bias_and_mass(model, q, dq)
        bias_again, mass_again = _bias_and_mass(again, q, dq)
        assert mass_again == pytest.approx(mass, rel=1e-5, abs=1e-6)
        assert bias_again == pytest.approx(bias, rel=1e-5, abs=1e-5)
    assert again.dof_damping == pytest.approx(model.dof_damping)
    assert again.dof_frictionloss == pytest.approx(model.dof_frictionloss)
    if not arm:
        assert again.joint("shoulder").range == pytest.approx([-1, 2])


def test_what_urdf_cannot_hold_is_written_in_it() -> None:
    """Armatures stand in a comment; a body with two joints is refused."""
    text = urdf(compiled(arm_mjcf(PlanarArm(("a",), {"joint/a/armature": 0.02}), {})))
    assert "not in URDF: armature 0.02 of a" in text
    rise = {"joint/a/stribeck": 0.3, "joint/a/stribeck_speed": 0.1, "joint/a/load_friction": 0.0}
    text = urdf(compiled(arm_mjcf(PlanarArm(("a",)), rise)), values=rise)
    assert "not in URDF: stribeck 0.3 of a " in text
    two = '<joint name="x" type="slide"/><joint name="y" type="slide" axis="0 1 0"/>'
    body = f'<body name="cart">{two}<geom size="0.1"/></body>'
    with pytest.raises(CalibrationError, match=r"'cart' has 2 joints.*model.xml"):
        urdf(compiled(f"<mujoco><worldbody>{body}</worldbody></mujoco>"))
