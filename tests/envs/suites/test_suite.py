"""Reading suites: unknown names, and data files that are written wrong."""

from pathlib import Path

import pytest

from daneel.envs.suites import Skill, SuccessRule, find_skill, load_suite, suite
from daneel.errors import ConfigError, UnknownNameError

BLOCK = """
defaults:
  env: Pendulum-v1
  horizon: 200
  embodiment: stick
  success: {kind: held, source: "somebody's signal"}
skills:
  stand:
    instructions: [stand up, get up]
"""
SUITE = "summary: one skill\ntrain: [stand]\n"
EMBODIMENTS = "stick: {actions: [torque], units: [2 N m]}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder of suites with one skill, read in place of those that ship."""
    (tmp_path / "blocks").mkdir()
    (tmp_path / "blocks" / "own.yaml").write_text(BLOCK)
    (tmp_path / "small.yaml").write_text(SUITE)
    (tmp_path / "embodiments.yaml").write_text(EMBODIMENTS)
    monkeypatch.setattr(suite, "_folder", lambda: tmp_path)
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    """Read the files again."""
    suite.all_skills.cache_clear()
    suite.embodiments.cache_clear()


def test_a_suite_is_what_its_file_says(folder: Path) -> None:
    """Defaults hold unless a skill says otherwise, key by key."""
    (folder / "blocks" / "own.yaml").write_text(
        BLOCK + "  swing:\n    horizon: 99\n    success: {source: mine}\n"
        "    instructions: [swing up, go up]\n    kwargs: {g: 9.81}\n"
    )
    (folder / "small.yaml").write_text("summary: two\ntrain: [stand]\nheld_out: [swing]\n")
    loaded = load_suite("small")
    assert suite.suite_names() == ["small"]
    assert [skill.name for skill in loaded.skills] == ["stand", "swing"]
    assert [skill.name for skill in loaded.train()] == ["stand"]
    assert loaded.held_out == {"swing"}
    swing = find_skill("swing")
    assert (swing.block, swing.env, swing.horizon) == ("own", "Pendulum-v1", 99)
    assert swing.success == SuccessRule("held", "mine")
    assert swing.config().kwargs == {"g": 9.81}
    assert suite.embodiments()["stick"].units == ("2 N m",)


def test_an_unknown_suite_is_answered_with_the_nearest() -> None:
    """And with the command that lists them all."""
    with pytest.raises(UnknownNameError, match=r"Nearest: skills100.*`daneel list suites`"):
        load_suite("skill100")


def test_an_unknown_skill_is_answered_with_the_nearest() -> None:
    """From all suites."""
    with pytest.raises(UnknownNameError, match=r"Nearest: drawer-close.*`daneel list tasks`"):
        find_skill("drawer-closed")


def test_a_suite_with_an_unknown_skill_does_not_load(folder: Path) -> None:
    """The nearest names are given."""
    (folder / "small.yaml").write_text("summary: typo\ntrain: [stnd]\n")
    with pytest.raises(UnknownNameError, match="stand"):
        load_suite("small")


def test_a_skill_named_twice_is_refused(folder: Path) -> None:
    """It would count twice, or be both taught and held out."""
    (folder / "small.yaml").write_text(SUITE + "held_out: [stand]\n")
    with pytest.raises(ConfigError, match=r"'small' names \['stand'\] more than once"):
        load_suite("small")


def test_two_blocks_with_one_skill_are_refused(folder: Path) -> None:
    """The file of the second is named."""
    (folder / "blocks" / "second.yaml").write_text(BLOCK)
    with pytest.raises(ConfigError, match=r"second.yaml: skill 'stand' exists already"):
        find_skill("stand")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("horizon: 200", "horizn: 200", r"no field 'horizn'. Nearest: horizon"),
        ("horizon: 200", "horizon: long", r"horizon is 'long' \(str\). Expected a whole number"),
        ("horizon: 200", "horizon: 0", r"horizon is 0. Expected at least 1"),
        ("kind: held", "kind: hold", r"success.kind is 'hold'. Expected one of 'reached'"),
        ("kind: held", "kind: return", r"success.at_least is None. Expected a number"),
        ("kind: held", "kind: held, at_least: 3", r"success.at_least is 3.0. Expected .* nothing"),
        (", get up]", "]", r"instructions is \('stand up',\). Expected two or more different"),
        ("get up", "stand up", r"Expected two or more different sentences"),
        ("env: Pendulum-v1", "", r"no value for 'env'"),
        ("skills:", "skills: [", r"own.yaml is not valid YAML"),
        ("defaults:", "default:", r"own.yaml: .* no field 'default'. Nearest: defaults"),
        ("skills:", "skils:", r"own.yaml: .* no field 'skils'. Nearest: skills"),
        ("    instructions: [stand up, get up]", "", r"own.yaml: skills.stand is null. Expected"),
        ("  stand:", "  - stand:", r"own.yaml: skills is .* \(list\). Expected a mapping"),
        ("stand up", "s" * 200, r"own.yaml, stand: 's+' takes 200 bytes. Expected at most 128"),
        ("horizon: 200", "horizon: 0", r"own.yaml, stand: horizon is 0. .*Type `daneel list tasks"),
    ],
)
def test_a_block_that_is_written_wrong_says_what_and_where(
    folder: Path, before: str, after: str, message: str
) -> None:
    """The field, what was seen, what was expected, and a command to type."""
    (folder / "blocks" / "own.yaml").write_text(BLOCK.replace(before, after))
    with pytest.raises(ConfigError, match=message):
        find_skill("stand")


def test_an_unknown_embodiment_is_answered_with_the_nearest(folder: Path) -> None:
    """In the file and at the skill that name it."""
    (folder / "blocks" / "own.yaml").write_text(BLOCK.replace("stick", "stik"))
    with pytest.raises(UnknownNameError, match=r"own.yaml, stand: .*'stik'. Nearest: stick"):
        find_skill("stand")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("stick:\n", r"embodiments.yaml, stick: .* no value for 'actions'"),
        ("stick: {actions: [a], units: []}\n", r"stick: units is \(\). Expected one for each of 1"),
    ],
)
def test_an_embodiment_that_is_written_wrong_says_which(
    folder: Path, lines: str, message: str
) -> None:
    """And what was expected."""
    (folder / "embodiments.yaml").write_text(lines)
    with pytest.raises(ConfigError, match=message):
        suite.embodiments()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("train: [stand]\n", r"small.yaml: .* no value for 'summary'"),
        ("summary: s\n", r"Suite 'small' has no skills. Expected some under `train:`"),
        ("summary: s\ntrain: stand\n", r"small.yaml: train is 'stand' \(str\). Expected a list"),
        ("summary: s\ntrian: [stand]\n", r"small.yaml: .* no field 'trian'. Nearest: train"),
    ],
)
def test_a_suite_that_is_written_wrong_says_what(folder: Path, lines: str, message: str) -> None:
    """Fields that are missing, misspelt or of the wrong kind."""
    (folder / "small.yaml").write_text(lines)
    with pytest.raises(ConfigError, match=message):
        load_suite("small")


def test_an_action_repeat_below_one_is_refused() -> None:
    """An episode would have no decisions."""
    with pytest.raises(ConfigError, match=r"action_repeat is 0\. Expected at least 1"):
        Skill("s", "b", "e", 1, ("a", "b"), SuccessRule("held", "s"), "r", action_repeat=0)
