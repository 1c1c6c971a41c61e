"""Suites outside the package: a file of one's own, and the scaffold to begin one."""

from pathlib import Path

import pytest

from daneel.envs.suites import find_skill, load_suite, scaffold
from daneel.errors import ConfigError, UnknownNameError

OWN = """
summary: two tasks of mine, one that ships
train: [pendulum-up, panda-reach]
held_out: [pendulum-heavy]
defaults:
  env: Pendulum-v1
  horizon: 200
  embodiment: pendulum
  success: {kind: return, at_least: -200, source: mine}
  instructions: [swing the rod up, bring the pendulum to its highest point]
skills:
  pendulum-up: {}
  pendulum-heavy: {kwargs: {g: 15.0}}
embodiments:
  pendulum: {actions: [torque], units: [2 N m]}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A suite's file outside the package."""
    path = tmp_path / "mine.yaml"
    path.write_text(OWN)
    return path


def test_a_file_of_ones_own_is_a_suite(own: Path) -> None:
    """Its skills and those that ship stand side by side, its own belong to no other suite."""
    suite = load_suite(str(own))
    assert suite.name == "mine"
    assert [skill.name for skill in suite.skills] == [
        "pendulum-up",
        "panda-reach",
        "pendulum-heavy",
    ]
    assert suite.held_out == {"pendulum-heavy"}
    assert suite.skills[0].block == "mine"
    assert suite.skills[1] == find_skill("panda-reach")
    assert suite.skills[2].config().kwargs == {"g": 15.0}
    with pytest.raises(UnknownNameError, match="pendulum-up"):
        find_skill("pendulum-up")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pendulum-up: {}", "panda-push: {}", r"'panda-push'\] exist already"),
        ("actions: [torque]", "actions: [a, b]", "mine.yaml, pendulum: units"),
        ("embodiment: pendulum", "embodiment: pendulun", "'pendulun'.*pendulum"),
        ("held_out: [pendulum-heavy]", "held_out: [pendulum-up]", "more than once"),
    ],
)
def test_what_is_wrong_in_it_is_named(own: Path, old: str, new: str, message: str) -> None:
    """File, entry and what was expected."""
    own.write_text(OWN.replace(old, new))
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        load_suite(str(own))


def test_a_missing_file_is_named() -> None:
    """With the command that begins one."""
    with pytest.raises(ConfigError, match=r"'none.yaml': No such file.*--new ENV"):
        load_suite("none.yaml")


@pytest.mark.parametrize(
    ("env", "name", "rule"),
    [
        ("InvertedPendulum-v5", "inverted-pendulum", ("return", 950.0)),
        ("Pendulum-v1", "pendulum", ("return", 0)),
        ("Meta-World/drawer-close-v3", "drawer-close", ("reached", None)),
        ("PandaReachJoints-v3", "panda-reach-joints", ("held", None)),
        ("CartPole-v1", "cart-pole", ("return", 475.0)),
    ],
)
def test_the_scaffold_is_a_suite_as_it_stands(env: str, name: str, rule, tmp_path: Path) -> None:
    """It loads, under a name that none of ours has."""
    if env.startswith("Meta"):
        pytest.importorskip("metaworld", reason="the extra 'suites' is not installed")
    if env.startswith("Panda"):
        pytest.importorskip("panda_gym", reason="the extra 'suites' is not installed")
    path = tmp_path / "new.yaml"
    path.write_text(scaffold(env))
    (skill,) = load_suite(str(path)).skills
    assert (skill.name, skill.env) == (f"my-{name}", env)
    assert (skill.success.kind, skill.success.at_least) == rule
    assert len(skill.instructions) == 3
