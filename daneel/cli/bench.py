"""`daneel bench`: measure against peers, record the evidence, print tables from the records."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from daneel.errors import DaneelError
from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench import BENCHES

STALE = 1


@dataclass(frozen=True)
class Options:
    """What was asked for: a bench to run, or a table to print."""

    bench: str
    """Name of the bench."""

    settings: Any
    """The bench's own options, or those of the table."""


@dataclass(frozen=True)
class TableOptions:
    """Print the table of a bench from its records, or put it into documents."""

    bench: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="BENCH")]
    """Name of the bench."""

    documents: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FILE")] = ()
    """Markdown files whose blocks `<!-- evidence: BENCH -->` ... `<!-- /evidence -->` are rewritten
    from the records of the benches they name."""

    check: bool = False
    """Change nothing; exit with 1 when a document differs from the records."""

    results: Path = Path(provenance.RESULTS)
    """Where the records are."""


def parse(argv: Sequence[str]) -> Options:
    """Reads `NAME [options]` or `table NAME [documents]`."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_usage())
        raise SystemExit(0)
    name, *rest = argv
    cls = TableOptions if name == "table" else BENCHES.load(name).Options
    config = (tyro.conf.FlagCreatePairsOff,)
    return Options(name, tyro.cli(cls, prog=f"daneel bench {name}", args=rest, config=config))


def run(options: Options) -> int:
    """Runs the bench, or prints, writes or checks tables."""
    if isinstance(options.settings, TableOptions):
        return _tables(options.settings)
    return BENCHES.load(options.bench).run(options.settings)


def make_table(bench: str, results: Path = Path(provenance.RESULTS)) -> str:
    """The Markdown table of a bench from its records; "not measured" where there are none.

    A bench of this package has a table of its own; any other name is a records file.

    Raises:
        UnknownNameError: Neither a bench nor a records file has this name.
    """
    recorded = (results / f"{bench}.jsonl").exists()
    if not recorded:
        BENCHES.entry(bench)
        return f"*{evidence.NOT_MEASURED} yet: `daneel bench {bench}`.*\n"
    if bench in BENCHES.names():
        return BENCHES.load(bench).table(results)
    return evidence.table(evidence.load(bench, results))


def _tables(options: TableOptions) -> int:
    def of(bench: str) -> str:
        return make_table(bench, options.results)

    if not options.documents:
        print(of(options.bench), end="")
        return 0
    _refuse_absent(options.documents)
    changed = evidence.stale(options.documents, of)
    if options.check:
        for path in changed:
            print(f"{path} differs from the records. {_mend(options)}", file=sys.stderr)
        return STALE if changed else 0
    evidence.rewrite(changed, of)
    print("\n".join(f"wrote {path}" for path in changed) or "Every document is up to date.")
    return 0


def _mend(options: TableOptions) -> str:
    documents = " ".join(map(str, options.documents))
    return f"Type `daneel bench table {options.bench} {documents}`."


def _refuse_absent(documents: Sequence[Path]) -> None:
    for path in documents:
        if not path.is_file():
            raise DaneelError(
                f"There is no file {str(path)!r}. Expected a Markdown document. "
                "Type `daneel bench table --help`."
            )


def _usage() -> str:
    benches = "\n".join(f"  {entry.name:<10} {entry.summary}" for entry in BENCHES.entries())
    return (
        "usage: daneel bench NAME [options]\n"
        "       daneel bench table NAME [FILE ...] [--check]\n\n"
        f"Measures and records evidence in {provenance.RESULTS}/.\n\nbenches:\n{benches}\n"
        f"  {'table':<10} print a bench's table from its records, or write it into documents\n\n"
        "`daneel bench NAME --help` shows the options of a bench."
    )
