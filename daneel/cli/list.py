"""`daneel list`: the names that other verbs take."""

import importlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated

import tyro
from rich.console import Console

from daneel import cli, config
from daneel.errors import unknown_name


@dataclass(frozen=True)
class Options:
    """List the names of one kind; without a kind, list the kinds."""

    kind: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="KIND")] = ""
    """What to list: agents, backbones, benches, checks, envs, presets, sources, trackers, verbs."""

    match: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TEXT")] = ""
    """Only the names that contain this text, in any case."""

    json: bool = False
    """Print one JSON object."""


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    name: str
    summary: str = ""
    extra: str | None = None
    """Extra of the distribution that it needs; None for the core install."""


@dataclass(frozen=True)
class Kind:
    """What can be listed."""

    summary: str
    rows: Callable[[], list[Row]]
    """Imports the room only when it is called."""


def run(options: Options) -> int:
    """Print the list."""
    rows = _rows(options.kind)
    found = [row for row in rows if options.match.casefold() in row.name.casefold()]
    if options.json:
        items = [asdict(row) for row in found]
        print(json.dumps({"kind": options.kind or "kinds", "items": items}, indent=2))
    else:
        _print(found)
    return 0


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
    "envs": Kind("tasks: `--env.id ID`", _envs),
    "presets": Kind("ready-made trainings: `daneel train PRESET`", _presets),
    "sources": Kind("where environments come from", _registry("daneel.envs.sources", "SOURCES")),
    "trackers": Kind(
        "where metrics go besides the run folder: `--tracker NAME`",
        _registry("daneel.training", "TRACKERS"),
    ),
    "verbs": Kind("what the command can do: `daneel VERB`", _verbs),
}
"""Everything that `daneel list` knows, by the word the user types."""
