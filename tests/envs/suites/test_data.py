"""The suites as they ship: counts, splits, instructions, success rules, ids and horizons."""

import re
from collections import Counter
from dataclasses import replace

import gymnasium as gym
import pytest

from daneel import envs
from daneel.agents.experts import EXPERTS, expert_of
from daneel.envs.sources import load_source, source_name
from daneel.envs.suites import encode_text, load_suite, suite_names
from daneel.envs.suites.suite import all_skills, embodiments
from daneel.errors import ConfigError
from tests.envs.suites.natives import need_package

SKILLS = list(all_skills().values())
SIZES = {  # skills, of which held out
    "dmc20": (20, 0),
    "metaworld50": (50, 0),
    "ml45": (50, 5),
    "panda": (12, 7),
    "quick10": (10, 0),
    "skills100": (100, 20),
}
BLOCKS = {
    "meta_world": 50,
    "panda": 12,
    "fetch": 4,
    "adroit": 4,
    "kitchen": 7,
    "shadow_hand": 4,
    "mazes": 5,
    "dm_control": 14,
}
RULES = {
    "meta_world": "reached",
    "panda": "held",
    "fetch": "held",
    "adroit": "reached",
    "kitchen": "reached",
    "shadow_hand": "held",
    "mazes": "reached",
    "dm_control": "return",
}


def words(sentence: str) -> str:
    """`sentence` without what does not tell two instructions apart."""
    return " ".join(re.findall(r"[a-z0-9]+", sentence.lower()))


def test_every_suite_loads_with_the_sizes_it_promises() -> None:
    """A suite that is added is added here too."""
    sizes = {
        name: (len(load_suite(name).skills), len(load_suite(name).held_out))
        for name in suite_names()
    }
    assert sizes == SIZES


def test_the_hundred_skills_come_from_eight_blocks() -> None:
    """Counts by block are those of the page."""
    suite = load_suite("skills100")
    assert Counter(skill.block for skill in suite.skills) == BLOCKS
    assert len(suite.train()) == 80


def test_the_hundred_skills_are_a_hundred_different_tasks() -> None:
    """Another name for the same environment would count one task twice."""
    tasks = {(skill.env, str(skill.kwargs)) for skill in SKILLS}
    assert len(tasks) == len(SKILLS)


def test_held_out_skills_are_the_same_in_every_suite() -> None:
    """What is held out in one suite is not taught by another of the splits."""
    held_out = load_suite("skills100").held_out
    for name in ("ml45", "panda"):
        suite = load_suite(name)
        assert suite.held_out == {skill.name for skill in suite.skills} & held_out


def test_ml45_is_the_split_of_the_package() -> None:
    """Names of our skills are those of the package without the version."""
    metaworld = pytest.importorskip("metaworld.env_dict")
    suite = load_suite("ml45")
    train = {skill.env.removeprefix("Meta-World/") for skill in suite.train()}
    assert train == set(metaworld.ML45_V3["train"])
    assert {f"{name}-v3" for name in suite.held_out} == set(metaworld.ML45_V3["test"])


def test_no_two_skills_are_asked_for_in_the_same_words() -> None:
    """An instruction belongs to one skill; otherwise no policy could follow it."""
    said = [words(text) for skill in SKILLS for text in skill.instructions]
    twice = [text for text, count in Counter(said).items() if count > 1]
    assert not twice


def test_instructions_fit_and_there_are_three_of_each() -> None:
    """They fit the observation, and are written alike: no capital first, no full stop."""
    for skill in SKILLS:
        assert len(skill.instructions) >= 3, skill.name
        for text in skill.instructions:
            encode_text(text)
            assert text[0].islower() and text[-1] not in ".!", text


@pytest.mark.parametrize("block", RULES)
def test_success_rules_are_those_of_the_block(block: str) -> None:
    """One rule a package, and where it comes from."""
    for skill in SKILLS:
        if skill.block == block:
            assert skill.success.kind == RULES[block], skill.name
            assert skill.success.source, skill.name


def test_success_in_the_control_suite_is_four_fifths_of_the_published_return() -> None:
    """The number is the one that the source names; a return cannot exceed 1000."""
    for skill in SKILLS:
        if skill.success.kind == "return":
            source = skill.success.source
            found = re.match(r"0\.8 x ([\d.]+), TD-MPC2 at 1M \([\w-]+\.csv\)", source)
            assert found, source
            published = float(found.group(1))
            assert skill.success.at_least == pytest.approx(0.8 * published, abs=0.051)
            assert 0 < published <= 1000


def test_success_signals_are_those_of_the_sources() -> None:
    """`held` goes with "is_success", `reached` with "success", a return with neither."""
    signals = {"held": "is_success", "reached": "success", "return": None}
    for skill in SKILLS:
        need_package(skill)
        assert envs.success_signal(skill.config()) == signals[skill.success.kind], skill.name


def test_every_block_has_a_rule() -> None:
    """A block that is added is added to the tests too."""
    assert {skill.block for skill in SKILLS} == set(RULES)


def test_every_environment_is_known() -> None:
    """To the list that the command line shows."""
    for source in {source_name(skill.env) for skill in SKILLS}:
        needed = [skill for skill in SKILLS if source_name(skill.env) == source]
        need_package(needed[0])
        assert {skill.env for skill in needed} <= set(envs.list_ids(source))


def test_horizons_are_those_of_the_registrations() -> None:
    """Where there is one: Meta-World and dm_control have their own clocks."""
    checked = 0
    for skill in SKILLS:
        need_package(skill)
        load_source(source_name(skill.env))
        limit = gym.registry[skill.env].max_episode_steps if skill.env in gym.registry else None
        if limit is not None:
            assert skill.horizon == limit, skill.name
            checked += 1
    assert checked == 12 + 4 + 4 + 7 + 4 + 5


def test_every_embodiment_is_used_and_known() -> None:
    """A robot that no skill has would never be compared with a simulator."""
    assert {skill.embodiment for skill in SKILLS} == set(embodiments())


def test_skills_with_an_expert_say_whose_it_is() -> None:
    """And those without say so as well."""
    for skill in SKILLS:
        assert (skill.expert is None) == (skill.expert_source == "none"), skill.name


def test_experts_are_named_exactly_where_there_is_a_script() -> None:
    """Otherwise the table would promise demonstrations, or keep them back."""
    for skill in SKILLS:
        need_package(skill)
        if skill.expert is not None:
            expert_of(skill)
        elif skill.block in EXPERTS.names():
            with pytest.raises(ConfigError, match="no script"):
                expert_of(replace(skill, expert=skill.block))


def test_a_skill_keeps_its_horizon_at_any_decision_rate() -> None:
    """Environment steps are what is compared; the last decision may be cut short."""
    walker = all_skills()["walker-walk"]
    assert walker.config().action_repeat == 2
    assert walker.config().max_episode_steps == 500
    assert walker.config(action_repeat=1).max_episode_steps == 1000
    assert walker.config(action_repeat=3).max_episode_steps == 334
