"""One training of a bench, through the real loop with a small agent."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from daneel import config
from daneel.envs import EnvConfig
from daneel.evaluation import curves, files
from daneel.evaluation.bench import job
from daneel.evaluation.bench.job import Result, Spec
from tests.training import tiny_agent


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """A finished job on the pendulum."""
    tiny_agent.register()
    out = tmp_path_factory.mktemp("job") / "run"
    spec = Spec("Pendulum-v1", "tiny", 3, EnvConfig(id="Pendulum-v1"), 400, 200, 2)
    return job.run(spec, out), out


def test_evaluations_are_the_curve(result: tuple[Result, Path]) -> None:
    """At the steps asked for, each with its episodes."""
    found, _ = result
    assert [point.step for point in found.curve if point.step] == [200, 400]
    assert all(len(point.returns) == 2 and point.success is None for point in found.curve)


def test_evaluations_are_not_training_seconds(result: tuple[Result, Path]) -> None:
    """What is left is positive, grows, and is the wall time less the evaluations."""
    found, out = result
    seconds = [point.seconds for point in found.curve]
    assert 0 <= seconds[0] < seconds[-1] < found.wall_seconds
    records = [r for r in curves.load_metrics(out) if "eval/seconds" in r]
    spent = sum(record["eval/seconds"] for record in records)
    assert seconds[-1] == pytest.approx(records[-1]["seconds"] - spent)


def test_an_interrupted_training_is_no_result(tmp_path: Path) -> None:
    """A job that is told to stop leaves no result that looks finished."""
    tiny_agent.register()
    steps = 200_000
    spec = Spec("Pendulum-v1", "tiny", 0, EnvConfig(id="Pendulum-v1"), steps, steps, 1)
    threading.Thread(target=_terminate_when_begun, args=(tmp_path / "run",), daemon=True).start()
    with pytest.raises(SystemExit) as stopped:
        job.run(spec, tmp_path / "run")
    assert stopped.value.code == job.INTERRUPTED


def _terminate_when_begun(run: Path) -> None:
    """SIGTERM to this process once the training has logged something."""
    metrics = run / "metrics.jsonl"
    while not (metrics.exists() and metrics.stat().st_size):
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGTERM)


def test_hand_made_seconds() -> None:
    """Two evaluations of one and two seconds in a run of ten."""
    records = [
        {"step": 5, "seconds": 4.0, "eval/returns": [1.0], "eval/seconds": 1.0},
        {"step": 6, "seconds": 5.0, "episode_return": 3.0},
        {"step": 9, "seconds": 10.0, "eval/returns": [2], "eval/success": 1.0, "eval/seconds": 2.0},
    ]
    points = job.read_curve(records)
    assert [(p.step, p.seconds, p.returns, p.success) for p in points] == [
        (5, 3.0, (1.0,), None),
        (9, 7.0, (2.0,), 1.0),
    ]


def test_latency_is_of_single_actions(result: tuple[Result, Path]) -> None:
    """Median below the tail, both real."""
    median, tail = result[0].latency_ms
    assert 0 < median <= tail < 1000


def test_a_result_comes_back_from_its_file(result: tuple[Result, Path], tmp_path: Path) -> None:
    """Nothing is lost, and everything unsaid is the default of the training."""
    found, _ = result
    path = files.write_json(tmp_path / "result.json", config.to_dict(found))
    assert config.from_dict(Result, files.read_json(path)) == found
    assert found.settings["threads"] == 1 and found.settings["agent"]["name"] == "tiny"
