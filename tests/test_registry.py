"""The registry imports late, refuses duplicates and says which extra is missing."""

import sys
from pathlib import Path

import pytest

from daneel.errors import MissingExtraError, UnknownNameError
from daneel.registry import Entry, Registry


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path, for modules that a test writes."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_load_imports_only_when_asked(shelf: Path) -> None:
    """Registering imports nothing; loading returns the attribute, or the module itself."""
    (shelf / "shelf_one.py").write_text("ANSWER = 42\n")
    registry = Registry("thing", Entry("answer", "shelf_one:ANSWER", "a number"))
    registry.register(Entry("module", "shelf_one", "the module"))
    assert "shelf_one" not in sys.modules
    assert registry.load("answer") == 42
    assert registry.load("module").ANSWER == 42


def test_names_and_entries_keep_the_order_of_registration() -> None:
    """Lists and help show entries as they were written."""
    first, second = Entry("b", "json:loads", "one"), Entry("a", "json:dumps", "two")
    registry = Registry("thing", first, second)
    assert registry.names() == ["b", "a"]
    assert registry.entries() == [first, second]
    assert registry.entry("a") is second


@pytest.mark.parametrize(
    ("kind", "plural"), [("agent", "agents"), ("bench", "benches"), ("env source", "sources")]
)
def test_plural_is_what_the_list_verb_calls_them(kind: str, plural: str) -> None:
    """The hint of an unknown name must be a command that works."""
    with pytest.raises(UnknownNameError, match=f"`daneel list {plural}`"):
        Registry(kind).load("x")


def test_duplicate_is_refused() -> None:
    """A second entry of a name would hide the first."""
    registry = Registry("thing", Entry("a", "json:loads", ""))
    with pytest.raises(ValueError, match=r"thing 'a' is already registered as json:loads"):
        registry.register(Entry("a", "json:dumps", ""))


@pytest.mark.parametrize("method", ["load", "entry"])
def test_unknown_name_is_answered_with_the_nearest(method: str) -> None:
    """And with the command that lists them all."""
    registry = Registry("agent", Entry("planner", "json:loads", ""))
    with pytest.raises(UnknownNameError) as caught:
        getattr(registry, method)("planer")
    assert str(caught.value) == (
        "Unknown agent 'planer'. Nearest: planner. Type `daneel list agents` to see them all."
    )


def test_absent_package_names_the_extra(shelf: Path) -> None:
    """The import that failed, where the package comes from, and the line to type."""
    (shelf / "shelf_two.py").write_text("import no_such_package.inner\n")
    registry = Registry("env", Entry("two", "shelf_two:x", "", extra="suites"))
    with pytest.raises(MissingExtraError) as caught:
        registry.load("two")
    assert str(caught.value) == (
        "The env 'two' needs the Python package 'no_such_package', which is not installed. "
        "It comes with the extra 'suites'. "
        'Type `pip install "daneel[suites]"`.'
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_absent_core_package_names_the_core_install(shelf: Path) -> None:
    """An entry without an extra needs only what Daneel itself installs."""
    (shelf / "shelf_three.py").write_text("import no_such_package\n")
    registry = Registry("env", Entry("three", "shelf_three:x", ""))
    with pytest.raises(MissingExtraError, match=r"core install.*`pip install \"daneel\"`"):
        registry.load("three")


def test_own_broken_import_is_not_blamed_on_an_extra() -> None:
    """A module of Daneel that is gone is a bug, and looks like one."""
    registry = Registry("env", Entry("gone", "daneel.no_such_module:x", "", extra="suites"))
    with pytest.raises(ModuleNotFoundError) as caught:
        registry.load("gone")
    assert not isinstance(caught.value, MissingExtraError)
