"""Every skill resets, steps, obeys its clock and says whether it succeeded."""

import numpy as np
import pytest

from daneel import envs
from daneel.envs.suites import Instructed, Skill, decode_text
from daneel.envs.suites.suite import all_skills
from tests.envs.suites.natives import need_package
from tests.envs.suites.test_data import RULES

DECISIONS = 3


@pytest.mark.slow
@pytest.mark.parametrize("block", RULES)
def test_every_skill_of_the_block_runs(block: str) -> None:
    """About half a second each, most of it to read the robot's model."""
    skills = [skill for skill in all_skills().values() if skill.block == block]
    need_package(skills[0])
    assert {skill.name: ran(skill) for skill in skills} == dict.fromkeys(
        (skill.name for skill in skills), ""
    )


def ran(skill: Skill) -> str:
    """What went wrong in a short episode of `skill`; empty if nothing did."""
    repeat = skill.action_repeat
    config = envs.EnvConfig(skill.env, 1, repeat, DECISIONS, skill.kwargs)
    env = Instructed(envs.make_single(config), skill.instructions)
    env.action_space.seed(0)
    observation, _ = env.reset(seed=0)
    if not env.observation_space.contains(observation):
        return "the first observation is not in its space"
    if decode_text(observation["text"]) not in skill.instructions:
        return "the instruction is not one of the skill"
    for decision in range(1, DECISIONS + 1):
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        if not np.isfinite(reward) or not np.isfinite(observation["state"]).all():
            return f"decision {decision} gave a number that is not finite"
        if terminated or truncated != (decision == DECISIONS):
            return f"the episode ended wrongly at decision {decision}"
        if ("success" in info) != (skill.success.kind != "return"):
            return "success is signalled against the rule of the skill"
    env.close()
    return ""
