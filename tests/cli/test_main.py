"""The command itself: help, wrong verbs and flags, exit codes."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from daneel import __version__, cli
from daneel.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """Do a thing."""

    num_envs: int = 1
    """How many."""


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Options], int]], None]:
    """Lets a test say what `daneel doctor` does."""

    def install(run: Callable[[Options], int]) -> None:
        module = SimpleNamespace(Options=Options, run=run)
        monkeypatch.setattr(cli.VERBS, "load", lambda _name: module)

    return install


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_shows_the_jobs_and_every_verb(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Grouped by what people come to do."""
    assert cli.main(argv) == 0
    out = capsys.readouterr().out
    assert all(job in out for job in cli.JOBS)
    assert all(f"\n  {name}" in out for name in cli.VERBS.names())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """One line."""
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"daneel {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    """Help answers at once: no torch, no gymnasium, not even tyro."""
    code = (
        "import sys; from daneel.cli import main; main(['--help']); "
        "heavy = {'torch', 'gymnasium', 'numpy', 'mujoco', 'tyro'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_module_is_the_command() -> None:
    """`python -m daneel` takes the same arguments."""
    done = subprocess.run([sys.executable, "-m", "daneel", "tarin"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Unknown verb 'tarin'. Nearest: train")


def test_unknown_verb_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, with exit code 2."""
    assert cli.main(["evla"]) == 2
    assert capsys.readouterr().err == (
        "Unknown verb 'evla'. Nearest: eval, play. Type `daneel --help` to see them all.\n"
    )


def test_unknown_flag_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest flag with its help, and exit code 2."""
    assert cli.main(["doctor", "--jsn"]) == 2
    err = capsys.readouterr().err
    assert "--jsn" in err
    assert "--json" in err
    assert "daneel doctor --help" in err


def test_help_of_a_verb_comes_from_its_docstrings(capsys: pytest.CaptureFixture[str]) -> None:
    """Leaves with 0."""
    assert cli.main(["doctor", "--help"]) == 0
    out = capsys.readouterr().out
    assert "usage: daneel doctor" in out
    assert "Print one JSON object." in out


def test_options_reach_the_verb(verb: Callable[..., None]) -> None:
    """The verb's return value is the exit code; dashes and underscores are the same."""
    verb(lambda options: options.num_envs)
    assert cli.main(["doctor"]) == 1
    assert cli.main(["doctor", "--num-envs", "5"]) == 5
    assert cli.main(["doctor", "--num_envs", "6"]) == 6


def test_own_parse_goes_before_tyro(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb may read its arguments itself."""
    module = SimpleNamespace(parse=lambda argv: list(argv), run=lambda options: len(options))
    monkeypatch.setattr(cli.VERBS, "load", lambda _name: module)
    assert cli.main(["train", "a", "b", "c"]) == 3


def test_user_error_is_one_clean_message(
    verb: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback: exactly the message, and exit code 2."""

    def fail(_options: Options) -> int:
        raise ConfigError("steps is 0. Expected at least 1. Type `daneel train --help`.")

    verb(fail)
    assert cli.main(["doctor"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "steps is 0. Expected at least 1. Type `daneel train --help`.\n"


def test_interrupt_leaves_with_130(verb: Callable[..., None]) -> None:
    """As shells have it for Ctrl-C."""

    def interrupt(_options: Options) -> int:
        raise KeyboardInterrupt

    verb(interrupt)
    assert cli.main(["doctor"]) == 130


def test_a_bug_keeps_its_traceback(verb: Callable[..., None]) -> None:
    """What the user cannot mend must reach the issue tracker whole."""

    def crash(_options: Options) -> int:
        raise RuntimeError("a bug")

    verb(crash)
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main(["doctor"])


@pytest.mark.parametrize("argv", [["list", "verbs"], ["list", "verbs", "--json"]])
def test_reader_that_leaves_early_sees_no_traceback(argv: list[str]) -> None:
    """`daneel list envs | head` is silent, through rich and through print."""
    code = f"import sys; from daneel.cli import main; sys.exit(main({argv}))"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
