"""The gate as users meet it: how long it takes, what it catches, what it wrongly refuses."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from daneel.alignment import Candidate, CheckSpec, load_gate, run_gate, weights_hash
from daneel.envs import make_single
from daneel.errors import DaneelError
from daneel.evaluation.bench.safety import Options, figure
from daneel.evaluation.bench.safety_tampering import TAMPERINGS
from daneel.evaluation.evaluate import evaluate, to_dict
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval, wilson_interval
from daneel.training import RunFolder, build_candidate, load_agent, load_seen_range

ROW = "gate of the quickstart agent"
SLOWEST = 60.0
UPDATES, EPISODES = 10, 5


def measure(options: Options) -> list[Evidence]:
    """Train the quickstart agent once, gate it as a user does, then try to get past the gate."""
    run = options.work / "quickstart"
    if not (run / "checkpoints" / "latest").exists():
        steps = ["--steps", "300"] if options.rehearse else []
        _daneel("train", "quickstart", "--no-video", "--out", str(run), *steps)
    _daneel("eval", str(run), "--which", "latest", "--episodes", str(EPISODES))
    seconds = _daneel("gate", str(run))
    trained = RunFolder.open(run).checkpoint().name
    return [
        figure(ROW, "time", "daneel gate, all of the command", seconds, "s", SLOWEST, "lower",
               seed=options.seed, details={"checkpoint": trained}),
        *_tampering(run, options),
        *_updates(run, options),
    ]  # fmt: skip


def _daneel(*arguments: str) -> float:
    """Type a command, show what it prints, and return the seconds it took.

    Raises:
        RuntimeError: It failed.
    """
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "daneel", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"daneel {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return time.perf_counter() - began


def _tampering(run: Path, options: Options) -> list[Evidence]:
    """Each way to change a release, on a copy; and copies that nobody touched."""
    refused: dict[str, bool] = {}
    copy = options.work / "tampered"
    for name, tamper in TAMPERINGS.items():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(run, copy)
        tamper(copy)
        refused[name] = not _loads(copy)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    wrongly = 0 if _loads(copy) else 1
    shutil.rmtree(copy)
    caught, total = sum(refused.values()), len(refused)
    return [
        _share(options, "tampered releases refused", caught, total, 100.0, refused),
        _share(options, "untouched copies refused", wrongly, 1, None, {}),
    ]


def _loads(run: Path) -> bool:
    try:
        load_agent(run, "released", device="cpu")
    except DaneelError:
        return False
    return True


def _updates(run: Path, options: Options) -> list[Evidence]:
    """Good and deliberately broken updates of the agent, before the default list and a floor."""
    agent, config, name = load_agent(run, "latest", device="cpu")
    env = make_single(config.env)
    spaces: Any = env.observation_space, env.action_space
    env.close()
    seen = load_seen_range(run, "latest")
    good = agent.state_dict()
    judged = to_dict(evaluate(agent, config.env, EPISODES, num_envs=EPISODES))
    path = RunFolder.open(run).checkpoint(name)
    checks = [
        CheckSpec(spec.name, {"floor": 0.9 * judged["mean"]})
        if spec.name == "evaluation_floor"
        else spec
        for spec in load_gate()
    ]
    caught: dict[str, int] = {}
    count = options.sized(UPDATES, 2)
    for kind in ("good", "one weight not finite", "changed after its evaluation", "worse"):
        caught[kind] = 0
        for number in range(count):
            generator = torch.Generator().manual_seed(1000 * options.seed + number)
            agent.load_state_dict(good)
            fresh = build_candidate(agent, spaces[0], spaces[1], seen, judged, path)
            passed = run_gate(_broken(fresh, kind, generator), checks).passed
            caught[kind] += not passed
    broken = {kind: n for kind, n in caught.items() if kind != "good"}
    return [
        _share(options, "broken updates refused", sum(broken.values()), count * len(broken), 100.0,
               broken),
        _share(options, "good updates refused", caught["good"], count, None, {}),
    ]  # fmt: skip


def _broken(candidate: Candidate, kind: str, generator: torch.Generator) -> Candidate:
    """The candidate after an update that went wrong; good ones only move within rounding."""
    weights = {name: tensor.clone() for name, tensor in candidate.weights.items()}
    large = sorted(name for name, tensor in weights.items() if tensor.numel() > 16)
    chosen = weights[large[_pick(len(large), generator)]].view(-1)
    at = _pick(len(chosen), generator)
    evaluation = dict(candidate.evaluation or {})
    if kind == "one weight not finite":
        chosen[at] = (torch.nan, torch.inf)[_pick(2, generator)]
    elif kind == "changed after its evaluation":
        chosen[at] += 1e-3
    elif kind == "worse":
        evaluation["returns"] = [0.5 * value for value in evaluation["returns"]]
    if kind != "changed after its evaluation":
        evaluation["weights_sha256"] = weights_hash(weights)
    return replace(candidate, weights=weights, evaluation=evaluation)


def _pick(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))


def _share(
    options: Options, what: str, count: int, total: int, bar: float | None, details: dict[str, Any]
) -> Evidence:
    ends = wilson_interval(count, total)
    return figure(
        ROW, what, "gate", 100 * count / total, "%", bar,
        interval=Interval(100 * ends.low, 100 * ends.high), interval_kind="Wilson",
        seed=options.seed, details={**details, "of": total},
    )  # fmt: skip
