"""The pool: all commands run, at most some at once, one thread each, none left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daneel.evaluation.bench import pool


def command(name: str, code: str, folder: Path) -> pool.Command:
    """A small Python program."""
    return pool.Command(name, (sys.executable, "-c", code), folder / f"{name}.log")


def test_every_command_runs_and_tells_how_it_ended(tmp_path: Path) -> None:
    """Exit status and output, with one thread a process."""
    code = "import os; print(os.environ['OMP_NUM_THREADS'])"
    commands = [command(f"c{at}", code, tmp_path) for at in range(3)]
    commands.append(command("bad", "raise SystemExit(3)", tmp_path))
    ends = {end.command.name: end for end in pool.run(commands, workers=2)}
    assert {name: end.code for name, end in ends.items()} == {"c0": 0, "c1": 0, "c2": 0, "bad": 3}
    assert ends["c0"].last_lines() == "1"


def test_no_more_than_the_workers_run_at_once(tmp_path: Path) -> None:
    """Each process counts the others that are alive."""
    code = (
        f"import os, time, pathlib; here = pathlib.Path({str(tmp_path)!r}); "
        "me = here / (str(os.getpid()) + '.on'); me.touch(); time.sleep(0.3); "
        "print(len(list(here.glob('*.on')))); me.unlink()"
    )
    commands = [command(f"c{at}", code, tmp_path) for at in range(4)]
    seen = [int(end.last_lines()) for end in pool.run(commands, workers=2)]
    assert max(seen) <= 2


def test_stopping_early_leaves_no_process(tmp_path: Path) -> None:
    """Whatever the caller does to the generator."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    quick = command("quick", "pass", tmp_path)
    slow = command("slow", code, tmp_path)
    running = pool.run([slow, quick], workers=2)
    next(running)
    pid = int(_wait_for_text(slow.log))
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_its_bench(tmp_path: Path, how: signal.Signals) -> None:
    """However the bench itself is ended."""
    log = tmp_path / "slow.log"
    slow = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    bench = (  # the module alone, without the rest of the package: it starts at once
        "import sys, pathlib, importlib.util as u;"
        f"spec = u.spec_from_file_location('pool', {pool.__file__!r});"
        "pool = sys.modules['pool'] = u.module_from_spec(spec); spec.loader.exec_module(pool);"
        f"c = pool.Command('slow', (sys.executable, '-c', {slow!r}), pathlib.Path({str(log)!r}));"
        "list(pool.run([c]))"
    )
    process = subprocess.Popen([sys.executable, "-c", bench], stderr=subprocess.DEVNULL)
    pid = int(_wait_for_text(log))
    process.send_signal(how)
    process.wait(timeout=20)
    deadline = time.monotonic() + 10
    while _alive(pid):
        assert time.monotonic() < deadline, "the process outlived its bench"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _wait_for_text(path: Path) -> str:
    deadline = time.monotonic() + 60
    while not (text := path.read_text() if path.exists() else "").endswith("\n"):
        assert time.monotonic() < deadline, "the process never started"
        time.sleep(0.05)
    return text
