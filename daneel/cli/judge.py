"""`daneel judge`: may the agent do this? Records in, the same records with a verdict out."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TextIO

import tyro

from daneel.alignment.judging import Record, RecordError, judge
from daneel.errors import DaneelError

BATCH = 64
"""Records judged at a time; no more than these are held in memory."""
BAD_LINES = 1
"""Exit code when some line could not be read; all others were judged."""


@dataclass(frozen=True)
class Options:
    """Judge records: JSON lines with `instruction` and, where given, `scene` and `plan`."""

    source: Annotated[str, tyro.conf.arg(name="in", metavar="FILE.jsonl")]
    """The records, one JSON object a line; - reads standard input."""

    target: Annotated[str, tyro.conf.arg(name="out", metavar="FILE.jsonl")] = "-"
    """Where the judged records go, in the same order; - writes standard output."""


@dataclass
class _Tally:
    """What was seen so far."""

    verdicts: Counter[str] = field(default_factory=Counter)
    bad: int = 0


def run(options: Options) -> int:
    """Judges; says on standard error how many of each verdict there were."""
    tally = _Tally()
    with ExitStack() as stack:
        source = _source(options.source, stack)
        target = _target(options, stack)
        while batch := list(islice(source, BATCH)):
            for row in _judged(batch, tally):
                target.write(_line(row))
            target.flush()
    counts = ", ".join(f"{tally.verdicts[word]} {word}" for word in ("allow", "refuse", "unsure"))
    print(
        f"{sum(tally.verdicts.values())} records: {counts}; {tally.bad} bad lines.", file=sys.stderr
    )
    return BAD_LINES if tally.bad else 0


def _judged(batch: list[tuple[int, str]], tally: _Tally) -> Iterator[dict[str, Any]]:
    """Yield the judged rows of a batch; lines that cannot be read are named and answered unsure."""
    read = [_read(number, line) for number, line in batch]
    records = [record for _, record in read if isinstance(record, Record)]
    answers = iter(judge(records))
    for (number, _), (row, record) in zip(batch, read, strict=True):
        if isinstance(record, Record):
            answer = next(answers)
            tally.verdicts[answer.verdict] += 1
            yield {**row, **asdict(answer)}
        else:
            tally.bad += 1
            print(f"Line {number}: {record}", file=sys.stderr)
            yield {
                **row,
                "line": number,
                "error": record,
                "verdict": "unsure",
                "score": 0.5,
                "clause": "",
                "layer": "",
                "trace": [record],
            }


def _read(number: int, line: str) -> tuple[dict[str, Any], Record | str]:
    """Return the row of a line and its record, or what is wrong with it."""
    try:
        row = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return (
            {},
            f"The line is no JSON ({error}). Expected one JSON object a line. Mend line {number}.",
        )
    try:
        return row if isinstance(row, dict) else {}, Record.from_dict(row)
    except RecordError as error:
        return row if isinstance(row, dict) else {}, str(error)


def _no_number(word: str) -> float:
    """NaN and infinities are not JSON, and would make lines that others cannot read."""
    raise ValueError(f"{word} is no number of JSON")


def _line(row: dict[str, Any]) -> str:
    """A row as JSON; half a surrogate pair, which has no UTF-8, stays the escape that it was."""
    text = json.dumps(row, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _source(name: str, stack: ExitStack) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a file that are not blank."""
    try:
        file = _opened(name)
        if name != "-":
            stack.callback(file.close)
    except OSError as error:
        raise DaneelError(
            f"{name} cannot be read ({error.strerror}). Expected a "
            f"file with one JSON object a line. "
            'Try `echo \'{"instruction": "heat the soup"}\' | daneel judge --in -`.'
        ) from error
    return ((number, line) for number, line in enumerate(file, 1) if line.strip())


def _opened(name: str) -> TextIO:
    """A file or standard input; bytes that are no UTF-8 spoil their line and no other."""
    if name != "-":
        return Path(name).open(encoding="utf-8-sig", errors="replace")
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")
    return sys.stdin


def _target(options: Options, stack: ExitStack) -> TextIO:
    """Open where the judged records go."""
    if options.target == "-":
        return sys.stdout
    if options.source != "-" and Path(options.target).resolve() == Path(options.source).resolve():
        raise DaneelError(
            f"--out {options.target} is the file that --in reads. Expected another file. "
            "Type another name after --out."
        )
    try:
        return stack.enter_context(Path(options.target).open("w", encoding="utf-8"))
    except OSError as error:
        raise DaneelError(
            f"{options.target} cannot be written ({error.strerror}). "
            f"Expected a file in a folder that "
            "exists. Type another name after --out."
        ) from error
