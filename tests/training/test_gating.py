"""A training that gates every checkpoint: what passes is released, what does not is taken back."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from daneel.agents.baselines import SAC
from daneel.alignment import CHECKS, Candidate, Finding, load_report, verify_released, weights_hash
from daneel.envs import EnvConfig
from daneel.errors import CheckpointError, ConfigError
from daneel.registry import Entry
from daneel.training import TrainConfig, agent_weights, load_agent, train
from tests.training.children import metrics, tiny_config


@dataclass(frozen=True)
class Until:
    """Holds for the checkpoints up to a step."""

    step: int = 40

    def __call__(self, candidate: Candidate) -> Finding:
        """Judge by the checkpoint's number."""
        step = int(candidate.path.name.removeprefix("step-"))
        verdict = "holds" if step <= self.step else "violated"
        return Finding("until", verdict, float(step), witness={"step": step})


@pytest.fixture(autouse=True)
def until(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers the check above, for one test."""
    monkeypatch.setattr(CHECKS, "_entries", dict(CHECKS._entries))
    CHECKS.register(Entry("until", f"{__name__}:Until", "holds for a while"))


@pytest.fixture
def gate(tmp_path: Path) -> str:
    """A list with it."""
    path = tmp_path / "until.yaml"
    path.write_text("checks: [weights_finite, weights_unchanged, until]\n")
    return str(path)


def verdicts(run: Path) -> list[tuple[int, int, int]]:
    """Step, passed, rolled back of every judgement."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").open()]
    return [
        (r["step"], r["gate/passed"], r["gate/rolled_back"]) for r in records if "gate/passed" in r
    ]


def weights(run: Path, which: str) -> str:
    """Hash of a checkpoint's weights."""
    return weights_hash(agent_weights(load_agent(run, which)[0]))


def test_what_does_not_pass_is_taken_back(tmp_path: Path, gate: str) -> None:
    """The last checkpoint has the weights of the last release, and is another step."""
    run = tmp_path / "run"
    train(tiny_config(run, gate=gate))
    assert verdicts(run) == [(20, 1, 0), (40, 1, 0), (60, 0, 1), (80, 0, 1), (90, 0, 1)]
    assert weights(run, "released") == weights(run, "step-90")
    report = load_report(verify_released(run))
    assert report is not None and report.checkpoint == "step-40" and report.gate == gate
    last = load_report(run)
    assert last is not None and last.checkpoint == "step-90" and not last.passed
    assert json.loads((run / "witnesses" / "until.json").read_text())["witness"] == {"step": 90}


def test_without_a_gate_the_same_run_learns_on(tmp_path: Path, gate: str) -> None:
    """So the taking back is what made the difference; up to the first refusal runs are equal."""
    train(tiny_config(tmp_path / "free"))
    train(tiny_config(tmp_path / "gated", gate=gate))
    free = metrics(tmp_path / "free")
    gated = [r for r in metrics(tmp_path / "gated") if "gate/passed" not in r]
    early = [r for r in free if r["step"] <= 60]
    assert early == [r for r in gated if r["step"] <= 60] and free != gated


def test_before_the_first_release_nothing_is_taken_back(tmp_path: Path) -> None:
    """Two episodes are too few for the default list: nothing passes, and the training goes on."""
    run = tmp_path / "run"
    train(tiny_config(run, gate="default"))
    assert [found[1:] for found in verdicts(run)] == [(0, 0)] * 5
    assert not (run / "released.json").exists()


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, gate: str) -> None:
    """What was taken back was saved that way."""
    config = tiny_config(tmp_path / "long", gate=gate, replay_capacity=200)
    train(config)
    train(replace(config, out=str(tmp_path / "short"), steps=60))
    train(replace(config, out=str(tmp_path / "short")), resume=True)
    assert metrics(tmp_path / "long") == metrics(tmp_path / "short")
    assert weights(tmp_path / "long", "latest") == weights(tmp_path / "short", "latest")


def test_a_release_that_was_tampered_with_is_not_gone_back_to(tmp_path: Path, gate: str) -> None:
    """The training stops and says so."""
    run = tmp_path / "run"
    config = tiny_config(run, gate=gate, steps=40, replay_capacity=200)
    train(config)
    spoilt = run / "checkpoints" / "released" / "agent.json"
    spoilt.unlink()  # it is a link to the file of the checkpoint
    spoilt.write_text("{}")
    with pytest.raises(CheckpointError, match="files were changed"):
        train(replace(config, steps=90), resume=True)


def test_a_library_agent_goes_back_but_its_clock_does_not(tmp_path: Path, gate: str) -> None:
    """SAC of Stable-Baselines3: weights of the release, all of the steps."""
    run = tmp_path / "run"
    config: TrainConfig[Any] = TrainConfig(
        env=EnvConfig("daneel/IdentityBox-v0"),
        agent=SAC.Config(net_arch=(8,), learning_starts=5, batch_size=8),
        steps=60,
        checkpoint_every=20,
        eval_every=0,
        eval_episodes=1,
        gate=gate,
        out=str(run),
    )
    assert train(config).step == 60
    assert verdicts(run) == [(20, 1, 0), (40, 1, 0), (60, 0, 1)]
    assert weights(run, "released") == weights(run, "step-60")
    assert load_agent(run, "step-60")[0].model.num_timesteps == 60  # type: ignore[attr-defined]


def test_a_gate_that_does_not_exist_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything is made."""
    with pytest.raises(ConfigError, match="no gate"):
        tiny_config(tmp_path / "run", gate="stricter")
