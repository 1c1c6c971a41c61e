"""eval, play, plot, card and bench on a run that was really trained."""

import json
import shutil
from pathlib import Path

import imageio.v2 as imageio
import pytest

from daneel.cli import main
from daneel.envs import rendering
from tests.evaluation import runs
from tests.evaluation.bench.hand_made import MACHINE

Out = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pendulum run."""
    return runs.trained(tmp_path_factory.mktemp("runs") / "tiny-0")


def test_eval_prints_and_records(trained: Path, capsys: Out) -> None:
    """Mean, IQM, interval; which checkpoint."""
    assert main(["eval", str(trained), "--episodes", "4"]) == 0
    out, err = capsys.readouterr()
    assert "95 % interval" in out and "IQM" in out and "4 episodes" in out
    assert "checkpoint step-400" in err
    assert json.loads((trained / "eval.json").read_text())["episodes"] == 4


def test_eval_elsewhere_records_nothing(trained: Path, tmp_path: Path, capsys: Out) -> None:
    """The record belongs to the environment trained in."""
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    (run / "eval.json").unlink(missing_ok=True)
    assert main(["eval", str(run), "--episodes", "1", "--env", "Pendulum-v1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checkpoint"] == "step-400"
    assert not (run / "eval.json").exists()


def test_eval_of_a_missing_checkpoint(trained: Path, capsys: Out) -> None:
    """Names those that are there; no traceback."""
    assert main(["eval", str(trained), "--which", "step-7"]) == 2
    assert "step-400" in capsys.readouterr().err


def test_play_films(trained: Path, tmp_path: Path, capsys: Out) -> None:
    """One frame an observation, in the size asked for."""
    path = tmp_path / "out.mp4"
    arguments = ["--video", str(path), "--size", "64", "96", "--max-steps", "12"]
    assert main(["play", str(trained), *arguments]) == 0
    frames = imageio.mimread(path)
    assert len(frames) in (12, 13) and frames[0].shape == (64, 96, 3)
    assert "12 decisions" in capsys.readouterr().out


def test_play_without_a_renderer_plays_and_says_what_to_type(
    tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine where OpenGL is switched off."""
    monkeypatch.setenv("MUJOCO_GL", "disabled")
    run = runs.trained(tmp_path / "run", "InvertedPendulum-v5")
    assert main(["play", str(run), "--max-steps", "5"]) == 2
    out, err = capsys.readouterr()
    assert "episode 1: return" in out and rendering.INSTALL in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--video", "a.gif"], "ends in .mp4"),
        (["--episodes", "0"], "episodes is 0"),
    ],
)
def test_play_refuses(trained: Path, arguments: list[str], message: str, capsys: Out) -> None:
    """Before anything is loaded."""
    assert main(["play", str(trained), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_plot_of_one_run_says_that_seeds_are_few(
    trained: Path, tmp_path: Path, capsys: Out
) -> None:
    """And still draws."""
    out = tmp_path / "c.svg"
    assert main(["plot", str(trained), "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert "Pendulum-v1, tiny: 1 seed: too few" in printed.err and str(out) in printed.out
    assert out.exists()


def test_plot_of_many_tasks_adds_one_over_all(tmp_path: Path, capsys: Out) -> None:
    """Three seeds of two dm_control tasks: three panels, no complaint about seeds."""
    paths = []
    for task in ("walker-walk", "cheetah-run"):
        for seed in range(3):
            path = tmp_path / f"{task}-{seed}"
            runs.hand_made(path, env=f"dm_control/{task}-v0", seed=seed, level=50.0 * seed)
            paths.append(str(path))
    assert main(["plot", *paths, "--out", str(tmp_path / "c.svg"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["notes"] == [] and printed["metric"] == "eval/return"
    assert printed["panels"] == [
        "dm_control/walker-walk-v0",
        "dm_control/cheetah-run-v0",
        "all 2 tasks",
    ]


def test_plot_of_an_unknown_metric_has_neighbours(trained: Path, capsys: Out) -> None:
    """From the run's own keys."""
    assert main(["plot", str(trained), "--metric", "eval/retrun"]) == 2
    assert "Nearest: eval/return" in capsys.readouterr().err


def test_card_writes_both(trained: Path, capsys: Out) -> None:
    """And says where."""
    assert main(["card", str(trained), "--json"]) == 0
    for path in json.loads(capsys.readouterr().out).values():
        assert Path(path).stat().st_size > 1000


def test_bench_lists_its_benches(capsys: Out) -> None:
    """With and without a name."""
    assert main(["bench"]) == 0
    assert "control" in capsys.readouterr().out
    assert main(["bench", "contrl"]) == 2
    assert "Nearest: control" in capsys.readouterr().err


def test_bench_table_goes_into_documents(tmp_path: Path, capsys: Out) -> None:
    """Written, then up to date; stale is exit code 1; nothing measured is said."""
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- evidence: control -->\n<!-- /evidence -->\nb\n")
    arguments = ["bench", "table", "control", str(page), "--results", str(tmp_path)]
    assert main([*arguments, "--check"]) == 1
    assert "differs from the records" in capsys.readouterr().err
    assert main(arguments) == 0
    assert "not measured yet: `daneel bench control`" in page.read_text()
    assert main([*arguments, "--check"]) == 0


def test_bench_table_of_any_records(tmp_path: Path, capsys: Out) -> None:
    """Records of a bench that lives elsewhere have the plain table."""
    from daneel.evaluation import Evidence, evidence

    figures = {"figure": 3.0, "unit": "ms", "seconds": 1.0, "date": "2026-01-01"}
    where = {"command": "x", "commit": "c", "clean": True, "machine": MACHINE, "versions": {}}
    item = Evidence("loop", "r", "overhead", "daneel", **figures, **where)
    evidence.append(item, tmp_path)
    assert main(["bench", "table", "loop", "--results", str(tmp_path)]) == 0
    assert "| r | overhead | daneel | 3 ms |" in capsys.readouterr().out
