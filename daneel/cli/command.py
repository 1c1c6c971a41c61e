"""The `daneel` command: finds the verb, reads its options, runs it.

Each verb is one module of this package with a frozen dataclass `Options`, whose docstrings become
`--help`, and `run(options) -> int`. A verb that reads its arguments in its own way (train) defines
`parse(argv) -> Options` too. Nothing heavy is imported before the verb is known.
"""

import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from daneel import __version__
from daneel.errors import DaneelError, unknown_name
from daneel.registry import Entry, Registry

JOBS: dict[str, list[Entry]] = {
    "Train agents in simulation": [
        Entry("train", "daneel.cli.train", "train an agent on a task or a preset"),
        Entry("resume", "daneel.cli.resume", "go on with an interrupted run, bit for bit"),
    ],
    "Evaluate them on skill suites": [
        Entry("eval", "daneel.cli.eval", "score a run, or any policy on a suite, with intervals"),
        Entry("demos", "daneel.cli.demos", "collect, show and check demonstrations of experts"),
        Entry("gate", "daneel.cli.gate", "check a candidate; release it only if all checks hold"),
        Entry("bench", "daneel.cli.bench", "measure against peers and record the evidence"),
    ],
    "Watch runs": [
        Entry("play", "daneel.cli.play", "film a trained agent"),
        Entry("plot", "daneel.cli.plot", "draw the curves of one run or of many seeds"),
        Entry("card", "daneel.cli.card", "write the model card of a run"),
        Entry("dashboard", "daneel.cli.dashboard", "open the local dashboard of tracked runs"),
    ],
    "Keep what was seen, and find it again": [
        Entry("memory", "daneel.cli.memory", "store vectors, find the nearest, serve them"),
    ],
    "Calibrate a simulator against a real robot's logs": [
        Entry("calibrate", "daneel.cli.calibrate", "find a robot's parameters from its logs"),
    ],
    "Find your way": [
        Entry("list", "daneel.cli.list", "list agents, envs, presets, checks and more"),
        Entry("doctor", "daneel.cli.doctor", "see what this machine can do and what is missing"),
    ],
}
"""Verbs by the job they serve, in the order of `daneel --help`."""

VERBS = Registry("verb", *(entry for entries in JOBS.values() for entry in entries))

USER_ERROR = 2
"""Exit code when the user can mend it; the message on stderr says how."""

CUT_SHORT = 1
"""Exit code when nobody reads the output any more, the same as rich's."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one `daneel` command and return its exit code.

    Args:
        argv: Arguments after the program's name; `sys.argv[1:]` when None.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()  # a reader that is gone is noticed here, not while Python shuts down
        return code
    except DaneelError as error:
        print(error, file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `daneel list envs | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_SHORT
    except SystemExit as leave:  # tyro leaves this way after --help and after a wrong flag
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        _print_help()
        return 0
    if arguments[0] in ("-V", "--version"):
        print(f"daneel {__version__}")
        return 0
    name, *rest = arguments
    if name not in VERBS.names():
        hint = "Type `daneel --help` to see them all."
        raise unknown_name("verb", name, VERBS.names(), hint)
    verb = VERBS.load(name)
    return verb.run(_parse(verb, name, rest))


def _parse(verb: ModuleType, name: str, arguments: list[str]) -> Any:
    if hasattr(verb, "parse"):
        return verb.parse(arguments)
    import tyro  # not needed for `daneel --help`

    without_pairs = (tyro.conf.FlagCreatePairsOff,)
    return tyro.cli(verb.Options, prog=f"daneel {name}", args=arguments, config=without_pairs)


def _print_help() -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold]daneel {__version__}[/]: embodied agents that learn a model of their world, "
        "plan in it, and pass a gate.\n\n"
        "Usage: daneel VERB ...    `daneel VERB --help` shows every option of a verb."
    )
    for job, entries in JOBS.items():
        console.print(f"\n[bold]{job}[/]")
        for entry in entries:
            console.print(f"  [cyan]{entry.name:<10}[/] {entry.summary}")
        if not entries:
            console.print("  [dim]not in this version[/]")
    console.print("\nStart with: daneel train quickstart")
