"""The folder of a run: configuration, metrics, checkpoints, and a lock against a second writer.

::

    runs/2025-01-31-cheetah-3/
      config.yaml            resolved configuration, versioned
      metrics.jsonl          one JSON object a line, in the order things happened
      checkpoints/step-5000/ see `daneel.training.checkpoint`
      checkpoints/latest     text file with the name of the newest checkpoint
      videos/  eval.json  report.html  card.md  gate.json
      lock                   who is writing now (empty when nobody is)

Whatever happens to the process, the folder can be resumed: files are replaced as a whole, and what
was appended to `metrics.jsonl` after the last checkpoint is cut off on resume.
"""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from daneel.config import load_yaml, save_yaml
from daneel.errors import CheckpointError, RunFolderError
from daneel.training import checkpoint

KEEP_CHECKPOINTS = 2
LATEST = "latest"
"""File under `checkpoints/` with the name of the newest `step-N` folder."""

_locked_here: set[Path] = set()  # file locks do not stop a second run in the same process


class RunFolder:
    """One run on disk. Use as a context manager to hold the lock while writing.

    Raises:
        RunFolderError: from every method that writes, when the disk is full or not writable.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Look at `path`; `create` and `open` check it."""
        self.path = Path(path)
        self._lock_file: IO[str] | None = None
        self._metrics: io.FileIO | None = None

    @classmethod
    def create(cls, path: str | os.PathLike[str], config: Mapping[str, Any]) -> Self:
        """Make a new folder with its `config.yaml`.

        Raises:
            RunFolderError: it exists and is not empty, or cannot be written.
        """
        run = cls(path)
        if run.path.exists() and (not run.path.is_dir() or any(run.path.iterdir())):
            raise RunFolderError(
                f"The run folder {str(path)!r} is already in use. A new run needs a new or empty"
                f" folder. Type `daneel resume {path}` to go on with that run, or pass another"
                " `--out`."
            )
        with run._explained("create"):
            is_new = not run.path.exists()
            run.path.mkdir(parents=True, exist_ok=True)
            try:
                save_yaml(run.config_path, config)
                run.checkpoints.mkdir()
                run.metrics_path.touch()
            except OSError:
                run._remove_beginnings(is_new)
                raise
        return run

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open an existing run.

        Raises:
            RunFolderError: there is no run at `path`.
        """
        run = cls(path)
        if not run.config_path.is_file():
            found = "has no config.yaml" if run.path.is_dir() else "does not exist"
            raise RunFolderError(
                f"The run folder {str(path)!r} {found}. Expected a folder that `daneel train`"
                f" made. Type `ls {run.path.parent}` to see which runs there are."
            )
        return run

    @property
    def config_path(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def metrics_path(self) -> Path:
        """One JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints and pointers."""
        return self.path / "checkpoints"

    def config(self) -> dict[str, Any]:
        """The configuration as plain data."""
        return load_yaml(self.config_path)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replace `config.yaml`, as a whole."""
        with self._explained("write"):
            save_yaml(self.config_path, config)

    # -- lock -------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            RunFolderError: another process (or another run in this one) holds it.
        """
        key = self.path.resolve()
        if key in _locked_here:
            raise self._busy(os.getpid(), socket.gethostname())
        with self._explained("lock"):
            file = open(self.path / "lock", "a+", encoding="utf-8")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().split()
            file.close()
            raise self._busy(*(holder if len(holder) == 2 else ("?", "?"))) from None
        with self._explained("lock"):
            file.truncate(0)
            file.write(f"{os.getpid()} {socket.gethostname()}\n")
            file.flush()
        _locked_here.add(key)
        self._lock_file = file
        checkpoint.recover(self.checkpoints)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the metrics and release the lock."""
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None
        if self._lock_file is not None:
            self._lock_file.truncate(0)
            self._lock_file.close()
            self._lock_file = None
        _locked_here.discard(self.path.resolve())

    def _busy(self, pid: int | str, host: str) -> RunFolderError:
        return RunFolderError(
            f"The run folder {str(self.path)!r} is being written by process {pid} on {host}."
            " Two runs cannot share a folder."
            f" Wait for it, stop it with `kill {pid}`, or pass another `--out`."
        )

    # -- metrics ----------------------------------------------------------------------------------

    def append(self, record: Mapping[str, Any]) -> None:
        """Append one line to `metrics.jsonl`; readers see it at once."""
        line = json.dumps(record, allow_nan=False, separators=(",", ":")) + "\n"
        with self._explained("write"):
            if self._metrics is None:
                self._metrics = io.FileIO(self.metrics_path, "ab")
            _write_whole(self._metrics, line.encode())

    def metrics_size(self) -> int:
        """Bytes of `metrics.jsonl`, flushed to disk: a checkpoint must not outlive its record."""
        with self._explained("write"):
            descriptor = os.open(self.metrics_path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                return os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)

    def truncate_metrics(self, size: int) -> None:
        """Forget records written after the checkpoint that knew `size` bytes.

        Raises:
            CheckpointError: fewer bytes are there, so records of the checkpoint's past are lost.
        """
        found = self.metrics_path.stat().st_size if self.metrics_path.exists() else 0
        if found < size:
            raise CheckpointError(
                f"{self.metrics_path} has {found} bytes, but the checkpoint was made after {size}."
                " The record of the run's past must be complete."
                f" Restore the file, or start again with `daneel train {self.config_path}`."
            )
        with self._explained("write"):
            os.truncate(self.metrics_path, size)

    def records(self) -> Iterator[dict[str, Any]]:
        """Every complete record of `metrics.jsonl`; a last line cut by a kill is left out."""
        with open(self.metrics_path, encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    yield json.loads(line)

    # -- checkpoints ------------------------------------------------------------------------------

    def save_checkpoint(self, step: int, tree: Mapping[str, Any]) -> Path:
        """Write `step-<step>`, point `latest` at it, and drop old ones that nothing points at."""
        path = self.checkpoints / f"step-{step}"
        with self._explained("write a checkpoint to"):
            checkpoint.save(path, tree)
            self._point_latest(path.name)
        self._prune()
        return path

    def checkpoint(self, which: str = LATEST) -> Path:
        """Folder of `which`: "latest", "released", "step-N", or just "N".

        Raises:
            CheckpointError: there is none of that name; the message lists those that exist.
        """
        name = f"step-{which}" if which.isdigit() else which
        if name == LATEST:
            name = self._latest() or name
        path = self.checkpoints / name
        if Path(name).name == name and path.is_dir():
            return path
        there = ", ".join([LATEST, *self._steps()]) if self._steps() else "none yet"
        raise CheckpointError(
            f"The run {str(self.path)!r} has no checkpoint {which!r}. Checkpoints there: {there}."
            f" Type `ls {self.checkpoints}`."
        )

    def has_checkpoint(self) -> bool:
        """Whether there is one to resume from."""
        return self._latest() is not None

    def _latest(self) -> str | None:
        file = self.checkpoints / LATEST
        return file.read_text(encoding="utf-8").strip() if file.is_file() else None

    def _point_latest(self, name: str) -> None:
        temporary = self.checkpoints / f".{LATEST}.new"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(name + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.checkpoints / LATEST)

    def _steps(self) -> list[str]:
        """Names of the step checkpoints, oldest first."""
        names = [path.name for path in self.checkpoints.glob("step-*") if path.is_dir()]
        return sorted(names, key=lambda name: int(name.removeprefix("step-")))

    def _prune(self) -> None:
        for name in self._steps()[:-KEEP_CHECKPOINTS]:
            if name != self._latest():
                shutil.rmtree(self.checkpoints / name, ignore_errors=True)

    # -- disk -------------------------------------------------------------------------------------

    def _remove_beginnings(self, is_new: bool) -> None:
        if is_new:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        for path in (self.config_path, self.metrics_path):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    @contextmanager
    def _explained(self, action: str) -> Iterator[None]:
        """Turn the system's refusal into an error a user can act on."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            advice = (
                f"Free some space, then type `daneel resume {self.path}`."
                if full and self.config_path.exists()
                else "Pass another `--out`."
            )
            raise RunFolderError(
                f"Cannot {action} the run folder {str(self.path)!r}: {error.strerror or error}."
                f" It must be a writable folder with free space. {advice}"
            ) from error


def _write_whole(file: io.FileIO, line: bytes) -> None:
    """Append all of `line` or nothing: a full disk may take a part of it."""
    size = os.fstat(file.fileno()).st_size
    try:
        written = file.write(line)
    except OSError:
        os.ftruncate(file.fileno(), size)
        raise
    if written != len(line):
        os.ftruncate(file.fileno(), size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
