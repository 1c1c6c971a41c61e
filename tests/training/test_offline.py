"""Trainings that begin with logs: what is learned, resumed, refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daneel.agents.pessimist_config import PessimistConfig
from daneel.envs import EnvConfig
from daneel.errors import CheckpointError, ConfigError
from daneel.training import TrainConfig, load_seen_range, loop, train
from daneel.training.config import parse, plan, resolve
from daneel.training.logs import LogError
from daneel.training.offline import OfflineConfig
from tests.training.children import metrics, tiny_config
from tests.training.logs import hand_made
from tests.training.tiny_agent import TinyAgent

IDENTITY = EnvConfig("daneel/IdentityBox-v0")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of random decisions: our own recording."""
    path = tmp_path_factory.mktemp("recorded") / "run"
    agent = TinyAgent.Config(warmup=10_000)
    train(replace(tiny_config(path, steps=600, eval_every=0), agent=agent))
    return path


def config(out: Path, logs: Path, **settings: Any) -> TrainConfig[Any]:
    """A few seconds of learning from logs."""
    offline = OfflineConfig(**{"imitate": 10, "updates": 20, **settings.pop("offline", {})})
    agent = PessimistConfig(size="tiny", batch_size=16, warmup=5, patience=2)
    chosen: dict[str, Any] = {"steps": 30, "eval_every": 20, "eval_episodes": 2, "log_every": 10}
    return TrainConfig(
        env=IDENTITY, agent=agent, logs=(str(logs),), offline=offline, out=str(out),
        **{**chosen, **settings},
    )  # fmt: skip


def test_offline_learning_beats_its_logs(recorded: Path, tmp_path: Path) -> None:
    """From random decisions alone (return 5 of 10), without one step of its own."""
    agent = PessimistConfig(
        size="tiny", batch_size=64, horizon=1, discount=0.5, learning_rate=2e-3, patience=50,
        imitation=0.5,
    )  # fmt: skip
    wanted = config(tmp_path / "run", recorded, steps=0, offline={"imitate": 0, "updates": 600})
    result = train(replace(wanted, agent=agent, eval_episodes=5))
    assert result.step == 0 and not result.interrupted
    assert result.eval_return is not None and result.eval_return > 7.5


def test_what_a_run_leaves(recorded: Path, tmp_path: Path) -> None:
    """Ten records of the logs, an evaluation before the first step, then the usual ones."""
    result = train(config(tmp_path / "run", recorded))
    records = metrics(tmp_path / "run")
    taught = [row for row in records if "offline/updates" in row]
    assert [row["offline/updates"] for row in taught] == list(range(3, 31, 3))
    assert all(row["step"] == 0 for row in taught)
    assert "train/imitation" in taught[0] and "train/value" in taught[-1]
    assert [row["step"] for row in records if "eval/return" in row] == [0, 20]
    assert result.step == 30 and not result.interrupted
    low, high = load_seen_range(tmp_path / "run")["state"]
    assert low[0] < -0.9 and high[0] > 0.9  # of the logs: 30 own steps see less


@pytest.mark.parametrize("stops_at", [0, 10])
def test_a_resumed_run_is_the_same_run(recorded: Path, stops_at: int, tmp_path: Path) -> None:
    """Offline first and steps later is the whole run, bit for bit but for what is due in between.

    `--steps 0`, look at it, `daneel resume --steps 30` is how a machine is approached.
    """
    whole = replace(config(tmp_path / "whole", recorded), replay_capacity=100)
    train(whole)
    cut = replace(whole, out=str(tmp_path / "cut"), steps=stops_at)
    train(cut)
    train(replace(cut, steps=30), resume=True)
    assert metrics(tmp_path / "whole") == metrics(tmp_path / "cut")


