"""The half of `daneel eval` that scores a policy on the skills of a suite."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from daneel import config
from daneel.errors import ConfigError
from daneel.evaluation.files import as_json
from daneel.evaluation.suites import describe, page, save_record, score
from daneel.evaluation.suites.filming import film_all
from daneel.evaluation.suites.runner import Request, Results

if TYPE_CHECKING:
    from daneel.cli.eval import Options

EPISODES = 10
PLAIN_SECONDS = 10.0
"""Seconds between lines where nobody watches."""


def run(options: Options) -> int:
    """Scores the policy, writes record and page, prints the table."""
    request = _request(options)
    out = options.out or Path(f"{request.chosen().name}-{_slug(options.policy)}.json")
    if out.suffix != ".json":
        raise ConfigError(f"out is {str(out)!r}. Expected a name that ends in .json.")
    kept = out.with_suffix(".partial.jsonl")
    try:
        with _Progress(request) as progress:
            found = score(request, kept, progress)
    except KeyboardInterrupt:
        print(f"Stopped. Type the same command to go on; {kept} has it so far.", file=sys.stderr)
        return 130
    save_record(found, out)
    media = film_all(request, found) if options.film else {}
    web = page.save(found, out.with_suffix(".html"), media)
    kept.unlink(missing_ok=True)
    print(as_json(config.to_dict(found)) if options.json else describe(found))
    print(f"record: {out}\npage: {web}", file=sys.stderr)
    return 0


def _request(options: Options) -> Request:
    assert options.suite is not None
    return Request(
        suite=options.suite,
        policy=options.policy,
        which=options.which,
        episodes=EPISODES if options.episodes is None else options.episodes,
        seed=options.seed,
        tasks=options.tasks,
        workers=options.workers,
        engine=options.engine,
    )


def _slug(policy: str) -> str:
    """The policy, fit for a file name."""
    kept = (letter if letter.isalnum() else "-" for letter in Path(policy).name)
    return "".join(kept).strip("-") or "policy"


class _Progress:
    """One live line on a terminal, plain lines in a pipe."""

    def __init__(self, request: Request) -> None:
        self._total = len(request.skills()) * request.episodes
        self._title = f"{request.suite}, {request.policy}"
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self._began, self._first, self._next_plain = time.monotonic(), -1, 0.0

    def __enter__(self) -> _Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def __call__(self, results: Results) -> None:
        """Says where the evaluation stands."""
        line = self._line(results)
        if self._console.is_terminal:
            self._live.update(Text(line), refresh=True)
        elif time.monotonic() >= self._next_plain:
            self._next_plain = time.monotonic() + PLAIN_SECONDS
            self._console.print(line, soft_wrap=True)

    def _line(self, results: Results) -> str:
        done, total = results.count, self._total
        if self._first < 0:
            self._first = done - 1  # what an earlier call left says nothing about the pace
        pace = (time.monotonic() - self._began) / max(done - self._first, 1)
        left = round(pace * (total - done))
        won = sum(e.success is True for found in results.episodes.values() for e in found.values())
        parts = [self._title, f"{done:,}/{total:,} episodes", f"{100 * won / max(done, 1):.0f} %"]
        parts.append(f"{left // 60}:{left % 60:02d} left")
        if results.not_run:
            parts.append(f"{len(results.not_run)} tasks not run")
        return " · ".join(parts)
