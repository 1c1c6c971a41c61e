"""A folder that appears only when it is whole: it is filled under another name, then renamed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from daneel.training.demos.arrow import writing
from daneel.training.demos.layout import DatasetError


class PartialFolder:
    """The folder `target` before it is whole; what a killed process left of it is removed."""

    def __init__(self, target: Path) -> None:
        """Make an empty folder beside `target`.

        Raises:
            DatasetError: `target` exists, a living process is filling it, or the disk is full.
        """
        if target.exists():
            raise DatasetError(
                f"{target} exists already. Expected a new folder: a dataset is written once. "
                "Choose another with --out FOLDER, or move this one away."
            )
        self.target = target
        self.path = target.parent / f"{_prefix(target)}{os.getpid()}"
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(target)
            self.path.mkdir()

    def appear(self) -> None:
        """Give the folder its name.

        Raises:
            DatasetError: Somebody else took the name in the meantime.
        """
        with writing(self.target):
            self.path.rename(self.target)

    def remove(self) -> None:
        """Take away what was written, if it has not appeared."""
        shutil.rmtree(self.path, ignore_errors=True)


def _remove_leftovers(target: Path) -> None:
    prefix = _prefix(target)
    for found in target.parent.glob(f"{prefix}*"):
        owner = int(found.name.removeprefix(prefix))
        if owner != os.getpid() and _is_alive(owner):
            raise DatasetError(
                f"Process {owner} is collecting {target} at this moment. Expected one at a time. "
                f"Wait for it; if there is no such process, type `rm -r {found}`."
            )
        shutil.rmtree(found, ignore_errors=True)


def _prefix(target: Path) -> str:
    return f".{target.name}.partial-"


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
