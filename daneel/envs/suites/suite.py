"""Suites are lists of skills; both are data files, read here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from daneel import config
from daneel.envs.suites.skill import Embodiment, Skill
from daneel.errors import ConfigError, UnknownNameError, unknown_name

_HINT = "Type `daneel list tasks --suite NAME` to see how the others are written."


@dataclass(frozen=True)
class Suite:
    """Skills that are scored together."""

    name: str
    """What users type."""

    summary: str
    """One line."""

    skills: tuple[Skill, ...]
    """In the order of the table."""

    held_out: frozenset[str]
    """Names of the skills that no policy should have trained on."""

    def train(self) -> tuple[Skill, ...]:
        """Skills to learn from."""
        return tuple(skill for skill in self.skills if skill.name not in self.held_out)


@dataclass(frozen=True)
class _SuiteFile:
    summary: str
    train: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    skills: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Skills of the suite's own, written as in a block."""
    defaults: dict[str, Any] = field(default_factory=dict)
    embodiments: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class _BlockFile:
    skills: dict[str, dict[str, Any]]
    defaults: dict[str, Any] = field(default_factory=dict)


def suite_names() -> list[str]:
    """Names of all suites, sorted."""
    return sorted(
        item.name.removesuffix(".yaml")
        for item in _folder().iterdir()
        if item.name.endswith(".yaml") and item.name != "embodiments.yaml"
    )


def load_suite(name: str) -> Suite:
    """The suite called `name`, or the one that the file `name` (*.yaml) describes.

    Raises:
        UnknownNameError: There is none; the message lists the nearest.
        ConfigError: Its file cannot be read, names an unknown skill, or names one twice.
    """
    item = _find(name)
    with _naming(item):
        data = config.from_dict(_SuiteFile, _read(item), _HINT)
    own = _own_skills(item, data)
    names = [*data.train, *data.held_out]
    if not names:
        raise ConfigError(f"Suite {name!r} has no skills. Expected some under `train:`. {_HINT}")
    if len(set(names)) < len(names):
        twice = sorted({found for found in names if names.count(found) > 1})
        raise ConfigError(f"Suite {name!r} names {twice} more than once. Expected once. {_HINT}")
    skills = tuple(own.get(found) or find_skill(found) for found in names)
    return Suite(item.name.rpartition(".")[0], data.summary, skills, frozenset(data.held_out))


def _find(name: str) -> Traversable:
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    if name not in suite_names():
        hint = "Type `daneel list suites` to see them all, or give a file NAME.yaml of your own."
        raise unknown_name("suite", name, suite_names(), hint)
    return _folder() / f"{name}.yaml"


def _own_skills(item: Traversable, data: _SuiteFile) -> dict[str, Skill]:
    """The skills that a suite's file itself describes."""
    robots = {**embodiments(), **_robots(item, data.embodiments)}
    block = _BlockFile(data.skills, data.defaults)
    found = {skill.name: skill for skill in _skills(item, block, robots)}
    taken = sorted(found.keys() & all_skills().keys())
    if taken:
        raise ConfigError(
            f"{item.name}: the skills {taken} exist already. Expected names of your own. {_HINT}"
        )
    return found


def find_skill(name: str) -> Skill:
    """The skill called `name`.

    Raises:
        UnknownNameError: There is none; the message lists the nearest.
    """
    known = all_skills()
    if name not in known:
        hint = "Type `daneel list tasks` to see them all."
        raise unknown_name("task", name, list(known), hint)
    return known[name]


@cache
def all_skills() -> Mapping[str, Skill]:
    """Every skill of every block, by name.

    Raises:
        ConfigError: A block is not written as expected, or two skills have one name.
    """
    found: dict[str, Skill] = {}
    blocks = sorted((_folder() / "blocks").iterdir(), key=lambda item: item.name)
    for item in blocks:
        for skill in _read_block(item):
            if skill.name in found:
                raise ConfigError(f"{item.name}: skill {skill.name!r} exists already. {_HINT}")
            found[skill.name] = skill
    return found


@cache
def embodiments() -> Mapping[str, Embodiment]:
    """Every robot by name.

    Raises:
        ConfigError: The file is not written as expected.
    """
    item = _folder() / "embodiments.yaml"
    return _robots(item, _read(item))


def _robots(item: Traversable, described: Mapping[str, Any]) -> dict[str, Embodiment]:
    found: dict[str, Embodiment] = {}
    for name, data in described.items():
        with _naming(item, name):
            found[name] = config.from_dict(Embodiment, {"name": name, **(data or {})}, _HINT)
    return found


def _read_block(item: Traversable) -> list[Skill]:
    with _naming(item):
        data = config.from_dict(_BlockFile, _read(item), _HINT)
    return _skills(item, data, embodiments())


def _skills(item: Traversable, data: _BlockFile, robots: Mapping[str, Embodiment]) -> list[Skill]:
    """The skills of a block: `defaults` hold for each of `skills` that does not say otherwise."""
    shared = {"block": item.name.rpartition(".")[0], **data.defaults}
    skills: list[Skill] = []
    for name, own in data.skills.items():
        with _naming(item, name):
            skill = config.from_dict(Skill, {"name": name, **config.merge(shared, own)}, _HINT)
            if skill.embodiment not in robots:
                raise unknown_name("embodiment", skill.embodiment, list(robots), _HINT)
            skills.append(skill)
    return skills


@contextmanager
def _naming(item: Traversable, name: str | None = None) -> Iterator[None]:
    """Say in which file, and at which of its entries, something is wrong."""
    where = item.name if name is None else f"{item.name}, {name}"
    try:
        yield
    except UnknownNameError as error:
        raise UnknownNameError(f"{where}: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{where}: {str(error).replace(config.HINT, _HINT)}") from None


def _read(item: Traversable) -> dict[str, Any]:
    try:
        text = item.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"Cannot read the suite {str(item)!r}: {error.strerror}. Expected a YAML file. "
            "Type `daneel list tasks --new ENV` to begin one."
        ) from error
    return config.parse_yaml(text, origin=f"The file {item.name}")


def _folder() -> Traversable:
    return resources.files("daneel.envs.suites")
