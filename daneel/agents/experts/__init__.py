"""Experts: scripts that do a skill from its observations alone, for demonstrations and ceilings.

A module of experts offers `expert(skill) -> Scripted`. Third-party packages are imported at its
top, so that the registry can name the missing extra.
"""

from __future__ import annotations

from daneel.agents.experts.scripted import Controller, Scripted
from daneel.envs.suites.skill import Skill
from daneel.errors import ConfigError
from daneel.registry import Entry, Registry

_HERE = "daneel.agents.experts."

EXPERTS = Registry(
    "expert",
    Entry("meta_world", _HERE + "meta_world:expert", "the package's own 50 policies", "suites"),
    Entry("panda", _HERE + "panda:expert", "Panda arm: reach, push, pick and place, stack"),
    Entry("fetch", _HERE + "fetch:expert", "Fetch arm: reach, push, pick and place"),
    Entry("kitchen", _HERE + "kitchen:expert", "Franka arm in the kitchen: seven tasks"),
    Entry("mazes", _HERE + "mazes:expert", "the point mass, by shortest ways", "suites"),
    Entry("dm_control", _HERE + "dm_control:expert", "textbook control of small mechanisms"),
)


def expert_of(skill: Skill) -> Scripted:
    """The expert that `skill` names.

    Raises:
        ConfigError: It names none, or one that has no script for it.
        UnknownNameError: It names one that is not registered.
        MissingExtraError: The expert's package is not installed; the message names the extra.
    """
    if skill.expert is None:
        raise ConfigError(
            f"The skill {skill.name!r} has no expert. Expected a skill with one. "
            "Type `daneel list tasks` to see which have."
        )
    return EXPERTS.load(skill.expert)(skill)


__all__ = ["EXPERTS", "Controller", "Scripted", "expert_of"]
