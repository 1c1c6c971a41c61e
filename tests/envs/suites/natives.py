"""The packages' own environments, for tests that compare our data with them."""

from typing import Any

import pytest

from daneel.envs.sources import load_source, source_name
from daneel.envs.suites import Skill

PACKAGES = {"Meta-World": "metaworld", "panda": "panda_gym", "robotics": "gymnasium_robotics"}


def need_package(skill: Skill) -> None:
    """Skip where the package of `skill` is not installed."""
    source = source_name(skill.env)
    if source in PACKAGES:
        pytest.importorskip(PACKAGES[source])


def native(skill: Skill, unwrapped: bool = True) -> Any:
    """The environment of `skill` as its source builds it, or what is inside all wrappers."""
    need_package(skill)
    source = load_source(source_name(skill.env))
    env = source.build(skill.env, None, False, dict(skill.kwargs))
    return env.unwrapped if unwrapped else env
