"""Releasing a candidate that passed, and refusing anything else.

::

    run/
      released.json             which checkpoint, hashes of its weights and files, key, signature
      checkpoints/released/     its files (hard links where the disk allows), the configuration, and
                                the gate's report with the evidence and the list of checks

`released.json` is written last and removed first, each in one step: it is there exactly when a
complete release is. It is signed with the user's key (`daneel.alignment.signing`). Whoever loads
`released` calls `verify_released`, which checks the signature and hashes everything anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from daneel.alignment.gate import CONFIG
from daneel.alignment.hashing import file_hash, weights_hash
from daneel.alignment.report import FILE as REPORT_FILE
from daneel.alignment.report import GateReport, from_dict, load_report, read_json, write_json
from daneel.alignment.report import to_dict as report_to_dict
from daneel.alignment.signing import TRUSTED_FILE, config_folder, sign, signature_fault
from daneel.errors import CheckpointError

MARKER = "released.json"
"""Name of the marker in the run folder."""

FOLDER = Path("checkpoints") / "released"
"""Where the released checkpoint is, below the run folder."""

VERSION = 2
"""Version of `released.json`: from 2 on it is signed."""


def release(
    run: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str],
    weights: Mapping[str, Tensor],
    leave_out: Collection[str] = (),
) -> Path:
    """Mark a checkpoint as released, if `gate.json` says that these weights passed.

    Args:
        run: The run folder; an earlier release in it is replaced.
        checkpoint: The folder of the checkpoint that was judged.
        weights: Its weights, as given to the gate.
        leave_out: Names of files of the checkpoint that acting does not need (the replay).

    Raises:
        CheckpointError: No report, an edited one, one of other weights, one that did not pass, a
            file that changed since it was judged, or no key to sign with.
    """
    run, checkpoint = Path(run), Path(checkpoint)
    report = load_report(run)
    if report is None:
        raise _refused(run, "was not judged by the gate", "Expected its gate.json.")
    _require_passed(run, report, weights_hash(weights))
    _require_inputs(run, report, without=())
    withdraw(run)
    folder = run / FOLDER
    _link_files(checkpoint, folder, set(leave_out))
    if (run / CONFIG).is_file():
        shutil.copy2(run / CONFIG, folder / CONFIG)
    write_json(folder / REPORT_FILE, report_to_dict(report))
    write_json(run / MARKER, sign(_marker(report, folder)))
    return folder


def withdraw(run: str | os.PathLike[str]) -> None:
    """Take back a release, if there is one: the marker first, then the files."""
    (Path(run) / MARKER).unlink(missing_ok=True)
    shutil.rmtree(Path(run) / FOLDER, ignore_errors=True)


def verify_released(
    run: str | os.PathLike[str], weights: Mapping[str, Tensor] | None = None
) -> Path:
    """The folder of the released checkpoint, after hashing it anew.

    Args:
        run: The run folder.
        weights: What was loaded from it, if it was: then its hash is compared too.

    Raises:
        CheckpointError: Nothing is released, or a file, the report or the marker was changed, the
            signature is bad or of a stranger, or a file that the checks read is another now.
    """
    run = Path(run)
    folder = run / FOLDER
    if not (run / MARKER).is_file():
        raise _refused(run, "has no released checkpoint", "Only a candidate that passed has one.")
    marker = read_json(run / MARKER)
    _require_signature(run, marker)
    if _hashes(folder) != marker["files"]:
        raise _refused(run, "has a released checkpoint whose files were changed")
    report = from_dict(read_json(folder / REPORT_FILE), str(folder / REPORT_FILE))
    if report.weights_sha256 != marker.get("weights_sha256"):
        raise _refused(run, f"has a {MARKER} that names other weights than its report")
    _require_passed(
        run, report, report.weights_sha256 if weights is None else weights_hash(weights)
    )
    # The run's own configuration may follow a resumed training; the signed copy is what is loaded.
    _require_inputs(run, report, without=(CONFIG,))
    load_report(run)  # raises where it was edited
    return folder


def released_weights(run: str | os.PathLike[str]) -> str | None:
    """Hash of the weights that `released.json` names, or None where nothing is released."""
    marker = Path(run) / MARKER
    return str(read_json(marker).get("weights_sha256")) if marker.is_file() else None


def is_released(run: str | os.PathLike[str]) -> bool:
    """Whether the run has a release; `verify_released` says whether it is still good."""
    return (Path(run) / MARKER).is_file()


def _require_signature(run: Path, marker: Mapping[str, Any]) -> None:
    if marker.get("version") == 1:
        raise _refused(run, "was released before releases were signed", "Expected a signature.")
    if marker.get("version") != VERSION or not isinstance(marker.get("files"), dict):
        raise _refused(run, f"has a {MARKER} of another version or program")
    fault = signature_fault(marker)
    if fault is not None:
        trusted = config_folder() / TRUSTED_FILE
        expected = f"Expected the signature of your own key or of one in {trusted}."
        raise _refused(run, f"has a {MARKER} that {fault}", expected)


def _require_inputs(run: Path, report: GateReport, without: Collection[str]) -> None:
    """Files that the verdicts were read from; one that lies elsewhere may be absent here."""
    for name, digest in report.inputs.items():
        path = run / name  # an absolute name stays what it is
        if name in without or (Path(name).is_absolute() and not path.exists()):
            continue
        if not path.is_file() or file_hash(path) != digest:
            raise _refused(run, f"was judged by {str(path)!r}, which was changed since")


def _require_passed(run: Path, report: GateReport, digest: str) -> None:
    if report.weights_sha256 != digest:
        raise _refused(run, "has weights that are not those the gate judged")
    if not report.passed:
        failed = ", ".join(
            f"{f.check} {f.verdict}" for f in report.findings if f.verdict != "holds"
        )
        raise _refused(run, f"did not pass the gate ({failed or 'no findings'})")


def _link_files(checkpoint: Path, folder: Path, leave_out: set[str]) -> None:
    folder.mkdir(parents=True)
    for file in sorted(checkpoint.iterdir()):
        if file.is_file() and file.name not in leave_out:
            try:
                os.link(file, folder / file.name)
            except OSError:  # another disk, or one without links
                shutil.copy2(file, folder / file.name)


def _marker(report: GateReport, folder: Path) -> dict[str, Any]:
    return {
        "version": VERSION,
        "checkpoint": FOLDER.as_posix(),
        "copied_from": report.checkpoint,
        "weights_sha256": report.weights_sha256,
        "files": _hashes(folder),
    }


def _hashes(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    return {
        file.name: file_hash(file) if file.is_file() else "no file"
        for file in sorted(folder.iterdir())
    }


def _refused(
    run: Path, found: str, expected: str = "Expected exactly what passed the gate."
) -> CheckpointError:
    return CheckpointError(
        f"The run {str(run)!r} {found}. {expected} Type `daneel gate {run}` to judge it."
    )
