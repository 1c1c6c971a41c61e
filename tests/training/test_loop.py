"""The loop: same seed twice, interrupts, refusals, NaN, and what a run leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daneel.config import load_yaml, save_yaml
from daneel.envs import EnvConfig
from daneel.errors import (
    CheckpointError,
    ConfigError,
    MemoryBudgetError,
    NonFiniteError,
    RunFolderError,
    UnknownNameError,
)
from daneel.training import (
    Progress,
    RunFolder,
    load_agent,
    load_seen_range,
    run_episodes,
    train,
)
from daneel.training.changes import changed_fields
from tests.training.children import metrics, tiny_config, train_in_child
from tests.training.tiny_agent import TinyAgent


def test_same_seed_twice_is_identical_and_another_is_not(tmp_path: Path) -> None:
    """Every record but the times."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(tiny_config(tmp_path / name, seed=seed))
    assert metrics(tmp_path / "a") == metrics(tmp_path / "b")
    assert metrics(tmp_path / "a") != metrics(tmp_path / "c")


def test_records(tmp_path: Path) -> None:
    """Episodes, evaluations and means, each with its keys, in the order of the steps."""
    result = train(tiny_config(tmp_path / "run", EnvConfig("daneel/IdentityBox-v0", num_envs=2)))
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    assert [r["step"] for r in records] == sorted(r["step"] for r in records)
    episodes = [r for r in records if "episode_return" in r]
    evaluations = [r for r in records if "eval/return" in r]
    means = [r for r in records if "time/env" in r]
    assert len(episodes) + len(evaluations) + len(means) == len(records)
    assert len(episodes) == 8 and all(r["episode_length"] == 10 for r in episodes)
    assert [r["step"] for r in evaluations] == [40, 80]
    for record in evaluations:
        assert record["eval/return"] == pytest.approx(np.mean(record["eval/returns"]))
        assert record["eval/lengths"] == [10, 10] and record["eval/seconds"] >= 0
    assert [r["step"] for r in means] == [16, 30, 46, 60, 76, 90]
    assert all("train/loss" in record for record in means)
    assert not result.interrupted and result.step == 90
    assert result.eval_return == evaluations[-1]["eval/return"]
    assert 0 < result.overhead < 1 and result.seconds["env"] > 0


def test_steps_count_repeated_actions(tmp_path: Path) -> None:
    """Environment steps are decisions times the repeat."""
    env = EnvConfig("daneel/IdentityBox-v0", action_repeat=2)
    train(tiny_config(tmp_path / "run", env, steps=40, eval_every=0))
    steps = [(r["step"], r["decisions"]) for r in metrics(tmp_path / "run")]
    assert all(step == 2 * decisions for step, decisions in steps) and steps[-1][0] == 40


def test_evaluations_do_not_change_what_is_learned(tmp_path: Path) -> None:
    """More of them, fewer, none: the same training."""
    training = []
    for name, every in (("none", 0), ("few", 40), ("many", 7)):
        train(tiny_config(tmp_path / name, eval_every=every))
        records = metrics(tmp_path / name)
        training.append([r for r in records if "eval/return" not in r])
    assert training[0] == training[1] == training[2]


def test_an_identity_is_learned(tmp_path: Path) -> None:
    """Real learning through the whole loop: act, replay, update, evaluate."""
    config = tiny_config(tmp_path / "run", steps=900, eval_every=900, checkpoint_every=900)
    result = train(replace(config, agent=TinyAgent.Config(warmup=50, width=32, learning_rate=0.01)))
    assert result.eval_return is not None and result.eval_return > 8.5  # random actions: 5


def test_agents_come_back_from_the_folder(tmp_path: Path) -> None:
    """By any name of a checkpoint; they act as the trained one did, and the seen range is there."""
    result = train(tiny_config(tmp_path / "run", steps=80))
    agent, config, which = load_agent(tmp_path / "run")
    assert which == "step-80" and config == result.config
    results = run_episodes(agent, config.env, config.eval_episodes, config.seed)
    assert np.mean([r.return_ for r in results]) == pytest.approx(result.eval_return)
    assert load_agent(tmp_path / "run", "60")[2] == "step-60"
    with pytest.raises(CheckpointError, match="no released checkpoint"):
        load_agent(tmp_path / "run", "released")
    ((key, (low, high)),) = load_seen_range(tmp_path / "run").items()
    assert key == "state" and -1 <= low[0] < -0.8 and 0.8 < high[0] <= 1


