"""What may differ between two configurations of the same run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAY_CHANGE = (
    *("steps", "stop_return", "stop_after", "tracker", "out", "video", "checkpoint_every"),
    *("device", "threads"),
)
"""Fields of the configuration that a resumed run may have otherwise. With another device or number
of threads it goes on, but not bit for bit."""


def changed_fields(
    then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = ""
) -> dict[str, tuple[Any, Any]]:
    """Fields that differ between two configurations and may not, by dotted name."""
    changes: dict[str, tuple[Any, Any]] = {}
    for key in dict.fromkeys([*then, *now]):
        name, before, after = f"{prefix}{key}", then.get(key), now.get(key)
        if name in MAY_CHANGE or before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping) and name != "env.kwargs":
            changes |= changed_fields(before, after, f"{name}.")
        else:
            changes[name] = (before, after)
    return changes
