"""What a check says about a candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from daneel.alignment.candidate import Candidate

Verdict = Literal["holds", "violated", "unknown"]
"""`holds` is proved or recomputed, `violated` comes with a witness, `unknown` fails too."""

VERDICTS: tuple[str, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Finding:
    """The answer of one check."""

    check: str
    """Name of the check in the registry."""
    verdict: Verdict
    """holds, violated or unknown."""
    figure: float | None = None
    """The number behind the verdict; the check's docstring says which."""
    detail: str = ""
    """One or two sentences for a person."""
    witness: dict[str, Any] | None = field(default=None, compare=False)
    """Plain data that shows a violation and can be replayed."""
    seconds: float = 0.0
    """Wall time of the check, filled in by the gate."""


class Check(Protocol):
    """A check is a frozen dataclass of its options that can be called on a candidate."""

    def __call__(self, candidate: Candidate) -> Finding:
        """Judge the candidate; raising counts as `unknown`."""
        ...


@runtime_checkable
class ReadsFiles(Protocol):
    """A check whose verdict depends on files: a release stands only while they are unchanged."""

    def __call__(self, candidate: Candidate) -> Finding:
        """As every check."""
        ...

    def inputs(self, candidate: Candidate) -> Sequence[Path]:
        """The files."""
        ...
