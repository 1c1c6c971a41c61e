"""Everything that a run folder says about its run, read once for the report and the card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daneel.alignment import GateReport, load_report
from daneel.config import load_yaml
from daneel.errors import RunFolderError
from daneel.evaluation import curves, provenance
from daneel.evaluation.curves import Series
from daneel.evaluation.evaluate import Evaluation, load_evaluation
from daneel.evaluation.provenance import Machine, Source

CONFIG, VIDEOS = "config.yaml", "videos"
TRAIN, PHASE = "train/", "time/"


@dataclass(frozen=True)
class RunData:
    """A run as its folder shows it; what is not there is None or empty."""

    path: Path
    """The run folder."""
    config: dict[str, Any]
    """The resolved configuration."""
    records: list[dict[str, Any]]
    """What was logged, in order."""
    evaluation: Evaluation | None
    """The last `daneel eval`, or the evaluation at the end of training."""
    gate: GateReport | None
    """The last gate report."""
    video: Path | None
    """The newest video."""
    machine: Machine
    """This machine: reports are written where the run is."""
    versions: dict[str, str]
    """Versions of what matters."""
    source: Source
    """State of the source tree."""

    @property
    def env_id(self) -> str:
        """The environment trained in."""
        return str(self.config.get("env", {}).get("id", "unknown environment"))

    @property
    def agent(self) -> str:
        """Name of the agent, with its size where it has one."""
        settings = self.config.get("agent", {})
        size = settings.get("size")
        return f"{settings.get('name', 'unknown agent')}{f', size {size}' if size else ''}"

    @property
    def seed(self) -> int | None:
        """Seed of the training."""
        return self.config.get("seed")

    @property
    def steps(self) -> int:
        """Environment steps done."""
        return max((int(record.get("step", 0)) for record in self.records), default=0)

    @property
    def seconds(self) -> float | None:
        """Wall time of the training so far, evaluations included; None when it was not logged."""
        times = [record["seconds"] for record in self.records if "seconds" in record]
        return float(times[-1]) if times else None

    @property
    def reproduce(self) -> str:
        """The command that trains the same run again from its own configuration."""
        return f"daneel train {self.path / CONFIG} --out {self.path}-again"

    def series(self, key: str) -> Series:
        """The points of a metric."""
        return curves.series(self.records, key)

    def losses(self) -> dict[str, Series]:
        """Every training metric with at least two points, by name without prefix."""
        keys = dict.fromkeys(key for record in self.records for key in record)
        found = {key.removeprefix(TRAIN): self.series(key) for key in keys if key.startswith(TRAIN)}
        return {name: curve for name, curve in found.items() if len(curve) >= 2}

    def phases(self) -> dict[str, float]:
        """Seconds of each phase of the training: the last value of every `time/` metric."""
        found: dict[str, float] = {}
        for record in self.records:
            times = {
                key.removeprefix(PHASE): record[key] for key in record if key.startswith(PHASE)
            }
            found.update(times)
        return {name: float(seconds) for name, seconds in found.items() if seconds}


def load(run: str | Path) -> RunData:
    """Reads a run folder.

    Raises:
        RunFolderError: There is no run there.
        CheckpointError: The gate's report was edited.
    """
    path = Path(run)
    if not (path / CONFIG).is_file():
        raise RunFolderError(
            f"{str(path)!r} is not a run folder: it has no {CONFIG}. Expected a folder that "
            "`daneel train` made. Type `ls runs` to see yours."
        )
    return RunData(
        path=path,
        config=load_yaml(path / CONFIG),
        records=curves.load_metrics(path),
        evaluation=load_evaluation(path),
        gate=load_report(path),
        video=newest_video(path),
        machine=provenance.machine(),
        versions=provenance.versions(),
        source=provenance.source(),
    )


def newest_video(run: Path) -> Path | None:
    """The newest video of a run."""
    videos = sorted((run / VIDEOS).glob("*.mp4"), key=lambda path: path.stat().st_mtime)
    return videos[-1] if videos else None
