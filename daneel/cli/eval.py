"""`daneel eval`: score a policy over fresh episodes, or over the skills of a suite."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from daneel.alignment import weights_hash
from daneel.alignment.report import to_dict as report_to_dict
from daneel.envs import EnvConfig
from daneel.errors import ConfigError
from daneel.evaluation import alignment_figures, describe, evaluate, save_evaluation
from daneel.evaluation.evaluate import to_dict
from daneel.evaluation.files import as_json
from daneel.training import agent_weights, load_agent

RELEASED = "released"
EPISODES = 20


@dataclass(frozen=True)
class Options:
    """Run episodes without exploration and report success, returns and intervals."""

    policy: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="POLICY")]
    """A run folder. With --suite also: expert, random, an SB3 .zip (loading it runs the code in
    it), an .onnx file, or package.module:function from observation to action."""

    suite: str | None = None
    """Score the skills of this suite; `daneel list suites` names them."""

    episodes: int | None = None
    """How many episodes, with --suite of each skill. Left out: 20, with --suite 10."""

    env: str | None = None
    """Evaluate a run in this environment instead; then nothing is recorded in its folder."""

    which: str | None = None
    """Checkpoint of a run: released, latest or step-N; the released one where there is one, else
    the latest."""

    seed: int = 0
    """Seed of the episodes: same seed, same episodes."""

    num_envs: int = 1
    """Environments stepped side by side; a suite has --workers instead."""

    tasks: tuple[str, ...] = ()
    """Only these skills of the suite."""

    workers: int = 2
    """Processes that run a suite, one thread each; results do not depend on it."""

    engine: Literal["processes", "ray"] = "processes"
    """Where the workers live: on this machine, or in the Ray cluster it belongs to."""

    out: Path | None = None
    """The record of a suite, a .json; a page .html is written beside it. The same command goes on
    where it was stopped."""

    film: bool = False
    """Film the best, the median and the worst episode of each skill, for the page."""

    json: bool = False
    """Print one JSON object."""

    def __post_init__(self) -> None:
        """Checks that no flag is meant for the other kind of evaluation.

        Raises:
            ConfigError: One is.
        """
        if self.suite is None and (self.tasks or self.film or self.out is not None):
            raise ConfigError(
                "--tasks, --film and --out belong to the evaluation of a suite. Expected --suite "
                f"NAME with them. Type `daneel eval {self.policy} --suite quick10`."
            )
        if self.suite is not None and self.env is not None:
            raise ConfigError(
                f"--suite {self.suite} and --env {self.env} were both given. Expected one. "
                f"Type `daneel eval {self.policy} --suite {self.suite}`."
            )


def run(options: Options) -> int:
    """Evaluates, records, prints."""
    if options.suite is not None:
        from daneel.cli import eval_suite

        return eval_suite.run(options)
    return _run_single(options)


def _run_single(options: Options) -> int:
    """Evaluates a run in one environment, with the gate's word on it, and records `eval.json`."""
    folder = Path(options.policy)
    episodes = EPISODES if options.episodes is None else options.episodes
    agent, trained, which = load_agent(folder, options.which)
    env = _env(trained.env, options.env)
    report = alignment_figures.judged(folder, weights_hash(agent_weights(agent)))
    if not options.json:
        print(f"{env.id}, {named(which)} of {folder}", file=sys.stderr)
    found = evaluate(
        agent, env, episodes, options.seed, checkpoint=which, num_envs=options.num_envs
    )
    if options.json:
        gate = None if report is None else report_to_dict(report)
        print(as_json({**to_dict(found), "gate": gate}))
    else:
        print(describe(found))
        print(alignment_figures.describe(report, folder))
    if options.env is None:
        path = save_evaluation(found, folder)
        then = "" if which == RELEASED else f"; next: daneel gate {folder} --which {which}"
        print(f"recorded in {path}{then}", file=sys.stderr)
    return 0


def named(which: str) -> str:
    """`checkpoint released`, `checkpoint step-100, not released`."""
    return f"checkpoint {which}" + ("" if which == RELEASED else ", not released,")


def _env(trained: EnvConfig, other: str | None) -> EnvConfig:
    """The environment trained in, or another with the same action repeat."""
    if other is None:
        return trained
    return EnvConfig(id=other, action_repeat=trained.action_repeat)
