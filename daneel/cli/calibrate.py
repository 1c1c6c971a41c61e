"""`daneel calibrate`: a robot and its logs in, parameters and a better simulator out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from daneel.errors import DaneelError
from daneel.registry import Entry, Registry

if TYPE_CHECKING:
    from daneel.agents.calibration.calibrate import Calibration
    from daneel.agents.calibration.logs import Log
    from daneel.agents.calibration.method import Progress
    from daneel.agents.calibration.recipe import Recipe
    from daneel.agents.calibration.uncertainty import Uncertainty

ACTIONS = Registry(
    "action of calibrate",
    Entry(
        "evaluate",
        "daneel.cli.calibrate_evaluate",
        "error by horizon of any calibration on any log",
    ),
    Entry("suggest", "daneel.cli.calibrate_suggest", "the next commands to record, within limits"),
    Entry("targets", "daneel.cli.calibrate_targets", "list what can be named in a parameter file"),
)
"""What stands in the place of a preset; each is a module with `Options` and `run`."""


@dataclass(frozen=True)
class Options:
    """Find the parameters of a robot from its logs."""

    preset: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="PRESET")] = None
    """A shipped robot with its parameters, or an action; `--model` stands for robots of yours."""

    model: Path | None = None
    """MJCF or URDF file of the robot."""

    logs: tuple[Path, ...] = ()
    """Logs: CSV, JSON, NPZ, Parquet or MATLAB 5, also as .gz."""

    columns: str | None = None
    """Column map of the logs: a YAML file, or the name of a shipped one."""

    params: Path | None = None
    """YAML file with parameters, bounds and priors; friction, gains and delay when left out."""

    out: Path = Path("calibration")
    """Folder of the calibration."""

    horizon: float | None = None
    """Seconds of each rollout, in the place of the recipe's."""

    every: float | None = None
    """Seconds from the start of one rollout to the next, in the place of the recipe's."""

    structure: str | None = None
    """One of the recipe's structures by name; `auto` tries all of them by cross-validation on these
    logs and takes the simplest that is as good as the best."""

    measured_torque: bool | None = None
    """Drive with the measured torque in the place of the command."""

    level: float = 0.9
    """Share of intervals that should hold the true value."""

    posterior: Literal["bootstrap", "neural"] = "bootstrap"
    """How samples of the parameters are drawn: refits, or a network that follows blind valleys
    but is too sure of the rest."""

    residual: bool = False
    """Learn the torque that the model lacks with a small network, from two thirds of the logs; it
    is kept if rollouts of the other third get better."""

    tracker: str = "none"
    """Where to follow the search: none, wandb or trackio."""


def parse(argv: Sequence[str]) -> tuple[Callable[[Any], int], Any]:
    """Reads an action with its options, or the options of a calibration."""
    flags = (tyro.conf.FlagCreatePairsOff,)
    if argv and argv[0] in ACTIONS.names():
        action = ACTIONS.load(argv[0])
        prog = f"daneel calibrate {argv[0]}"
        return action.run, tyro.cli(action.Options, prog=prog, args=argv[1:], config=flags)
    if argv and argv[0] in ("-h", "--help"):
        print(_usage())
    found = tyro.cli(Options, prog="daneel calibrate", args=argv, config=flags)
    return calibrate, found


def run(options: tuple[Callable[[Any], int], Any]) -> int:
    """Does what was asked for."""
    action, settings = options
    return action(settings)


def calibrate(options: Options) -> int:
    """Reads the logs, searches, saves the folder, prints parameters and errors."""
    from daneel.agents.calibration import calibrate as core
    from daneel.agents.calibration.logs import read_logs
    from daneel.agents.calibration.structures import choose_structure

    recipe = _recipe(options)
    if not options.logs:
        raise DaneelError(
            "No log was given. Expected the robot's recordings. Add `--logs run1.csv run2.csv`."
        )
    logs = read_logs(options.logs, recipe.columns())
    for log in logs:
        for note in log.notes:
            print(f"{log.name}: {note}", file=sys.stderr)
    if options.structure is not None:
        recipe = choose_structure(recipe, logs, options.structure, say=_say)
        print(f"structure: {recipe.tree['structure']['chosen']}", file=sys.stderr)
    watch = _Watch(options)
    try:
        found = core.calibrate(recipe, logs, watch)
    finally:
        notes = watch.finish()
    folder = core.save(found, recipe, logs, options.out)
    spread = _complete(options, found, folder)
    print(describe(found, spread))
    if options.residual:
        print(_residual(found, recipe, logs, folder))
    for line in (*found.warnings, *notes):
        print(line, file=sys.stderr)
    print(f"calibration: {folder}", file=sys.stderr)
    return 0


