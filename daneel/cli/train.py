"""`daneel train`: train an agent, then evaluate it, gate it, film it and write its report.

What follows the training reads the run folder and writes whole files, so a command that is killed
there is finished by `daneel resume RUN` like one that is killed before.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import tyro

from daneel.errors import DaneelError
from daneel.training import ProgressLine, TrainConfig, TrainResult, load_agent, plan, resolve, train
from daneel.training.config import config_type
from daneel.training.stopwatch import describe_time

INTERRUPTED = 130
"""Exit code of a training that was stopped, as shells have it after Ctrl-C."""

_FIRST_STEPS = 1000
"""Suggested after learning from logs alone."""

Config = TypeVar("Config")


@dataclass(frozen=True)
class Options(Generic[Config]):
    """Train an agent.

    daneel train PRESET|ENV_ID [--agent NAME] [OPTIONS]

    daneel train [ENV_ID] --logs DATASET ... [--steps N] [OPTIONS]

    The first word is a preset (`daneel list presets`), the path of a .yaml file, or the id of an
    environment (`daneel list envs`). Flags are laid on top. `--agent NAME` chooses what learns
    (`daneel list agents`); the options below are those of the agent chosen.

    With `--logs` the agent learns from recorded data first, then takes `--steps` in ENV_ID, which
    is the environment of the logs unless another one is named; `--steps 0` takes none.
    """

    config: Annotated[Config, tyro.conf.arg(name="")]
    """The training."""

    json: bool = False
    """Print one JSON object at the end."""

    command: tyro.conf.Suppress[str] = ""
    """What was typed, for the report."""


def parse(arguments: Sequence[str]) -> Options[TrainConfig[Any]]:
    """Options from a command line: defaults, preset, flags.

    Raises:
        UnknownNameError: No such preset, environment or agent.
        ConfigError: A value outside its range.
    """
    defaults, rest = plan(arguments)
    typed = shlex.join(["daneel", "train", *arguments])
    return tyro.cli(
        Options[config_type(defaults.agent.name)],
        default=Options(defaults, command=typed),
        args=rest,
        prog="daneel train",
    )


def run(options: Options[TrainConfig[Any]]) -> int:
    """Train and finish."""
    config = resolve(options.config)
    with ProgressLine(title(config)) as progress:
        result = train(config, on_progress=progress)
    return finish(result, as_json=options.json, command=options.command)


def title(config: TrainConfig[Any]) -> str:
    """What is trained, in one line."""
    logs = ", ".join(Path(path).name for path in config.logs)
    first = (
        f"{config.offline.imitate + config.offline.updates:,} updates on {logs}, then "
        if logs
        else ""
    )
    return (
        f"{config.agent.name} in {config.env.id}, {first}{config.steps:,} steps, seed {config.seed}"
        f" -> {config.out}"
    )


def finish(result: TrainResult, *, as_json: bool, command: str | None) -> int:
    """What comes after the training: evaluation, gate, video, report, card, and where they are.

    Args:
        result: How the training ended.
        as_json: Print one JSON object instead of text.
        command: What made the run, for its report; None is not known.
    """
    path = result.run.path
    if result.interrupted:
        return _stopped(result, f"Stopped at step {result.step:,}; everything is saved.", as_json)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            summary = _evaluate_and_judge(result)
            _film(result)
            _write_pages(path, command)
    except KeyboardInterrupt:
        return _stopped(result, "Stopped after the training; it is saved.", as_json)
    if as_json:
        print(json.dumps({**_facts(result), **summary}))
    else:
        _print_where(result)
    return 0


def _stopped(result: TrainResult, what: str, as_json: bool) -> int:
    if as_json:
        print(json.dumps(_facts(result)))
    print(f"{what} To go on, type:\n  daneel resume {result.run.path}", file=sys.stderr)
    return INTERRUPTED


def _facts(result: TrainResult) -> dict[str, Any]:
    return {
        "run": str(result.run.path),
        "step": result.step,
        "finished": not result.interrupted,
        "seconds": {phase: round(seconds, 3) for phase, seconds in result.seconds.items()},
        "overhead": round(result.overhead, 4),
    }


def _evaluate_and_judge(result: TrainResult) -> dict[str, Any]:
    """Evaluate the final checkpoint, if that was not done yet, and put it to the gate."""
    from daneel.alignment import load_gate
    from daneel.cli import gate

    path = result.run.path
    evaluation = _final_evaluation(result)
    try:
        name = result.config.gate or "default"
        report = gate.judge(path, "latest", load_gate(name), gate=name)
    except DaneelError as error:
        print(f"The gate could not judge this run, so nothing is released. {error}")
        passed = False
    else:
        gate.print_report(report, path)
        passed = report.passed
    return {"evaluation": evaluation, "released": passed}


def _final_evaluation(result: TrainResult) -> dict[str, Any]:
    from daneel.alignment import weights_hash
    from daneel.evaluation import (
        agent_weights,
        describe,
        evaluate,
        load_evaluation,
        save_evaluation,
    )
    from daneel.evaluation.evaluate import to_dict

    path, config = result.run.path, result.config
    agent, _, which = load_agent(path, "latest")
    found, digest = load_evaluation(path), weights_hash(agent_weights(agent))
    if found is None or (found.checkpoint, found.weights_sha256) != (which, digest):
        count = config.eval_episodes
        print(f"Evaluating {which} in {count} episodes")
        found = evaluate(agent, config.env, count, checkpoint=which, num_envs=min(count, 10))
        save_evaluation(found, path)
    print(describe(found))
    return to_dict(found)


def _film(result: TrainResult) -> None:
    """A video of one episode; without a renderer `daneel play` says what to type."""
    if result.config.video:
        from daneel.cli import play

        play.run(play.Options(result.run.path))


def _write_pages(path: Path, command: str | None) -> None:
    from daneel.evaluation import card, report

    card.write(path)
    report.write(path, command=command)


def _print_where(result: TrainResult) -> None:
    path = result.run.path
    print(f"\nRun     {path}")
    print(f"Report  {path / 'report.html'}")
    print(f"Card    {path / 'card.md'}")
    for video in sorted((path / "videos").glob("*.mp4")):
        print(f"Video   {video}")
    print(f"Time    {describe_time(result.seconds)}")
    print("Next:")
    print(f"  daneel play {path} --video out.mp4")
    print(f"  daneel eval {path} --episodes 20")
    print(f"  daneel resume {path} --steps {2 * result.config.steps or _FIRST_STEPS}")
    for note in result.notes:
        print(f"  {note}")
