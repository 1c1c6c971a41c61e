"""Meta-World's own scripted policies, one for each of its 50 tasks.

They read the 39 numbers that the environment observes (hand, gripper, objects, the same one step
before, goal) and aim at waypoints. Their actions leave [-1, 1] here and there; the environment
would clip them, and so do we, so that demonstrations hold actions of the declared space.

Source: `metaworld.policies`, Farama Foundation, metaworld 3.1.1.
"""

from __future__ import annotations

import warnings

import numpy as np
from metaworld.policies import ENV_POLICY_MAP

from daneel.agents.experts.scripted import Controller, Scripted, no_expert
from daneel.envs.suites.skill import Skill

_PREFIX = "Meta-World/"


def expert(skill: Skill) -> Scripted:
    """The policy of a Meta-World task.

    Raises:
        ConfigError: The environment is not one of the 50.
    """
    task = skill.env.removeprefix(_PREFIX)
    if not skill.env.startswith(_PREFIX) or task not in ENV_POLICY_MAP:
        raise no_expert(skill, "meta_world", [_PREFIX + known for known in ENV_POLICY_MAP])
    return Scripted(lambda: _controller(task))


def _controller(task: str) -> Controller:
    policy = ENV_POLICY_MAP[task]()

    def act(obs: dict[str, np.ndarray]) -> np.ndarray:
        with warnings.catch_warnings():  # "Environments clip response to [-1, 1]": known
            warnings.simplefilter("ignore")
            action = policy.get_action(obs["state"])
        return np.clip(action, -1.0, 1.0)

    return act
