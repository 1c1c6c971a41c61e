"""`daneel gate`: check a candidate; release it, signed, only if every check holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from gymnasium import spaces
from rich.console import Console

from daneel.alignment import (
    Candidate,
    CheckSpec,
    GateReport,
    is_released,
    load_gate,
    release,
    released_weights,
    run_gate,
    save_report,
    withdraw,
    witness_path,
)
from daneel.alignment.report import to_dict
from daneel.envs import EnvConfig, make_single
from daneel.evaluation import load_evaluation
from daneel.evaluation.alignment_figures import figure, seconds
from daneel.evaluation.evaluate import to_dict as evaluation_to_dict
from daneel.training import RunFolder, build_candidate, load_agent, load_seen_range
from daneel.training.candidates import NOT_NEEDED_TO_ACT

REFUSED = 1
"""Exit code when a check does not hold."""

_COLOURS = {"holds": "green", "violated": "red", "unknown": "yellow"}


@dataclass(frozen=True)
class Options:
    """Judge a checkpoint by every check of the gate and release it if all of them hold."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run folder. It needs an evaluation of the same checkpoint (`daneel eval`)."""

    which: str = "latest"
    """Checkpoint: latest or step-N."""

    gate: str = "default"
    """The list of checks: default, strict, or the path of a .yaml file with `checks:`."""

    floor: float | None = None
    """Least mean return of the evaluation, in place of the list's own floor."""

    json: bool = False
    """Print one JSON object."""


def run(options: Options) -> int:
    """Judge, write `gate.json`, release what passed, print."""
    checks = load_gate(options.gate)
    report = judge(options.run, options.which, checks, options.floor, gate=options.gate)
    if options.json:
        print(json.dumps({"run": str(options.run), **to_dict(report)}, indent=2))
    else:
        print_report(report, options.run)
        print(f"next: daneel {'play' if report.passed else 'eval'} {options.run}")
    return 0 if report.passed else REFUSED


def judge(
    run: Path,
    which: str,
    checks: list[CheckSpec],
    floor: float | None = None,
    gate: str = "a list in memory",
) -> GateReport:
    """Run the checks on a checkpoint, write `gate.json`, and release the checkpoint if it passed.

    A release of the same weights is taken back when they do not pass any more; a release of other
    weights stays.

    Args:
        run: The run folder.
        which: latest or step-N.
        checks: The list.
        floor: Least mean return, in place of the list's own.
        gate: Name or path of the list.

    Raises:
        DaneelError: There is no such run or checkpoint, or no box can be declared for it, or it
            passed and there is no key to sign with.
    """
    candidate = load_candidate(run, which)
    checks = checks if floor is None else _with_floor(checks, floor)
    report = run_gate(candidate, checks, gate)
    save_report(report, run)
    if report.passed:
        release(run, candidate.path, candidate.weights, leave_out=NOT_NEEDED_TO_ACT)
    elif released_weights(run) == report.weights_sha256:
        withdraw(run)
    return report


def print_report(report: GateReport, run: Path) -> None:
    """A table with a line for each check, its witness where it has one, and the verdict."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    width = max([len(finding.check) for finding in report.findings] + [5])
    console.print(f"{'check':<{width}}  {'verdict':<8}  {'figure':>9}  {'time':>7}  what was found")
    for index, finding in enumerate(report.findings):
        console.print(f"{finding.check:<{width}}  ", end="")
        console.print(f"{finding.verdict:<8}", style=_COLOURS[finding.verdict], end="")
        console.print(f"  {figure(finding):>9}  {seconds(finding):>7}  {finding.detail}")
        witness = witness_path(report, index)
        if witness is not None:
            console.print(f"{'':<{width + 32}}witness: {run / witness}")
    console.print(f"{len(report.findings)} checks of {report.gate} in {report.seconds:.1f} s")
    if report.passed:
        console.print(
            f"passed: {report.checkpoint} is released in {run}/checkpoints/released, signed"
        )
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
    evaluation = load_evaluation(run)
    return build_candidate(
        agent,
        *_spaces(config.env),
        load_seen_range(run, which),
        None if evaluation is None else evaluation_to_dict(evaluation),
        RunFolder.open(run).checkpoint(name),
    )


def _spaces(config: EnvConfig) -> tuple[spaces.Dict, spaces.Space[Any]]:
    env = make_single(config)
    try:
        assert isinstance(env.observation_space, spaces.Dict)
        return env.observation_space, env.action_space
    finally:
        env.close()


def _with_floor(checks: list[CheckSpec], floor: float) -> list[CheckSpec]:
    """The list with this floor in its evaluation check, which is added where it has none."""
    name = "evaluation_floor"
    if all(spec.name != name for spec in checks):
        checks = [*checks, CheckSpec(name)]
    return [
        CheckSpec(name, {**spec.options, "floor": floor}) if spec.name == name else spec
        for spec in checks
    ]
