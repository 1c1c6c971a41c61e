"""`daneel bench control`: eight control tasks, our agent against SAC, both sides in one go.

Each (task, algorithm, seed) is one process with one thread, at most two at once. A finished one is
appended to `control-jobs.jsonl` at once, so a bench that was killed goes on where it stopped. All
our rows use the agent's defaults, one set of hyper-parameters: when these change, finished jobs no
longer count, and the table says when its rows differ.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from daneel import config
from daneel.errors import ConfigError
from daneel.evaluation import evidence, files, plot, provenance
from daneel.evaluation.bench import control_evidence as ce
from daneel.evaluation.bench import control_table, pool, tasks
from daneel.evaluation.bench.job import Result, Spec, agent_settings, agent_settings_of
from daneel.evaluation.bench.tasks import EPISODES, TASKS, Task
from daneel.evaluation.curves import Series

JOBS = "control-jobs.jsonl"


@dataclass(frozen=True)
class Options:
    """Train our agent and SAC on the control tasks and record how they compare."""

    tasks: tuple[str, ...] = ()
    """Tasks to run, by id or short name (walker-walk); all of them when left out."""

    seeds: tuple[int, ...] = ()
    """Seeds to run; those that each task asks for when left out."""

    only: Literal["both", "ours", "sac"] = "both"
    """Which side to run."""

    workers: int = 2
    """Processes at once; each has one thread. Seconds only mean something with a core for each."""

    runs: Path = Path("runs/bench-control")
    """Where the run folders go."""

    results: Path = Path(provenance.RESULTS)
    """Where the records, the table and the curves go."""

    fresh: bool = False
    """Train again what is already finished."""

    rehearse: int | None = None
    """Cut every training to this many steps and keep all results in the folder of the runs: shows
    that everything runs, measures nothing."""

    json: bool = False
    """Print one JSON object at the end instead of the table."""

    def __post_init__(self) -> None:
        """Checks numbers and names.

        Raises:
            ConfigError: A number is out of range.
            UnknownNameError: A task does not exist.
        """
        if self.workers < 1:
            raise ConfigError(f"workers is {self.workers}. Expected at least 1.")
        if self.rehearse is not None and self.rehearse < tasks.EVALUATIONS:
            raise ConfigError(
                f"rehearse is {self.rehearse}. Expected at least {tasks.EVALUATIONS} steps."
            )
        self.chosen()

    def chosen(self) -> list[Task]:
        """The tasks to run, shortened when this is a rehearsal."""
        found = [tasks.find(name) for name in self.tasks] or list(TASKS)
        if self.rehearse is None:
            return found
        return [replace(task, steps=self.rehearse, max_seconds=None) for task in found]

    @property
    def folder(self) -> Path:
        """Where results go: a rehearsal never touches the recorded ones."""
        return self.results if self.rehearse is None else self.runs / "rehearsal"


def run(options: Options) -> int:
    """Runs what is missing, records evidence, writes table and curves; 1 when a job failed."""
    wanted = list(specs(options))
    done = {} if options.fresh else finished(options.folder)
    missing = [spec for spec in wanted if not _answers(done.get(_key(spec)), spec)]
    _say(f"{len(wanted)} trainings: {len(wanted) - len(missing)} finished, {len(missing)} to go")
    failures = 0
    by_name = {_name(spec): spec for spec in missing}
    for end in pool.run([_command(spec, options.runs) for spec in missing], options.workers):
        failures += not _keep(end, by_name[end.command.name], options)
        write(options)
    text = write(options)
    print(files.as_json(_summary(options.folder)) if options.json else text)
    return 1 if failures else 0


def specs(options: Options) -> Iterator[Spec]:
    """The trainings that the options ask for, both sides of a seed one after the other."""
    sides = {"both": (ce.OURS, ce.PEER), "ours": (ce.OURS,), "sac": (ce.PEER,)}[options.only]
    for task in options.chosen():
        for seed in options.seeds or task.seeds:
            for algo in sides:
                steps = task.budget(ours=algo == ce.OURS)
                yield Spec(task.name, algo, seed, task.env, steps, task.eval_every, EPISODES)


def _answers(result: Result | None, spec: Spec) -> bool:
    """Whether a finished job is what would be run now: same task and budget, same agent."""
    if result is None or result.spec != spec:
        return False
    return agent_settings_of(result) == agent_settings(spec.algo)


def finished(folder: Path) -> dict[tuple[str, str, int], Result]:
    """The newest finished job of each (task, algorithm, seed)."""
    found = (config.from_dict(Result, entry) for entry in files.read_jsonl(folder / JOBS))
    return {_key(result.spec): result for result in found}


def write(options: Options) -> str:
    """Records new evidence and rewrites table, summary and curves; returns the table."""
    folder, results = options.folder, finished(options.folder)
    if not results:
        return "Nothing is finished yet."
    known = options.chosen() if options.rehearse else list(TASKS)
    _record(ce.gather(known, results), folder)
    text = table(folder)
    files.write_text(folder / "control.md", text)
    files.write_json(folder / "control.json", _summary(folder))
    draw(known, results, folder)
    return text


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of the recorded evidence."""
    return control_table.markdown(evidence.load(ce.BENCH, folder))