def _residual(found: Calibration, recipe: Recipe, logs: Sequence[Log], folder: Path) -> str:
    """Learns a residual actuator, saves it if it was kept, says what came of it."""
    import torch

    from daneel.agents.calibration.residual_calibration import learn_residual
    from daneel.evaluation.calibration_outputs import note_residual

    generator = torch.Generator().manual_seed(0)
    result = learn_residual(found, logs, generator, recipe.settings.measured_torque)
    note_residual(folder, result, seed=0)
    return f"residual actuator {result.message}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _complete(options: Options, found: Calibration, folder: Path) -> Uncertainty:
    """Intervals, posterior, preset and report; the fit itself is in the folder already."""
    from daneel.agents.calibration.neural_posterior import NeuralPosterior
    from daneel.agents.calibration.posterior import Bootstrap
    from daneel.evaluation.calibration_outputs import complete

    sampler = Bootstrap() if options.posterior == "bootstrap" else NeuralPosterior()
    title = options.preset or str(options.model)
    return complete(found, folder, title, level=options.level, sampler=sampler)


def _recipe(options: Options) -> Recipe:
    from daneel.agents.calibration.recipe import load_recipe, shipped, with_settings

    if (options.preset is None) == (options.model is None):
        raise DaneelError(
            "Give a preset or a model, one of the two. Expected one of the presets "
            f"{', '.join(shipped())}, or `--model robot.xml`. Type `daneel calibrate --help`."
        )
    name = options.preset if options.params is None else options.params
    found = load_recipe(name, options.model, options.columns)
    return with_settings(
        found,
        horizon=options.horizon,
        every=options.every,
        measured_torque=options.measured_torque,
    )


class _Watch:
    """Prints how the search goes, and logs it to the tracker."""

    def __init__(self, options: Options) -> None:
        self._tracker = None
        if options.tracker != "none":
            from daneel.training.tracking import open_tracker

            options.out.mkdir(parents=True, exist_ok=True)
            settings = {"preset": options.preset or str(options.model)}
            self._tracker = open_tracker(options.tracker, options.out, settings)
        self._shown = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if self._tracker is not None:
            self._tracker.log({"calibration/cost": progress.cost}, progress.evaluations)
        if time.monotonic() - self._shown > 5.0:
            self._shown = time.monotonic()
            print(f"{progress.evaluations} candidates, cost {progress.cost:.6g}", file=sys.stderr)

    def finish(self) -> list[str]:
        return [] if self._tracker is None else self._tracker.finish()


def describe(found: Calibration, spread: Uncertainty) -> str:
    """Parameters with intervals, and the errors before and after."""
    from daneel.agents.calibration.horizons import horizon_errors

    problem = found.problem
    width = max(map(len, problem.names))
    head = f"{spread.level:.0%} interval"
    lines = [f"{'parameter':<{width}}  {'before':>10}  {'after':>10}  {head}"]
    ends = zip(spread.low, spread.high, spread.methods, strict=True)
    rows = zip(problem.names, problem.initial, found.fit.theta, ends, strict=True)
    for name, before, after, (low, high, method) in rows:
        said = "  the log says nothing" if method == "bounds" else ""
        lines.append(
            f"{name:<{width}}  {before:>10.5g}  {after:>10.5g}  {low:.5g} .. {high:.5g}{said}"
        )
    lines += ["", spread.identifiability.text]
    values = problem.parameters.nominal
    ends = [values(problem.initial), values(found.fit.theta)]
    errors = [horizon_errors(problem.simulator, end, problem.windows) for end in ends]
    lines.append("")
    for at, horizon in enumerate(errors[0].horizons):
        was, now = (float(error.rmse[at]) for error in errors)
        lines.append(f"RMSE after {horizon:g} s: {was:.4g} -> {now:.4g} rad")
    lines.append(f"motion foreseen: {found.before:.1%} -> {found.explained:.1%}")
    noise = ", ".join(f"{key.split('/')[1]} {value:.3g}" for key, value in found.noise.items())
    lines.append(f"noise of the position sensors: {noise} rad")
    return "\n".join(lines)


def _usage() -> str:
    from daneel.agents.calibration.recipe import shipped

    actions = "\n".join(f"  {entry.name:<12} {entry.summary}" for entry in ACTIONS.entries())
    return (
        f"presets: {', '.join(shipped())}\ncolumn maps: {', '.join(shipped('columns'))}\n"
        f"actions:\n{actions}\n"
    )
