"""Where a figure came from: the commit, the machine and the versions of what matters."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "daneel", "torch", "numpy", "gymnasium", "mujoco", "dm-control", "metaworld", "panda-gym",
    "pybullet", "gymnasium-robotics", "stable-baselines3", "sb3-contrib",
)  # fmt: skip
"""Distributions whose versions can change a figure."""

RESULTS = "benchmarks/results"
"""Where figures are recorded."""

RECORDED = (RESULTS, "daneel/evaluation/suites/reference.json")
"""What measuring writes, which does not make a tree unclean."""


@dataclass(frozen=True)
class Machine:
    """The computer a figure was measured on."""

    cpu: str
    """Model of the processor, as the system names it."""
    cores: int
    """Cores this process may use."""
    ram_gib: float
    """Memory of the machine in GiB."""
    system: str
    """Operating system and kernel."""

    def __str__(self) -> str:
        """One line for tables and reports."""
        return f"{self.cpu}, {self.cores} cores, {self.ram_gib:.0f} GiB, {self.system}"


@dataclass(frozen=True)
class Source:
    """The state of the source tree."""

    commit: str
    """Commit hash, or "unknown" outside a git checkout."""
    clean: bool
    """Whether the tree equalled that commit, recorded results aside."""

    def __str__(self) -> str:
        """The short commit and whether the tree was clean, for people."""
        if self.commit == "unknown":
            return "not a git checkout"
        return f"{self.commit[:12]}, {'clean tree' if self.clean else 'uncommitted changes'}"


def machine() -> Machine:
    """Describes this computer."""
    return Machine(_cpu_model(), _usable_cores(), round(_ram_bytes() / 2**30, 1), _system())


def versions() -> dict[str, str]:
    """Versions of Python and of the installed `PACKAGES`."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def source(folder: Path | None = None) -> Source:
    """Commit and cleanness of the checkout that holds `folder` (default: this package)."""
    folder = folder or Path(__file__).parent
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return Source("unknown", False)
    others = (f":(top,exclude){path}" for path in RECORDED)
    changes = _git(folder, "status", "--porcelain", "--", ":/", *others)
    return Source(commit, changes == "")


def command_line(argv: Sequence[str] | None = None) -> str:
    """The command that is running, to be typed again.

    Places that only this machine has, absolute paths and addresses, read PATH and ADDRESS: records
    are published.
    """
    argv = list(sys.argv if argv is None else argv)
    program = Path(argv[0]).name if argv else "daneel"
    if program == "__main__.py":
        program = "daneel"
    return shlex.join([program, *(_shareable(argument) for argument in argv[1:])])


def _shareable(argument: str) -> str:
    name, equals, value = argument.rpartition("=") if argument[:2] == "--" else ("", "", argument)
    if "://" in value:
        value = "ADDRESS"
    elif Path(value).is_absolute():
        value = "PATH"
    return f"{name}{equals}{value}"


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine() or "unknown"


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _ram_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0


def _system() -> str:
    return f"{platform.system()} {platform.release()}"
