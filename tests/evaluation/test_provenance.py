"""Commit, cleanness, machine and command of a figure."""

import subprocess
from pathlib import Path

import pytest

from daneel.evaluation import provenance


def git(folder: Path, *arguments: str) -> None:
    """One git command with a name of its own, so that no global settings are needed."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with one commit."""
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("a = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_committed_tree_is_clean_until_code_changes(tree: Path) -> None:
    """Changed and new files both count."""
    assert provenance.source(tree).clean
    assert len(provenance.source(tree).commit) == 40
    (tree / "new.py").write_text("")
    assert not provenance.source(tree).clean


def test_recorded_results_do_not_make_a_tree_unclean(tree: Path) -> None:
    """A bench writes them while it runs; also seen from a folder inside the tree."""
    results = tree / provenance.RESULTS
    results.mkdir(parents=True)
    (results / "control.jsonl").write_text("{}\n")
    inside = tree / "daneel"
    inside.mkdir()
    assert provenance.source(inside).clean


def test_outside_git_nothing_is_claimed(tmp_path: Path) -> None:
    """Neither a commit nor cleanness."""
    found = provenance.source(tmp_path)
    assert (found.commit, found.clean) == ("unknown", False)
    assert str(found) == "not a git checkout"


def test_the_command_can_be_typed_again() -> None:
    """Program by its name, arguments quoted."""
    assert provenance.command_line(["/a/bin/daneel", "eval", "my run"]) == "daneel eval 'my run'"
    assert provenance.command_line(["/a/daneel/__main__.py", "card"]) == "daneel card"


def test_places_of_this_machine_stay_out_of_the_command():
    """Records are published: neither a folder of this machine nor an address is in them."""
    typed = ["daneel", "bench", "memory", "--postgres", "postgresql://me@/db?host=/tmp/x", "--work"]
    said = provenance.command_line([*typed, "/home/me/runs", "--nets=/data/nets", "runs/a"])
    assert said == "daneel bench memory --postgres ADDRESS --work PATH --nets=PATH runs/a"


def test_machine_and_versions_are_of_this_computer() -> None:
    """Real numbers, not placeholders."""
    machine = provenance.machine()
    assert machine.cores >= 1 and machine.ram_gib > 0 and machine.cpu
    assert {"python", "torch", "numpy"} <= set(provenance.versions())
