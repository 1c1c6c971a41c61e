"""`daneel list`: the names that other verbs take."""

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import tyro
from rich.console import Console

from daneel import cli, config
from daneel.errors import ConfigError, unknown_name


@dataclass(frozen=True)
class Options:
    """List the names of one kind; without a kind, list the kinds."""

    kind: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="KIND")] = ""
    """What to list: agents, backbones, benches, checks, envs, experts, presets, sources, stores,
    suites, tasks, trackers, verbs."""

    match: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TEXT")] = ""
    """Only the names that contain this text, in any case."""

    suite: str | None = None
    """For tasks: only those of this suite."""

    new: str | None = None
    """For tasks: print the file of a new suite with one task in this environment, to be filled in
    and given to `daneel eval --suite FILE.yaml`."""

    json: bool = False
    """Print one JSON object; of tasks it has everything that is known."""

    def __post_init__(self) -> None:
        """Checks that what belongs to tasks is given for tasks only.

        Raises:
            ConfigError: It is given for something else.
        """
        for flag, value in (("--suite", self.suite), ("--new", self.new)):
            if value is not None and self.kind != "tasks":
                raise ConfigError(
                    f"{flag} {value} was given with {self.kind!r}. Expected it with tasks. "
                    f"Type `daneel list tasks {flag} {value}`."
                )


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    name: str
    summary: str = ""
    extra: str | None = None
    """Extra of the distribution that it needs; None for the core install."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What JSON says besides."""


@dataclass(frozen=True)
class Kind:
    """What can be listed."""

    summary: str
    rows: Callable[[], list[Row]]
    """Imports the room only when it is called."""


def run(options: Options) -> int:
    """Print the list."""
    if options.new is not None:
        from daneel.envs.suites import scaffold

        print(scaffold(options.new), end="")
        return 0
    rows = _tasks(options.suite) if options.suite is not None else _rows(options.kind)
    found = [row for row in rows if options.match.casefold() in row.name.casefold()]
    if options.json:
        items = [_plain(row) for row in found]
        print(json.dumps({"kind": options.kind or "kinds", "items": items}, indent=2))
    else:
        _print(found)
    return 0


def _plain(row: Row) -> dict[str, Any]:
    return {"name": row.name, "summary": row.summary, "extra": row.extra, **row.more}


def _rows(kind: str) -> list[Row]:
    if not kind:
        return [Row(name, about.summary) for name, about in KINDS.items()]
    if kind not in KINDS:
        raise unknown_name("kind of name", kind, KINDS, "Type `daneel list` to see them all.")
    return KINDS[kind].rows()


def _print(rows: list[Row]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        needs = f"  [dim](extra: {row.extra})[/]" if row.extra else ""
        gap = " " * (width - len(row.name)) if row.summary or needs else ""
        console.print(f"[cyan]{row.name}[/]{gap}  {row.summary}{needs}".rstrip())
    if not rows:
        console.print("Nothing matches.")


def _registry(module: str, attribute: str) -> Callable[[], list[Row]]:
    def rows() -> list[Row]:
        entries = getattr(importlib.import_module(module), attribute).entries()
        return [Row(entry.name, entry.summary, entry.extra) for entry in entries]

    return rows


def _envs() -> list[Row]:
    from daneel import envs

    return [Row(name) for name in envs.list_ids()]


def _suites() -> list[Row]:
    from daneel.envs.suites import load_suite, suite_names

    suites = map(load_suite, suite_names())
    return [Row(suite.name, f"{len(suite.skills)} tasks: {suite.summary}") for suite in suites]


def _tasks(suite: str | None = None) -> list[Row]:
    from daneel.envs.suites import all_skills, load_suite

    if suite is None:
        return [_task(skill, {}) for skill in all_skills().values()]
    found = load_suite(suite)
    return [_task(skill, {"held_out": skill.name in found.held_out}) for skill in found.skills]


def _task(skill: Any, more: dict[str, Any]) -> Row:
    return Row(skill.name, skill.instructions[0], skill.extra, {**config.to_dict(skill), **more})


def _presets() -> list[Row]:
    return [Row(name, config.preset_summary(name)) for name in config.preset_names()]


def _verbs() -> list[Row]:
    return [Row(entry.name, entry.summary) for entry in cli.VERBS.entries()]


KINDS = {
    "agents": Kind("what learns: `--agent NAME`", _registry("daneel.agents", "AGENTS")),
    "backbones": Kind(
        "sequence cores of the world model", _registry("daneel.backbones", "BACKBONES")
    ),
    "benches": Kind(
        "measurements: `daneel bench NAME`", _registry("daneel.evaluation.bench", "BENCHES")
    ),
    "checks": Kind("what the gate asks of a candidate", _registry("daneel.alignment", "CHECKS")),
    "controllers": Kind(
        "laws of the twins' tasks",
        _registry("daneel.agents.calibration.controllers", "CONTROLLERS"),
    ),
    "envs": Kind("tasks: `--env.id ID`", _envs),
    "experts": Kind("who shows how it is done", _registry("daneel.agents.experts", "EXPERTS")),
    "presets": Kind("ready-made trainings: `daneel train PRESET`", _presets),
    "sources": Kind("where environments come from", _registry("daneel.envs.sources", "SOURCES")),
    "stores": Kind("kinds of vector store: `NAME://...`", _registry("daneel.memory", "STORES")),
    "suites": Kind("skills that are scored together: `daneel eval --suite NAME`", _suites),
    "tasks": Kind("skills; of one suite with `--suite NAME`", _tasks),
    "trackers": Kind(
        "where metrics go besides the run folder: `--tracker NAME`",
        _registry("daneel.training", "TRACKERS"),
    ),
    "verbs": Kind("what the command can do: `daneel VERB`", _verbs),
}
"""Everything that `daneel list` knows, by the word the user types."""