def test_a_longer_run_is_a_resumed_shorter_one(tmp_path: Path) -> None:
    """`steps` may change, and the configuration follows."""
    config = tiny_config(tmp_path / "long", replay_capacity=200)
    train(config)
    train(replace(config, out=str(tmp_path / "short"), steps=50))
    result = train(replace(config, out=str(tmp_path / "short")), resume=True)
    assert metrics(tmp_path / "long") == metrics(tmp_path / "short")
    assert result.step == 90 and load_yaml(tmp_path / "short" / "config.yaml")["steps"] == 90
    assert train(resume=tmp_path / "short").step == 90  # nothing left to do


@pytest.mark.parametrize(("capacity", "warns"), [(None, True), (20, False), (200, False)])
def test_a_longer_run_than_its_replay_was_made_for_is_told(
    capacity: int | None, warns: bool, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """Only where it kept everything and will not: not where that was so before, or never will."""
    train(tiny_config(tmp_path / "run", steps=40, eval_every=0, replay_capacity=capacity))
    config = load_yaml(tmp_path / "run" / "config.yaml")
    for steps in (40, 90):
        assert not recwarn.list
        save_yaml(tmp_path / "run" / "config.yaml", {**config, "steps": steps})
        train(resume=tmp_path / "run")
    found = [str(warning.message) for warning in recwarn]
    assert len(found) == warns
    if warns:
        assert re.search(r"keeps the 66 rows .* for 40 steps: of 90 .*--steps 90", found[0])


def test_killed_before_the_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    """With the records of the first attempt forgotten."""
    config = tiny_config(tmp_path / "run")
    train(replace(config, out=str(tmp_path / "whole")))
    RunFolder.create(tmp_path / "run", load_yaml(tmp_path / "whole" / "config.yaml"))
    (tmp_path / "run" / "metrics.jsonl").write_text('{"step": 1}\n')
    train(resume=tmp_path / "run")
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")


def test_the_loop_itself_is_cheap(tmp_path: Path) -> None:
    """A decision costs the loop far less than a tenth of 10 ms (CPU time; it measures 0.05 ms)."""
    config = tiny_config(tmp_path / "warm", eval_every=0, checkpoint_every=10_000)
    config = replace(config, agent=TinyAgent.Config(warmup=10_000))
    seconds = []
    for steps in (100, 1100):
        began = time.process_time()
        train(replace(config, out=str(tmp_path / str(steps)), steps=steps))
        seconds.append(time.process_time() - began)
    assert (seconds[1] - seconds[0]) / 1000 < 0.5e-3


# -- interrupts -----------------------------------------------------------------------------------


def stop_when(config: Any, number: int, reached: Any) -> None:
    """Train in a child and send it a signal once `reached`."""
    child = train_in_child(config, resume=False)
    while child.is_alive() and not reached():
        time.sleep(0.002)
    assert child.pid is not None
    os.kill(child.pid, number)
    child.join()
    assert child.exitcode == 0  # it ended by itself, in order


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_resumed_run_is_the_same(number: int, tmp_path: Path) -> None:
    """At an odd step, between checkpoints; resumed without a trace."""
    config = tiny_config(tmp_path / "run", steps=150, checkpoint_every=1000)
    train(replace(config, out=str(tmp_path / "whole")))
    path = tmp_path / "run" / "metrics.jsonl"
    stop_when(config, number, lambda: path.exists() and path.read_bytes().count(b"\n") > 4)
    saved = RunFolder.open(tmp_path / "run").checkpoint().name
    assert 0 < int(saved.removeprefix("step-")) < 150
    assert train(resume=tmp_path / "run").step == 150
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")


def interrupt_when(activity: str) -> Any:
    """An observer of the progress that presses Ctrl-C at the first sight of `activity`."""
    pressed = []

    def watch(progress: Progress) -> None:
        if progress.activity == activity and not pressed:
            pressed.append(progress.step)
            os.kill(os.getpid(), signal.SIGINT)

    return watch


@pytest.mark.parametrize("activity", ["starting", "evaluating", "saving"])
def test_ctrl_c_at_any_activity(activity: str, tmp_path: Path) -> None:
    """An evaluation is given up at once and made up for later."""
    config = tiny_config(tmp_path / "run")
    train(replace(config, out=str(tmp_path / "whole")))
    before = signal.getsignal(signal.SIGINT)  # ignored in a shell's background jobs
    result = train(config, on_progress=interrupt_when(activity))
    assert result.interrupted
    assert result.step == {"starting": 0, "evaluating": 40, "saving": 20}[activity]
    assert signal.getsignal(signal.SIGINT) is before
    result = train(config, resume=True)
    assert not result.interrupted
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")


# -- refusals -------------------------------------------------------------------------------------


def test_nan_from_the_environment_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    """The run says where it stopped, and can be opened."""
    env = EnvConfig("daneel/Probe-v0", kwargs={"nan_reward_at": 50})
    with pytest.raises(NonFiniteError, match=r"daneel/Probe-v0.*reward.*decision 50 of the run"):
        train(tiny_config(tmp_path / "run", env, eval_every=0))
    assert load_agent(tmp_path / "run")[2] == "step-40"
    with RunFolder.open(tmp_path / "run"):
        pass  # the lock is free


def test_nan_from_the_agent(tmp_path: Path) -> None:
    """A loss; the metric and the step are named."""
    config = replace(tiny_config(tmp_path / "run"), agent=TinyAgent.Config(warmup=10, nan_at=5))
    with pytest.raises(NonFiniteError, match=r"'loss' became nan at environment step 20"):
        train(config)


def test_memory_is_checked_before_anything_is_written(tmp_path: Path) -> None:
    """No folder is made for a run that cannot be."""
    with pytest.raises(MemoryBudgetError, match="--replay_capacity"):
        train(tiny_config(tmp_path / "run", replay_capacity=10**14))
    assert not (tmp_path / "run").exists()


def test_unknown_environments_make_no_folder(tmp_path: Path) -> None:
    """The nearest are named."""
    with pytest.raises(UnknownNameError, match="InvertedPendulum-v5"):
        train(tiny_config(tmp_path / "run", EnvConfig("InvertedPendulm-v5")))
    assert not (tmp_path / "run").exists()


def test_a_folder_in_use_and_nothing_to_resume(tmp_path: Path) -> None:
    """Each with the command that helps."""
    config = tiny_config(tmp_path / "run", steps=15, eval_every=0)
    train(config)
    with pytest.raises(RunFolderError, match="daneel resume"):
        train(config)
    with pytest.raises(RunFolderError, match="does not exist"):
        train(resume=tmp_path / "none")
    with pytest.raises(ConfigError, match="nothing to train"):
        train()


CHANGES = {
    "env.id": ("env", {"id": "daneel/IdentityDiscrete-v0"}),
    "env.kwargs": ("env", {"kwargs": {"dim": 2}}),
    "agent.width": ("agent", {"width": 17}),
    "seed": ("seed", 5),
    "replay_capacity": ("replay_capacity", 50),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_run_is_refused_by_name(name: str, tmp_path: Path) -> None:
    """Environment, agent, seed: another run needs another folder."""
    train(tiny_config(tmp_path / "run", steps=30, eval_every=0))
    path = tmp_path / "run" / "config.yaml"
    data = load_yaml(path)
    field, value = CHANGES[name]
    data[field] = {**data[field], **value} if isinstance(value, dict) else value
    save_yaml(path, data)
    with pytest.raises(CheckpointError, match=rf"made with {re.escape(name)} = .*Set it back in"):
        train(resume=tmp_path / "run")


def test_a_changed_environment_behind_the_same_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new version with other observations."""
    from daneel.envs.identity import IdentityBox

    train(tiny_config(tmp_path / "run", steps=30, eval_every=0))
    original = IdentityBox.__init__
    monkeypatch.setattr(IdentityBox, "__init__", lambda self: original(self, dim=3))
    with pytest.raises(CheckpointError, match="the observation space of daneel/IdentityBox-v0"):
        train(resume=tmp_path / "run")


def test_changed_fields() -> None:
    """Nested ones by dotted name; what may change is left out."""
    then = {"steps": 1, "env": {"id": "a", "kwargs": {"x": 1}}, "agent": {"n": 1}}
    now = {"steps": 2, "env": {"id": "b", "kwargs": {}}, "agent": {"n": 1, "m": 2}}
    assert changed_fields(then, now) == {
        "env.id": ("a", "b"),
        "env.kwargs": ({"x": 1}, {}),
        "agent.m": (None, 2),
    }
