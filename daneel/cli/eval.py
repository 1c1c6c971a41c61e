"""`daneel eval`: score a trained agent over fresh episodes, with intervals."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from daneel.envs import EnvConfig
from daneel.evaluation import describe, evaluate, save_evaluation
from daneel.evaluation.evaluate import to_dict
from daneel.evaluation.files import as_json
from daneel.training import load_agent

RELEASED = "released"


@dataclass(frozen=True)
class Options:
    """Run episodes without exploration and report mean, IQM and intervals."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run folder."""

    episodes: int = 20
    """How many episodes."""

    env: str | None = None
    """Evaluate in this environment instead; then nothing is recorded in the run folder."""

    which: str | None = None
    """Checkpoint: released, latest or step-N; the released one where there is one, else the
    latest."""

    seed: int = 0
    """Seed of the episodes: same seed, same episodes."""

    num_envs: int = 1
    """Environments stepped side by side."""

    json: bool = False
    """Print one JSON object."""


def run(options: Options) -> int:
    """Evaluates, records `eval.json`, prints."""
    agent, trained, which = load_agent(options.run, options.which)
    env = _env(trained.env, options.env)
    if not options.json:
        print(f"{env.id}, checkpoint {which} of {options.run}", file=sys.stderr)
    found = evaluate(
        agent, env, options.episodes, options.seed, checkpoint=which, num_envs=options.num_envs
    )
    print(as_json(to_dict(found)) if options.json else describe(found))
    if options.env is None:
        path = save_evaluation(found, options.run)
        then = "" if which == RELEASED else f"; next: daneel gate {options.run} --which {which}"
        print(f"recorded in {path}{then}", file=sys.stderr)
    return 0


def _env(trained: EnvConfig, other: str | None) -> EnvConfig:
    """The environment trained in, or another with the same action repeat."""
    if other is None:
        return trained
    return EnvConfig(id=other, action_repeat=trained.action_repeat)
