"""Scripts for the Franka Panda arm of panda-gym: reach, push, pick and place, stack.

The state observed is hand position [0:3] and velocity, in tasks with fingers their width, then
position, rotation and velocities of each object. Plain ids move the hand by up to 5 cm a decision
in x, y, z; ids with "Joints" move the seven joints by up to 0.05 rad, and do not observe them: the
controller follows them from the pose in which every episode begins (see `panda_arm`).

Flip has no script: its goals are arbitrary rotations of a cube, which a hand that cannot turn does
not reach, and a hand that can would have to regrasp for within 50 decisions. Slide has none either:
the puck leaves a blunt finger along the finger's side, not towards the goal; a push as in `Push`
succeeded in a third of 12 episodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from daneel.agents.experts.panda_arm import JointTracker, forward, joint_step
from daneel.agents.experts.scripted import Controller, Scripted, no_expert
from daneel.agents.experts.tabletop import Command, PickPlace, Push, Scene, Script, reach
from daneel.envs.suites.skill import Skill

_HAND_UNIT = 0.05  # m at action 1
_JOINT_UNIT = 0.05  # rad at action 1
_BRAKE = 0.02  # s of the hand's motion to allow for: it does not stop at once
_START = np.array([0.0, 0.41, 0.0, -1.85, 0.0, 2.26, 0.79])
_BASE = np.array([-0.6, 0.0, 0.0])
_FOLLOWS = 1 - 0.9**20  # PyBullet closes a tenth of the gap in each of the decision's 20 steps


_FIRST, _SECOND = slice(0, 3), slice(3, 6)  # of things and goals in the task with two cubes


@dataclass
class Stack:
    """The first cube to its goal, then the second above it; goals and things are [6].

    Where the second lies in the way, it is put aside first.
    """

    tolerance: float = 0.025
    lift: float = 0.06
    _jobs: list[tuple[slice, np.ndarray]] = field(default_factory=list)
    _carry: PickPlace | None = None
    _left: int = 0

    def __call__(self, scene: Scene) -> Command:
        """The next command."""
        if self._carry is None:
            self._jobs = self._jobs or self._plan(scene)
            self._carry, self._left = PickPlace(closing=4, lift=self.lift, pace=0.035), 0
        cube, goal = self._jobs[0]
        near = np.linalg.norm(scene.thing[cube] - goal) < self.tolerance
        if self._left == 0 and not (near and len(self._jobs) > 1):
            return self._carry(Scene(scene.hand, scene.thing[cube], goal))
        return self._let_go()

    def _plan(self, scene: Scene) -> list[tuple[slice, np.ndarray]]:
        """Which cube goes where, in order."""
        goals = [(_FIRST, scene.goal[_FIRST]), (_SECOND, scene.goal[_SECOND])]
        way = (scene.thing[_SECOND] - scene.goal[_FIRST]) * [1, 1, 0]
        distance = float(np.linalg.norm(way))
        if distance > 0.07:
            return goals
        return [(_SECOND, scene.goal[_FIRST] + 0.12 * way / max(distance, 1e-6)), *goals]

    def _let_go(self) -> Command:
        """Open, and rise past the cube."""
        self._left += 1
        if self._left == 4:
            self._jobs, self._carry = self._jobs[1:], None
        return Command(np.array([0.0, 0.0, 0.05 * (self._left > 1)]), closed=False)


_SCRIPTS: dict[str, Callable[[], Script]] = {
    "PandaReach": lambda: reach,
    "PandaPush": lambda: Push(contact=0.035, stride=0.03),
    "PandaPickAndPlace": lambda: PickPlace(closing=3),
    "PandaStack": Stack,
}
_FINGERS = ("PandaPickAndPlace", "PandaStack")


def expert(skill: Skill) -> Scripted:
    """The script of a panda-gym task.

    Raises:
        ConfigError: There is none for the environment.
    """
    name = skill.env.partition("-")[0].removesuffix("Dense")
    task = name.removesuffix("Joints")
    if task not in _SCRIPTS:
        raise no_expert(skill, "panda", _SCRIPTS)
    control = _joint_control if name.endswith("Joints") else _hand_control
    return Scripted(lambda: control(_SCRIPTS[task](), task in _FINGERS))


def _hand_control(script: Script, fingers: bool) -> Controller:
    def act(obs: dict[str, np.ndarray]) -> np.ndarray:
        command = _ask(script, obs)
        braked = command.displacement - _BRAKE * obs["state"][3:6]
        return _action(braked / _HAND_UNIT, command, fingers)

    return act


def _joint_control(script: Script, fingers: bool) -> Controller:
    tracker = JointTracker(_START, _FOLLOWS)
    _, upright, _ = forward(_START)

    def act(obs: dict[str, np.ndarray]) -> np.ndarray:
        tracker.seen(obs["state"][:3] - _BASE)
        command = _ask(script, obs)
        length = max(float(np.linalg.norm(command.displacement)), 1e-9)
        step = command.displacement * min(1.0, 0.06 / length)
        asked = joint_step(tracker.angles, step, upright) / _FOLLOWS
        asked *= min(1.0, _JOINT_UNIT / np.abs(asked).max())  # slower, but straight
        tracker.moved(asked)
        return _action(asked / _JOINT_UNIT, command, fingers)

    return act


def _ask(script: Script, obs: dict[str, np.ndarray]) -> Command:
    return script(Scene(obs["state"][:3].astype(float), obs["achieved"], obs["goal"]))


def _action(motion: np.ndarray, command: Command, fingers: bool) -> np.ndarray:
    grip = [-1.0 if command.closed else 1.0] if fingers else []
    return np.clip(np.concatenate([motion, grip]), -1, 1)
