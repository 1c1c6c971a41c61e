"""Skill suites: tasks of third-party packages with instructions, success rules and splits.

`blocks/*.yaml` hold the skills of one package each, `*.yaml` beside this file the suites, which
name skills. To add a skill is to add about ten lines to a block; `docs/suites/adding.md` shows how.
"""

from daneel.envs.suites.scaffold import scaffold
from daneel.envs.suites.skill import Embodiment, Skill, SuccessRule
from daneel.envs.suites.suite import (
    Suite,
    all_skills,
    embodiments,
    find_skill,
    load_suite,
    suite_names,
)
from daneel.envs.suites.text import Instructed, decode_text, encode_text

__all__ = [
    "Embodiment",
    "Instructed",
    "Skill",
    "SuccessRule",
    "Suite",
    "all_skills",
    "decode_text",
    "embodiments",
    "encode_text",
    "find_skill",
    "load_suite",
    "scaffold",
    "suite_names",
]
