"""Run folders: a hand-made one with everything in it, and a really trained one."""

from pathlib import Path

import numpy as np

from daneel import config
from daneel.alignment import Finding, GateReport, save_report
from daneel.envs import EnvConfig
from daneel.evaluation import Evaluation, curves, files, save_evaluation
from daneel.evaluation.evaluate import summarise
from daneel.training import EpisodeResult, TrainConfig, train
from tests.training import tiny_agent

ENV = EnvConfig(id="dm_control/walker-walk-v0", action_repeat=2)


def hand_made(path: Path, *, env: str = ENV.id, seed: int = 0, level: float = 100.0) -> Path:
    """A folder as a training leaves it, without evaluation, gate and video."""
    path.mkdir(parents=True)
    data = {"env": {"id": env, "action_repeat": 2}, "agent": {"name": "planner", "size": "small"}}
    config.save_yaml(path / "config.yaml", {"preset": "walker", "seed": seed, **data})
    for step in range(100, 600, 100):
        base = {"step": step, "decisions": step // 2, "seconds": step / 10}
        value = level + step / 10
        returns = [value - 5, value + 5]
        for record in (
            {"episode_return": value, "episode_length": 50},
            {"train/loss": 1 / step, "time/update": step / 20, "time/env": step / 80},
            {"eval/return": value, "eval/returns": returns, "eval/seconds": 1.0},
        ):
            files.append_json(path / curves.METRICS, {**base, **record})
    return path


def evaluation(returns: list[float], successes: list[bool] | None = None) -> Evaluation:
    """What an evaluation with these episodes says."""
    results = [
        EpisodeResult(value, 500, successes[at] if successes else None, 40 + at)
        for at, value in enumerate(returns)
    ]
    return summarise(results, ENV, 0, "step-500", "f" * 64, 3.0)


def judged(path: Path) -> Path:
    """Adds an evaluation and a gate report with a violation to a run."""
    returns = np.linspace(100, 200, 8).tolist()
    save_evaluation(evaluation(returns, [True] * 6 + [False] * 2), path)
    witness = {"observation": [0.5], "action": [1.5]}
    findings = (
        Finding("weights_finite", "holds", 0.0, "All of 10 weights are finite."),
        Finding("action_bounds", "violated", 1.5, "Output 0 reaches 1.5 <b>.", witness),
        Finding("evaluation_floor", "unknown", None, "Type `daneel eval RUN`."),
    )
    save_report(GateReport("step-500", "f" * 64, "space", (-1.0,), (1.0,), findings), path)
    return path


def trained(path: Path, env: str = "Pendulum-v1") -> Path:
    """A run of a small agent through the real loop."""
    tiny_agent.register()
    train(
        TrainConfig(
            env=EnvConfig(id=env),
            agent=tiny_agent.TinyAgent.Config(),
            preset="tiny",
            steps=400,
            eval_every=200,
            eval_episodes=2,
            out=str(path),
        )
    )
    return path
