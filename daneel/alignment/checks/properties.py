"""Check that every property a run comes with is proved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from daneel.alignment.candidate import Candidate
from daneel.alignment.falsify import target
from daneel.alignment.finding import Finding
from daneel.errors import ConfigError

FOLDER = "properties"
"""Folder of a run with its properties, `*.yaml`."""

_NAME = "properties"


@dataclass(frozen=True)
class Properties:
    """Every property file of the run is proved for its network. Figure: how many were proved.

    Files are those in RUN/properties and those listed here; `daneel.alignment.verification` says
    how they are written, and `inputs: declared` in them is the candidate's box. One that is
    violated gives its witness; one that is not decided in time makes the check unknown, and so
    does having none.
    """

    files: tuple[str, ...] = ()
    """More files; a relative path begins at the run folder."""
    seconds: float = 30.0
    """Time for each."""

    def __post_init__(self) -> None:
        """Refuse no time at all."""
        if not self.seconds > 0:
            raise ConfigError(f"seconds is {self.seconds}. Expected more than 0.")

    def inputs(self, candidate: Candidate) -> Sequence[Path]:
        """The files, in the order in which they are proved."""
        return [*property_files(candidate.run), *(candidate.run / file for file in self.files)]

    def __call__(self, candidate: Candidate) -> Finding:
        """Prove one after the other; the first violation ends it."""
        files = self.inputs(candidate)
        if not files:
            detail = f"There is no property in {candidate.run / FOLDER}. Write one there."
            return Finding(_NAME, "unknown", detail=detail)
        undecided: list[str] = []
        for file in files:
            found = self._verify(candidate, file)
            if found.verdict == "violated":
                return _violated(file, found)
            if found.verdict != "holds":
                undecided.append(file.name)
        proved = float(len(files) - len(undecided))
        if undecided:
            detail = f"Not decided within {self.seconds:g} s: {', '.join(undecided)}."
            return Finding(_NAME, "unknown", proved, detail)
        names = ", ".join(file.stem for file in files)
        return Finding(_NAME, "holds", proved, f"Proved: {names}.")

    def _verify(self, candidate: Candidate, file: Path) -> Any:
        from daneel.alignment.verification import Budget, load_property, verify

        actor = target(candidate).actor
        low, high = torch.as_tensor(candidate.box_low), torch.as_tensor(candidate.box_high)
        outputs = int(actor(low[None]).shape[-1])
        return verify(actor, load_property(file, outputs, (low, high)), Budget(self.seconds))


def property_files(run: Path) -> list[Path]:
    """What RUN/properties holds, by name."""
    return sorted((run / FOLDER).glob("*.y*ml"))


def _violated(file: Path, found: Any) -> Finding:
    witness = {"file": file.name, **asdict(found.witness)}
    return Finding(_NAME, "violated", 0.0, f"{file.name} does not hold. It replays.", witness)
