"""The page about adding a task does what it says."""

import re
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from daneel import envs
from daneel.envs.suites import find_skill, load_suite, suite

PAGE = Path(__file__).parents[3] / "docs" / "suites" / "adding.md"


@pytest.fixture
def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A copy of the data files with the page's lines added to them, read in place of them."""
    folder = tmp_path / "suites"
    shutil.copytree(str(resources.files("daneel.envs.suites")), folder)
    snippets = re.findall(r"```yaml\n# daneel/envs/suites/(\S+)\n(.*?)```", PAGE.read_text(), re.S)
    for name, lines in snippets:
        path = folder / name
        before = path.read_text() if path.exists() else ""
        path.write_text(before + (lines.removeprefix("skills:\n") if before else lines))
    monkeypatch.setattr(suite, "_folder", lambda: folder)
    for read in (suite.all_skills, suite.embodiments):
        read.cache_clear()
    yield [name for name, _ in snippets]
    for read in (suite.all_skills, suite.embodiments):
        read.cache_clear()


def test_the_page_adds_two_skills_and_a_suite(followed: list[str]) -> None:
    """In the block that was there, in a new one, and in a suite of their own."""
    assert len(followed) == 4
    loaded = load_suite("own")
    assert [skill.name for skill in loaded.skills] == ["inverted-pendulum", "ant-maze-open"]
    assert loaded.held_out == {"ant-maze-open"}
    assert find_skill("inverted-pendulum").success.at_least == 950
    assert find_skill("ant-maze-open").success.kind == "reached"


@pytest.mark.parametrize("name", ["inverted-pendulum", "ant-maze-open"])
def test_the_added_skills_run(followed: list[str], name: str) -> None:
    """With one action for each name that the embodiment has."""
    skill = find_skill(name)
    if skill.extra is not None:
        pytest.importorskip("gymnasium_robotics")
    env = envs.make_single(skill.config())
    env.reset(seed=0)
    actions = suite.embodiments()[skill.embodiment].actions
    _, reward, _, _, info = env.step(np.zeros(len(actions), np.float32))
    assert np.isfinite(float(reward))
    assert ("success" in info) == (skill.success.kind == "reached")
    env.close()
