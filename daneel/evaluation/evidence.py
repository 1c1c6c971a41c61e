"""Evidence: a figure together with everything needed to doubt it or to measure it again.

Records live in `benchmarks/results/<bench>.jsonl`, one JSON object a line, appended and never
edited: the newest record of a row, measure and subject is the one that tables show. Tables in
README and docs are generated from them between two marker comments, so a machine finds stale pages:

    <!-- evidence: control -->
    ...generated...
    <!-- /evidence -->
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from daneel import config
from daneel.errors import ConfigError, DaneelError
from daneel.evaluation import files, provenance
from daneel.evaluation.provenance import Machine
from daneel.evaluation.statistics import Interval

NOT_MEASURED = "not measured"
BLOCK = re.compile(r"(<!-- evidence: (?P<name>[\w./-]+) -->\n).*?(<!-- /evidence -->)", re.DOTALL)


@dataclass(frozen=True)
class Evidence:
    """One measured figure."""

    bench: str
    """The program that measured it, as in `daneel bench BENCH`."""
    row: str
    """What was measured: a task id, or a row of the scoreboard."""
    measure: str
    """Which figure of the row: "return", "success rate", "steps to threshold", ..."""
    subject: str
    """Whose figure: "planner", "sac", ..."""
    figure: float | None
    """The figure; None is "not measured"."""
    unit: str
    """Unit of the figure."""
    command: str
    """What to type to measure it again."""
    commit: str
    """Commit of the code that measured it."""
    clean: bool
    """Whether the tree equalled that commit."""
    machine: Machine
    """Where it was measured."""
    versions: dict[str, str]
    """Versions of what matters."""
    seconds: float
    """Wall time it took to measure."""
    date: str
    """Day of the measurement, ISO 8601."""
    interval: Interval | None = None
    """Confidence interval, None when too few values."""
    interval_kind: str = ""
    """How the interval was made."""
    seeds: tuple[int, ...] = ()
    """Seeds that were run."""
    threshold: float | None = None
    """What the figure had to reach, None when nothing was asked."""
    better: Literal["higher", "lower"] = "higher"
    """On which side of the threshold the figure has to be; equality passes."""
    bound: Literal["", ">", "<"] = ""
    """">" when the true value is larger (never reached within the budget), "<" when smaller."""
    seeds_required: int = 1
    """Seeds asked for; a figure of fewer has not met its threshold."""
    details: dict[str, Any] = field(default_factory=dict)
    """Values behind the figure: per seed, per episode."""

    def __post_init__(self) -> None:
        """Refuses records nobody could act on."""
        for name in ("bench", "row", "measure", "subject", "unit", "command"):
            if not getattr(self, name):
                raise ConfigError(f"Evidence.{name} is empty. Expected text.")

    @property
    def met(self) -> bool | None:
        """Whether the threshold was reached; None when none was set.

        Nothing is met by a figure that was not measured, that has fewer seeds than asked, or that
        is a bound on the wrong side.
        """
        if self.threshold is None:
            return None
        if self.figure is None or len(self.seeds) < self.seeds_required:
            return False
        if self.better == "higher":
            return self.bound != "<" and self.figure >= self.threshold
        return self.bound != ">" and self.figure <= self.threshold

    @property
    def key(self) -> tuple[str, str, str]:
        """What a newer record must share to replace this one in tables."""
        return (self.row, self.measure, self.subject)


def record(**fields: Any) -> Evidence:
    """An Evidence stamped with this tree, machine and day; the fields given win."""
    source = provenance.source()
    stamp = {
        "command": provenance.command_line(),
        "commit": source.commit,
        "clean": source.clean,
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    return Evidence(**{**stamp, **fields})


def append(evidence: Evidence, folder: str | Path = provenance.RESULTS) -> Path:
    """Appends a record to its bench's file and returns the file."""
    path = Path(folder) / f"{evidence.bench}.jsonl"
    files.append_json(path, {**config.to_dict(evidence), "met": evidence.met})
    return path


