"""`daneel gate`: check a candidate; release it only if every check holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from gymnasium import spaces
from rich.console import Console

from daneel.alignment import (
    Candidate,
    CheckSpec,
    GateReport,
    declared_box,
    is_released,
    load_gate,
    release,
    released_weights,
    run_gate,
    save_report,
    withdraw,
)
from daneel.alignment.report import to_dict
from daneel.envs import EnvConfig, make_single
from daneel.errors import SpaceError
from daneel.evaluation import agent_weights, load_evaluation
from daneel.evaluation.evaluate import to_dict as evaluation_to_dict
from daneel.training import RunFolder, load_agent, load_seen_range

REFUSED = 1
"""Exit code when a check does not hold."""

NOT_NEEDED_TO_ACT = ("replay.json", "replay.safetensors")
"""Files of a checkpoint that a release leaves out."""

_COLOURS = {"holds": "green", "violated": "red", "unknown": "yellow"}


@dataclass(frozen=True)
class Options:
    """Judge a checkpoint by every check of the gate and release it if all of them hold."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run folder. It needs an evaluation of the same checkpoint (`daneel eval`)."""

    which: str = "latest"
    """Checkpoint: latest or step-N."""

    gate: str = "default"
    """The list of checks: default, or the path of a .yaml file with `checks:`."""

    floor: float | None = None
    """Least mean return of the evaluation, in place of the list's own floor."""

    json: bool = False
    """Print one JSON object."""


def run(options: Options) -> int:
    """Judge, write `gate.json`, release what passed, print."""
    report = judge(options.run, options.which, load_gate(options.gate), options.floor)
    if options.json:
        print(json.dumps({"run": str(options.run), **to_dict(report)}, indent=2))
    else:
        print_report(report, options.run)
        print(f"next: daneel {'play' if report.passed else 'eval'} {options.run}")
    return 0 if report.passed else REFUSED


def judge(run: Path, which: str, checks: list[CheckSpec], floor: float | None = None) -> GateReport:
    """Run the checks on a checkpoint, write `gate.json`, and release the checkpoint if it passed.

    A release of the same weights is taken back when they do not pass any more; a release of other
    weights stays.

    Raises:
        DaneelError: There is no such run or checkpoint, or no box can be declared for it.
    """
    candidate = load_candidate(run, which)
    report = run_gate(candidate, checks if floor is None else _with_floor(checks, floor))
    save_report(report, run)
    if report.passed:
        release(run, candidate.path, candidate.weights, leave_out=NOT_NEEDED_TO_ACT)
    elif released_weights(run) == report.weights_sha256:
        withdraw(run)
    return report


def print_report(report: GateReport, run: Path) -> None:
    """One line for each finding, and the verdict."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for finding in report.findings:
        console.print(f"{finding.verdict:<9}", style=_COLOURS[finding.verdict], end="")
        console.print(f" {finding.check:<18} {finding.detail}")
    if report.passed:
        console.print(f"passed: {report.checkpoint} is released in {run}/checkpoints/released")
    else:
        console.print(f"refused: {report.checkpoint} is not released; see {run}/gate.json")
        if is_released(run):
            console.print("the release of earlier weights stays")


def load_candidate(run: Path, which: str = "latest") -> Candidate:
    """The candidate that a checkpoint of a run is.

    Raises:
        DaneelError: There is no such checkpoint, its actor has no flat vector observation, or no
            box can be declared.
    """
    agent, config, name = load_agent(run, which, device="cpu")
    actor, notes = agent.actor()
    observation, action = _spaces(config.env)
    low, high, source = _box(observation, load_seen_range(run, which), notes)
    ends = (action.low, action.high) if isinstance(action, spaces.Box) else (None, None)
    evaluation = load_evaluation(run)
    return Candidate(
        actor=actor,
        box_low=low,
        box_high=high,
        box_source=source,
        action_low=None if ends[0] is None else ends[0].astype(np.float32).ravel(),
        action_high=None if ends[1] is None else ends[1].astype(np.float32).ravel(),
        weights=agent_weights(agent),
        evaluation=None if evaluation is None else evaluation_to_dict(evaluation),
        path=RunFolder.open(run).checkpoint(name),
    )


def _spaces(config: EnvConfig) -> tuple[spaces.Dict, spaces.Space[Any]]:
    env = make_single(config)
    try:
        assert isinstance(env.observation_space, spaces.Dict)
        return env.observation_space, env.action_space
    finally:
        env.close()


def _box(
    observation: spaces.Dict, seen: Mapping[str, tuple[Any, Any]], notes: Mapping[str, Any]
) -> tuple[Any, Any, str]:
    """The declared box of the actor's flat input: modalities in its order, sorted by default."""
    keys = list(notes.get("keys") or sorted(observation.spaces))
    boxes = [observation[key] for key in keys]
    if not all(isinstance(box, spaces.Box) for box in boxes):
        raise SpaceError(
            f"The actor reads {', '.join(keys)}, which are not all vectors. "
            "The gate can declare a box for vectors only. Type `daneel list checks`."
        )
    corners = [
        (box.low.ravel(), box.high.ravel(), *_seen(seen, key, box.low.size))
        for key, box in zip(keys, boxes, strict=True)
        if isinstance(box, spaces.Box)
    ]
    low, high, seen_low, seen_high = (np.concatenate(ends) for ends in zip(*corners, strict=True))
    return declared_box(low, high, seen_low, seen_high)


def _seen(seen: Mapping[str, tuple[Any, Any]], key: str, size: int) -> tuple[Any, Any]:
    """The range seen of one modality; NaN where none was recorded, which `declared_box` refuses."""
    if key not in seen:
        return np.full(size, np.nan), np.full(size, np.nan)
    low, high = seen[key]
    return np.asarray(low).ravel(), np.asarray(high).ravel()


def _with_floor(checks: list[CheckSpec], floor: float) -> list[CheckSpec]:
    """The list with this floor in its evaluation check, which is added where it has none."""
    name = "evaluation_floor"
    if all(spec.name != name for spec in checks):
        checks = [*checks, CheckSpec(name)]
    return [
        CheckSpec(name, {**spec.options, "floor": floor}) if spec.name == name else spec
        for spec in checks
    ]
