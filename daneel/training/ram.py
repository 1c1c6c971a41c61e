"""How much memory this process may still take, and a refusal before a run that needs more."""

from __future__ import annotations

from pathlib import Path

from daneel.errors import MemoryBudgetError

_CGROUPS = (  # (limit, in use): version 2, then version 1
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def available_bytes() -> int | None:
    """Free RAM in bytes: the machine's, or the container's limit where that is smaller.

    None where the system does not tell (no `/proc/meminfo`).
    """
    limits = [_container_bytes(*paths) for paths in _CGROUPS] + [_machine_bytes()]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def check_memory(needed: int, available: int | None = None, *, saving: int = 0) -> None:
    """Refuse a replay that does not fit into memory.

    Args:
        needed: bytes of the full replay.
        available: bytes that may be taken; None measures them.
        saving: bytes that writing a checkpoint of it takes on top, for a moment.

    Raises:
        MemoryBudgetError: it does not fit; the message names the flag that makes it smaller.
    """
    available = available_bytes() if available is None else available
    if available is not None and needed + saving > available:
        extra = f" and {readable_bytes(saving)} more while a checkpoint is saved" if saving else ""
        raise MemoryBudgetError(
            f"The replay would take {readable_bytes(needed)} of memory{extra}, but only"
            f" {readable_bytes(available)} are free. It holds `replay_capacity` transitions."
            f" Pass a smaller `--replay_capacity`, or fewer `--steps`."
        )


def readable_bytes(count: float) -> str:
    """`count` bytes as people write it: "3.2 MB" (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _machine_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kilobytes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kilobytes[0]) * 1024 if kilobytes else None


def _container_bytes(limit_path: str, used_path: str) -> int | None:
    try:
        limit = Path(limit_path).read_text(encoding="ascii").strip()
        used = Path(used_path).read_text(encoding="ascii").strip()
    except OSError:
        return None
    return max(int(limit) - int(used), 0) if limit.isdigit() else None