def load(bench: str, folder: str | Path = provenance.RESULTS) -> list[Evidence]:
    """Every record of a bench, oldest first.

    Raises:
        DaneelError: There are none; the message says how to measure them.
    """
    path = Path(folder) / f"{bench}.jsonl"
    records = []
    for entry in files.read_jsonl(path):
        entry.pop("met", None)
        records.append(config.from_dict(Evidence, entry))
    if not records:
        raise DaneelError(
            f"There is no evidence of the bench {bench!r} in {folder}. "
            f"Expected records in {path}. Type `daneel bench {bench}` to measure."
        )
    return records


def latest(records: Sequence[Evidence]) -> list[Evidence]:
    """The newest record of each (row, measure, subject), in the order first seen."""
    newest = {record.key: record for record in records}
    return list(newest.values())


def table(records: Sequence[Evidence]) -> str:
    """Records as a Markdown table, one row a figure; misses are printed as misses."""
    lines = [
        "| row | measure | subject | figure | 95 % interval | seeds | required | met |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for item in latest(records):
        cells = [item.row, item.measure, item.subject, format_figure(item)]
        cells += [format_interval(item.interval), format_seeds(item), format_required(item)]
        lines.append("| " + " | ".join([*cells, format_met(item.met)]) + " |")
    return "\n".join([*lines, "", footnote(records)]) + "\n"


def footnote(records: Sequence[Evidence], command: str = "") -> str:
    """One line that says when, where, from which tree and by which command.

    Args:
        records: All records of the table.
        command: What measures them all; their own commands when left out.
    """
    newest = latest(records)
    commands = [command] if command else sorted({item.command for item in newest})
    commits = sorted({f"{item.commit[:10]}{'' if item.clean else ' + changes'}" for item in newest})
    parts = [
        f"Measured {' and '.join(sorted({item.date for item in newest}))}",
        f"commit {', '.join(commits)}",
        "; ".join(sorted({str(item.machine) for item in newest})),
        " and ".join(f"`{typed}`" for typed in commands),
    ]
    return "*" + "; ".join(parts) + ".*"


def format_figure(item: Evidence | None) -> str:
    """The figure with its unit, `>` for a bound, or "not measured"."""
    if item is None or item.figure is None:
        return NOT_MEASURED
    return f"{item.bound}{' ' if item.bound else ''}{number(item.figure)} {item.unit}"


def format_interval(interval: Interval | None) -> str:
    """`low .. high`, or an empty cell."""
    return "" if interval is None else f"{number(interval.low)} .. {number(interval.high)}"


def format_seeds(item: Evidence) -> str:
    """`3`, `1 of 3` when fewer than asked, or an empty cell."""
    count = len(item.seeds)
    return f"{count} of {item.seeds_required}" if count < item.seeds_required else str(count or "")


def format_required(item: Evidence) -> str:
    """`>= 950` or `<= 120`, or an empty cell."""
    if item.threshold is None:
        return ""
    return f"{'>=' if item.better == 'higher' else '<='} {number(item.threshold)}"


def format_met(met: bool | None) -> str:
    """`yes`, `**no**` or an empty cell."""
    return {True: "yes", False: "**no**", None: ""}[met]


def number(value: float) -> str:
    """A number as people write it: thousands whole and grouped, small ones with three digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def refresh(text: str, make_table: Callable[[str], str]) -> str:
    """`text` with what stands between evidence markers replaced by `make_table(bench)`."""
    return BLOCK.sub(lambda found: found[1] + make_table(found["name"]) + found[3], text)


def stale(paths: Sequence[Path], make_table: Callable[[str], str]) -> list[Path]:
    """The files whose generated tables differ from the records."""
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    return [path for path, text in texts.items() if refresh(text, make_table) != text]


def rewrite(paths: Sequence[Path], make_table: Callable[[str], str]) -> None:
    """Puts fresh tables into the files, atomically, each."""
    for path in paths:
        files.write_text(path, refresh(path.read_text(encoding="utf-8"), make_table))