def draw(known: Sequence[Task], results: ce.Results, folder: Path) -> list[Path]:
    """One SVG a task, and all of them in `control.svg`."""
    drawn, panels = [], []
    for task in known:
        panel = _panel(task, results)
        if panel.lines:
            panels.append(panel)
            path = folder / "curves" / f"control-{task.slug}.svg"
            drawn.append(plot.draw([panel], path))
    return [*drawn, plot.draw(panels, folder / "curves" / "control.svg")]


def _panel(task: Task, results: ce.Results) -> plot.Panel:
    lines = []
    for algo, label in ((ce.OURS, "Daneel"), (ce.PEER, "SAC (SB3)")):
        side = ce.of_side(task, algo, results)
        runs = [_series(task, result) for result in side]
        if runs:
            lines.append(plot.line(label, runs, np.random.default_rng(0)))
    return plot.Panel(tasks.short(task), lines, task.measure, task.threshold)


def _series(task: Task, result: Result) -> Series:
    steps = np.array([point.step for point in result.curve], float)
    return Series(steps, np.array([np.mean(ce.values(task, p)) for p in result.curve]))


def _record(found: Sequence[evidence.Evidence], folder: Path) -> None:
    path = folder / f"{ce.BENCH}.jsonl"
    known = evidence.load(ce.BENCH, folder) if path.exists() else []
    newest = {item.key: item for item in evidence.latest(known)}
    for item in found:
        # As read back: tuples in `details` come back as lists.
        if newest.get(item.key) != config.from_dict(evidence.Evidence, config.to_dict(item)):
            evidence.append(item, folder)


def _summary(folder: Path) -> dict[str, object]:
    if not (folder / f"{ce.BENCH}.jsonl").exists():
        return {"bench": ce.BENCH, "figures": []}
    newest = evidence.latest(evidence.load(ce.BENCH, folder))
    figures = [{**config.to_dict(item), "met": item.met} for item in newest]
    return {"bench": ce.BENCH, "figures": figures}


def _keep(end: pool.Done, spec: Spec, options: Options) -> bool:
    """Appends the result of a job that ended well; says how it ended; returns whether well."""
    folder = options.runs / end.command.name
    if end.code != 0:
        _say(f"FAILED {end.command.name} (exit {end.code}), {end.command.log}:\n{end.last_lines()}")
        return False
    entry = files.read_json(folder / "result.json")
    files.append_json(options.folder / JOBS, entry)
    last = config.from_dict(Result, entry).curve[-1]
    score = f"return {np.mean(last.returns):,.1f}"
    if last.success is not None:
        score += f", success {100 * last.success:.0f} %"
    _say(f"done {end.command.name}: {score} after {spec.steps:,} steps, {last.seconds:.0f} s")
    return True


def _command(spec: Spec, runs: Path) -> pool.Command:
    folder = runs / _name(spec)
    if folder.exists():  # what a killed bench left: timings of a resumed training mean nothing
        shutil.rmtree(folder)
    files.write_json(folder / "spec.json", config.to_dict(spec))
    program = (sys.executable, "-m", "daneel.evaluation.bench.job")
    paths = (str(folder / "spec.json"), str(folder / "result.json"))
    return pool.Command(_name(spec), (*program, *paths), folder / "log.txt")


def _name(spec: Spec) -> str:
    return f"{spec.task.replace('/', '-')}-{spec.algo}-{spec.seed}"


def _key(spec: Spec) -> tuple[str, str, int]:
    return (spec.task, spec.algo, spec.seed)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
