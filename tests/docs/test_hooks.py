"""The site's markers become what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from daneel.cli.command import VERBS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """`docs/hooks.py`, which mkdocs loads by its path."""
    spec = importlib.util.spec_from_file_location("site_hooks", DOCS / "hooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_verb_has_its_help_on_the_page(hooks: ModuleType) -> None:
    """Taken from the code, so it cannot be stale; one that fails would stop the build."""
    page = hooks.on_page_markdown((DOCS / "cli.md").read_text())
    for verb in VERBS.names():
        section = page.partition(f"### daneel {verb}\n")[2].partition("###")[0]
        assert "usage: daneel" in section.lower(), verb
    assert "\x1b[" not in page  # no colours


def test_no_marker_is_left_on_any_page(hooks: ModuleType) -> None:
    """A misspelt kind is an error, not an empty table."""
    for path in DOCS.rglob("*.md"):
        page = hooks.on_page_markdown(path.read_text())
        assert not re.search(r"<!-- (help|list)", page), path


def test_a_kind_that_does_not_exist_stops_the_build(hooks: ModuleType) -> None:
    """The message says which command failed."""
    with pytest.raises(RuntimeError, match="daneel list chekcs"):
        hooks.on_page_markdown("<!-- list chekcs -->")


def test_a_list_is_a_table(hooks: ModuleType) -> None:
    """One row for each name."""
    table = hooks.on_page_markdown("<!-- list checks -->").splitlines()
    assert table[1] == "|---|---|" and len(table) == 7
    assert table[2].startswith("| `weights_finite` |")
