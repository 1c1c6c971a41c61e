"""Scripts for the Fetch arm of Gymnasium-Robotics: reach, push, pick and place.

Its observation holds gripper [0:3], object [3:6], their difference, the fingers and velocities;
an action moves the gripper by up to 5 cm a decision in x, y and z, and opens or closes the fingers
(in reach and push they stay closed whatever the action says).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from daneel.agents.experts.scripted import Controller, Scripted, no_expert
from daneel.agents.experts.tabletop import PickPlace, Push, Scene, Script, reach
from daneel.envs.suites.skill import Skill

_GAIN = 1.0 / 0.05  # the gripper's commands are in units of 5 cm
_SCRIPTS: dict[str, Callable[[], Script]] = {
    "FetchReach": lambda: reach,
    "FetchPush": lambda: Push(contact=0.045),
    "FetchPickAndPlace": lambda: PickPlace(closing=3),
}


def expert(skill: Skill) -> Scripted:
    """The script of a Fetch task.

    Raises:
        ConfigError: There is none for the environment.
    """
    task = skill.env.partition("-")[0].removesuffix("Dense")
    if task not in _SCRIPTS:
        raise no_expert(skill, "fetch", _SCRIPTS)
    return Scripted(lambda: _controller(_SCRIPTS[task]()))


def _controller(script: Script) -> Controller:
    def act(obs: dict[str, np.ndarray]) -> np.ndarray:
        command = script(Scene(obs["state"][:3], obs["achieved"], obs["goal"]))
        action = np.append(command.displacement * _GAIN, -1.0 if command.closed else 1.0)
        return np.clip(action, -1, 1)

    return act
