"""`daneel gate` on a run that was really trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from daneel.agents.baselines import SAC
from daneel.cli import main
from daneel.cli.gate import load_candidate
from daneel.envs import EnvConfig
from daneel.errors import CheckpointError
from daneel.training import ReleasedAgent, TrainConfig, load_agent, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 200 steps of a small SAC, evaluated."""
    out = tmp_path_factory.mktemp("runs") / "run"
    agent = SAC.Config(net_arch=(16,), learning_starts=50)
    env = EnvConfig(id="InvertedPendulum-v5")
    train(TrainConfig(env=env, agent=agent, steps=200, out=str(out), eval_every=0))
    assert main(["eval", str(out), "--episodes", "5"]) == 0
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of that run to work on."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_a_good_run_is_released_and_loaded_from_then_on(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The squashed actor of SAC is proved on [-3, 3]; `released` becomes what is loaded."""
    assert main(["gate", str(run)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("holds") == 4 and "passed: step-200 is released" in printed
    _, _, which = load_agent(run)
    assert which == "released"
    assert main(["eval", str(run), "--episodes", "1"]) == 0
    assert "checkpoint released" in capsys.readouterr().err
    assert not (run / "checkpoints" / "released" / "replay.safetensors").exists()


def test_json_is_one_object(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs."""
    assert main(["gate", str(run), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["passed"] is True and len(printed["findings"]) == 4
    assert printed["box_source"] == "seen, widened x1.5"


def test_a_floor_that_is_not_reached_refuses(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code says so, and nothing is released."""
    assert main(["gate", str(run), "--floor", "1e9"]) == 1
    assert "refused: step-200" in capsys.readouterr().out
    assert not (run / "released.json").exists()


def test_weights_that_do_not_pass_any_more_lose_their_release(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last word on the same weights counts; a release of other weights is left alone."""
    assert main(["gate", str(run)]) == 0
    assert main(["gate", str(run), "--floor", "1e9"]) == 1
    assert not (run / "released.json").exists()
    assert main(["gate", str(run)]) == 0
    assert main(["gate", str(run), "--which", "step-180", "--floor", "1e9"]) == 1
    assert "earlier weights stays" in capsys.readouterr().out
    assert (run / "released.json").exists()


def test_without_an_evaluation_nothing_is_released(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not measured is unknown, and unknown is refused."""
    (run / "eval.json").unlink()
    assert main(["gate", str(run)]) == 1
    printed = capsys.readouterr().out
    assert printed.count("unknown") == 2 and "daneel eval RUN --which step-200" in printed


def test_an_unknown_check_in_the_list_refuses(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt check must not be a check less."""
    gate = tmp_path / "mine.yaml"
    gate.write_text("checks: [weights_finit]\n")
    assert main(["gate", str(run), "--gate", str(gate)]) == 1
    assert "Nearest: weights_finite" in capsys.readouterr().out


def test_an_edited_report_of_a_release_is_refused_by_every_verb(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`eval` and `play` load the released checkpoint only after verifying it."""
    assert main(["gate", str(run)]) == 0
    report = run / "checkpoints" / "released" / "gate.json"
    report.write_text(report.read_text().replace("holds", "violated"))
    capsys.readouterr()
    assert main(["eval", str(run), "--episodes", "1"]) == 2
    assert "files were changed" in capsys.readouterr().err


def test_the_table_has_figures_times_and_links_to_witnesses(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the file behind the link holds what replays."""
    assert main(["gate", str(run), "--floor", "1e9"]) == 1
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].split()[:4] == ["check", "verdict", "figure", "time"]
    link = run / "witnesses" / "evaluation_floor.json"
    assert f"witness: {link}" in printed
    assert json.loads(link.read_text())["witness"]["floor"] == 1e9


def test_eval_shows_the_gates_verdicts_on_the_same_weights(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before and after, in text and in JSON, in the card and in the report."""
    assert main(["eval", str(run), "--episodes", "5"]) == 0
    assert "gate    not measured: type `daneel gate" in capsys.readouterr().out
    assert main(["gate", str(run)]) == 0
    capsys.readouterr()
    assert main(["eval", str(run), "--episodes", "1"]) == 0
    printed = capsys.readouterr().out
    assert "gate    passed, 4 of 4 checks hold" in printed and "action_bounds" in printed
    assert main(["eval", str(run), "--episodes", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gate"]["passed"] is True
    assert main(["card", str(run)]) == 0
    assert "| gate: action_bounds | holds" in (run / "card.md").read_text()
    assert "Gate: passed, 4 of 4 checks hold" in (run / "report.html").read_text()


def test_an_edited_gate_json_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run's own report too, not only the release's copy."""
    assert main(["gate", str(run)]) == 0
    report = run / "gate.json"
    report.write_text(report.read_text().replace('"figure": 0.0', '"figure": 9.0'))
    capsys.readouterr()
    assert main(["eval", str(run), "--episodes", "1"]) == 2
    assert "not what the gate wrote" in capsys.readouterr().err


def test_a_configuration_that_changed_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name and both values; what a resumed run may change does not matter."""
    assert main(["gate", str(run)]) == 0
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("video: false", "video: true"))
    assert main(["eval", str(run), "--episodes", "1"]) == 0
    (run / "config.yaml").write_text(text.replace("action_repeat: 1", "action_repeat: 2"))
    capsys.readouterr()
    assert main(["play", str(run), "--max-steps", "1"]) == 2
    assert "env.action_repeat = 1, but its config.yaml now says 2" in capsys.readouterr().err


def test_the_gymnasium_wrapper_acts_and_verifies(run: Path) -> None:
    """At the start and at every reset."""
    with pytest.raises(CheckpointError, match="no released checkpoint"):
        ReleasedAgent(run)
    assert main(["gate", str(run)]) == 0
    env = ReleasedAgent(run)
    env.reset(seed=0)
    observation, reward, *_ = env.step()
    assert env.observation_space.contains(observation) and reward == 1.0
    (run / "released.json").unlink()
    with pytest.raises(CheckpointError, match="no released checkpoint"):
        env.reset()
    env.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-run"], "does not exist"),
        (["RUN", "--which", "step-7"], "no checkpoint"),
        (["RUN", "--gate", "stricter"], "no gate 'stricter'"),
    ],
)
def test_bad_input_is_explained(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """Exit code 2 and a sentence, no traceback."""
    assert main(["gate", *(str(run) if a == "RUN" else a for a in arguments)]) == 2
    assert message in capsys.readouterr().err


def test_the_box_is_what_training_saw_half_as_wide_again(run: Path) -> None:
    """InvertedPendulum's observations have no bounds, so its box comes from the collector."""
    candidate = load_candidate(run)
    assert candidate.box_source == "seen, widened x1.5"
    assert candidate.box_low.shape == (4,)
    assert (candidate.box_low < 0).all() and (candidate.box_high > 0).all()
