"""Run folders: one writer, whole records, checkpoints that can be found, clear refusals."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daneel.errors import CheckpointError, RunFolderError
from daneel.training import checkpoint
from daneel.training.run_folder import RunFolder

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A new run."""
    return RunFolder.create(tmp_path / "run", {"steps": 5})


def test_create_and_open(run: RunFolder) -> None:
    """The configuration comes back; the folder has what a reader expects."""
    assert RunFolder.open(run.path).config() == {"steps": 5}
    assert sorted(os.listdir(run.path)) == ["checkpoints", "config.yaml", "metrics.jsonl"]
    assert not run.has_checkpoint()


def test_create_refuses_a_folder_in_use(run: RunFolder, tmp_path: Path) -> None:
    """A second run in the folder, and a folder with something else in it; an empty one is fine."""
    with pytest.raises(RunFolderError, match=r"already in use.*daneel resume .*--out"):
        RunFolder.create(run.path, {})
    (tmp_path / "empty").mkdir()
    RunFolder.create(tmp_path / "empty", {})


def test_open_refuses_what_is_no_run(tmp_path: Path) -> None:
    """Absent, and without configuration."""
    with pytest.raises(RunFolderError, match="does not exist"):
        RunFolder.open(tmp_path / "none")
    with pytest.raises(RunFolderError, match=r"has no config\.yaml"):
        RunFolder.open(tmp_path)


def test_records_are_appended_and_cut_back(run: RunFolder) -> None:
    """What was written after a checkpoint is forgotten; a cut last line is skipped."""
    with run:
        run.append({"step": 1})
        size = run.metrics_size()
        run.append({"step": 2})
        with open(run.metrics_path, "a") as file:
            file.write('{"step": 3')
        assert [record["step"] for record in run.records()] == [1, 2]
        run.truncate_metrics(size)
        run.append({"step": 4})
    assert [record["step"] for record in run.records()] == [1, 4]
    with pytest.raises(CheckpointError, match=r"has \d+ bytes, but the checkpoint was made after"):
        run.truncate_metrics(10_000)


def hold(path: Path, ready: Any) -> None:
    """Hold the lock until killed."""
    with RunFolder(path):
        ready.set()
        signal.pause()


def test_two_runs_in_one_folder(run: RunFolder) -> None:
    """In another process and in this one; a killed process leaves the folder free."""
    ready = FORK.Event()
    other = FORK.Process(target=hold, args=(run.path, ready))
    other.start()
    assert ready.wait(30)
    with pytest.raises(RunFolderError, match=f"process {other.pid} on .*--out"), run:
        pass
    other.kill()
    other.join()
    with run:
        with pytest.raises(RunFolderError, match=f"process {os.getpid()}"), RunFolder(run.path):
            pass
        run.append({"step": 1})  # the refusal did not release our own lock
    with run:
        pass


def test_leftovers_of_a_killed_writer_are_mended(run: RunFolder) -> None:
    """By the next writer: half a checkpoint goes, one that had stepped aside comes back."""
    run.save_checkpoint(3, {"a": 1})
    (run.checkpoints / ".step-4.17.tmp").mkdir()
    (run.checkpoints / "step-3").rename(run.checkpoints / ".step-3.17.old")
    with run:
        assert sorted(os.listdir(run.checkpoints)) == ["latest", "step-3"]
        assert checkpoint.load(run.checkpoint()) == {"a": 1}


def test_the_last_two_checkpoints_are_kept(run: RunFolder) -> None:
    """Found by name, by number and as the latest; a release is never dropped."""
    (run.checkpoints / "released").mkdir()
    for step in (5, 10, 90, 100):
        run.save_checkpoint(step, {"a": step})
    assert sorted(os.listdir(run.checkpoints)) == ["latest", "released", "step-100", "step-90"]
    assert run.checkpoint().name == "step-100"
    assert run.checkpoint("90") == run.checkpoint("step-90")
    assert run.checkpoint("released").name == "released"
    message = "no checkpoint 'step-5'. Checkpoints there: latest, step-90, step-100"
    with pytest.raises(CheckpointError, match=message):
        run.checkpoint("step-5")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        run.checkpoint("../checkpoints/step-90")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_place(tmp_path: Path) -> None:
    """Said before anything is written."""
    tmp_path.chmod(0o500)
    with pytest.raises(RunFolderError, match=r"Cannot create .*--out"):
        RunFolder.create(tmp_path / "run", {})
    tmp_path.chmod(0o700)


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    """A file in the way."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"Cannot create .*Not a directory.*--out"):
        RunFolder.create(tmp_path / "file" / "run", {})
    with pytest.raises(RunFolderError, match="already in use"):
        RunFolder.create(tmp_path / "file", {})


BIG = {"replay": {"rows": np.zeros(100_000)}}


def fill_up(run: RunFolder) -> None:
    """What a run does when the disk is nearly full; every refusal must be explained."""
    with run:
        run.append({"step": 1})
        run.save_checkpoint(1, {"a": 1})
        with pytest.raises(RunFolderError, match=r"Cannot write a checkpoint .*daneel resume"):
            run.save_checkpoint(2, BIG)
        with pytest.raises(RunFolderError, match="Cannot write the run folder"):
            for step in range(100_000):
                run.append({"step": step, "padding": "x" * 500})


def assert_nothing_half_written(run: RunFolder) -> None:
    """The earlier checkpoint loads, no remains, every line is whole."""
    assert sorted(os.listdir(run.checkpoints)) == ["latest", "step-1"]
    assert checkpoint.load(run.checkpoint()) == {"a": 1}
    text = run.metrics_path.read_text()
    assert text.endswith("}\n") and len(list(run.records())) == text.count("\n")


def in_child(target: Callable[..., None], *args: Any) -> None:
    """Run in a fork, for what changes the whole process."""
    child = FORK.Process(target=target, args=args)
    child.start()
    child.join()
    assert child.exitcode == 0


def limited(run: RunFolder) -> None:
    """No file may grow beyond 100 kB."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    fill_up(run)


def test_files_that_may_not_grow(run: RunFolder) -> None:
    """By a resource limit."""
    in_child(limited, run)
    assert_nothing_half_written(run)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB, where this user may mount one."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(path)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("cannot mount a small file system here")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    """No space left on the device."""
    run = RunFolder.create(small_disk / "run", {"steps": 5})
    fill_up(run)
    assert_nothing_half_written(run)
    shutil.rmtree(run.path)
    (small_disk / "ballast").write_bytes(b"x" * 200 * 1024)
    with pytest.raises(RunFolderError, match="No space left"):
        RunFolder.create(small_disk / "second", {"steps": 5})
    assert os.listdir(small_disk) == ["ballast"]