def test_an_interrupt_among_the_logs(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at the first update that is shown: the resumed run ends as the uninterrupted one."""
    import os
    import signal

    def stop(progress: Any) -> None:
        if progress.activity.startswith("logs, update"):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop, "_SHOW_SECONDS", 0.0)  # else a quick machine shows none of them
    whole = config(tmp_path / "whole", recorded, eval_every=0, offline={"imitate": 200})
    train(whole)
    cut = replace(whole, out=str(tmp_path / "cut"))
    assert train(cut, on_progress=stop).interrupted
    done = [json.loads(line) for line in (tmp_path / "cut" / "metrics.jsonl").open()]
    assert not any("episode_return" in row for row in done)
    assert not train(cut, resume=True).interrupted
    assert _without_means(tmp_path / "whole") == _without_means(tmp_path / "cut")


def _without_means(run: Path) -> list[dict[str, Any]]:
    return [row for row in metrics(run) if "episode_return" in row]


def test_other_logs_are_refused(tmp_path: Path) -> None:
    """A run goes on with what it began with."""
    made, first = config(tmp_path / "run", tmp_path / "logs", steps=5), tmp_path / "logs"
    train(tiny_config(first, steps=100, eval_every=0))
    train(replace(made, replay_capacity=50))
    shutil.rmtree(first)
    train(tiny_config(first, steps=100, eval_every=0, seed=5))
    with pytest.raises(CheckpointError, match="logs of this run are not what they were"):
        train(replace(made, replay_capacity=50, steps=15), resume=True)


def test_logs_without_rewards(recorded: Path, tmp_path: Path) -> None:
    """Only sensors and actions are learned; afterwards every batch is what was lived."""
    made = config(tmp_path / "run", recorded, offline={"rewards": False})
    train(made)
    taught = [row for row in metrics(tmp_path / "run") if "offline/updates" in row]
    assert "train/sense" in taught[-1] and not any("train/value" in row for row in taught)


def test_parts_of_a_batch(recorded: Path) -> None:
    """While fine-tuning the share is from the logs, the rest from the replay."""
    from daneel.agents import build
    from daneel.envs import make_single
    from daneel.training.offline import Offline, open_offline

    env = make_single(IDENTITY)
    space: Any = env.observation_space
    agent = build(PessimistConfig(batch_size=40), space, env.action_space, seed=0)

    def offline(**settings: Any) -> Offline:
        asked = OfflineConfig(**settings)
        rng = np.random.default_rng(0)
        return open_offline((str(recorded),), asked, agent, space, env.action_space, rng)

    drawn: list[int] = []

    def draw(count: int) -> Any:
        drawn.append(count)
        return offline().logs.replay.sample(count, 3, 0)

    for settings in ({"share": 0.25}, {"share": 0.0}, {"share": 0.25, "rewards": False}):
        assert len(offline(**settings).mixed(draw).action) == 40
    assert drawn == [30, 40, 40]


def test_who_cannot_learn_from_logs(recorded: Path, tmp_path: Path) -> None:
    """Agents of the library, and those that only know replays."""
    planner = parse([IDENTITY.id, "--logs", str(recorded), "--agent", "planner"])
    with pytest.raises(ConfigError, match="'planner', which cannot begin with logs"):
        train(replace(planner, out=str(tmp_path / "planner")))
    sac = parse([IDENTITY.id, "--logs", str(recorded), "--agent", "sac"])
    with pytest.raises(ConfigError, match="agent is 'sac'"):
        train(replace(sac, out=str(tmp_path / "sac")))


def test_the_command_line(recorded: Path, tmp_path: Path) -> None:
    """Logs choose the agent, and the environment unless one is named."""
    found, rest = plan(["--logs", str(recorded), "--steps", "0"])
    assert found.env.id == IDENTITY.id and found.agent.name == "pessimist"
    assert found.preset == "logs-daneel-IdentityBox-v0" and "--logs" in rest
    typed = ["Pendulum-v1", "--logs", str(recorded), str(recorded), "--steps", "0"]
    asked = parse(typed)
    assert asked.env.id == "Pendulum-v1" and len(asked.logs) == 2 and asked.steps == 0
    assert parse([f"--logs={recorded}"]).env.id == IDENTITY.id
    whole = resolve(asked)
    assert whole.replay_capacity == 12516 and whole.eval_every == 1000  # steps may follow
    unsaid = hand_made.lerobot(tmp_path / "set")
    with pytest.raises(LogError, match="does not say in which environment"):
        plan(["--logs", str(unsaid)])
    said = hand_made.lerobot(tmp_path / "said", origin={"env": "Twin/Slide-v0"})
    assert plan(["--logs", str(said)])[0].env.id == "Twin/Slide-v0"
    with pytest.raises(ConfigError, match="steps is 0"):
        TrainConfig(steps=0)


def test_it_ends_when_it_is_good_enough(recorded: Path, tmp_path: Path) -> None:
    """So many evaluations in a row: no step more than they need; also on resume."""
    always = {"stop_return": -1.0, "stop_after": 2, "eval_every": 5}
    result = train(config(tmp_path / "soon", recorded, **always))
    assert result.step == 5 and not result.interrupted
    assert train(resume=tmp_path / "soon").step == 5
    never = {"stop_return": 99.0, "eval_every": 5}
    assert train(config(tmp_path / "never", recorded, **never)).step == 30
    tiny = tiny_config(tmp_path / "plain", stop_return=-1.0, stop_after=1)
    assert train(tiny).step == 40  # without logs too


@pytest.mark.parametrize(
    "settings",
    [{"share": 1.0}, {"updates": -1}, {"imitate": -1}, {"best": 0.0}, {"share": float("nan")}],
)
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    """The field is named."""
    with pytest.raises(ConfigError, match=f"offline.{next(iter(settings))}"):
        OfflineConfig(**settings)
