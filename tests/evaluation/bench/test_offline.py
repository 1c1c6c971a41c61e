"""The bench of logs and few steps: what counts as reached, what the jobs add up to, going on."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from daneel import config
from daneel.envs import EnvConfig, make_single
from daneel.errors import ConfigError, UnknownNameError
from daneel.evaluation import files
from daneel.evaluation.bench import offline, offline_arms, offline_logs, offline_sac
from daneel.evaluation.bench.offline_arms import Job, Outcome, Sizes
from daneel.evaluation.bench.offline_evidence import gather, median_steps
from daneel.training.logs import logged_env, read_logs

SIZES = Sizes()


def outcome(arm: str, values: list[float], seed: int = 0, task: str = "Reach") -> Outcome:
    """Evaluations every 500 samples; the offline policy has 100 at home, so 90 are asked for."""
    curve = tuple((500 * at, value) for at, value in enumerate(values))
    return Outcome(Job(task, seed, arm, SIZES), 100.0, curve, 60.0, 50.0)


@pytest.mark.parametrize(
    ("values", "reached"),
    [
        ([95, 95, 95, 10], 0),
        ([10, 95, 80, 90, 91, 92], 1500),
        ([10, 95, 95], None),
        ([10, 89.9, 89.9, 89.9], None),
    ],
)
def test_three_in_a_row_and_the_first_counts(values: list[float], reached: int | None) -> None:
    """One lucky evaluation is none."""
    assert outcome("ours", values).reached == reached


def test_a_seed_that_never_got_there_is_kept() -> None:
    """As more than the budget: the median of three is the middle one, of two none."""
    good, bad = outcome("ours", [95] * 3), outcome("ours", [10] * 3)
    assert median_steps([good, good, bad], SIZES) == 0
    assert median_steps([good, bad], SIZES) == np.inf


def test_what_jobs_add_up_to() -> None:
    """Tasks that got there, samples saved, and nothing met by fewer seeds than asked."""
    rows = []
    for seed in range(5):
        rows += [
            outcome("ours", [50, 95, 95, 95], seed),
            outcome("scratch", [1, 2, 3, 4, 95, 95, 95], seed),
            outcome("unlabelled", [1, 95, 95, 95], seed),
            outcome("ours", [1, 2, 3], seed, "Push"),
        ]
    found = {(i.row, i.measure[:12], i.subject): i for i in gather(rows, SIZES)}
    ours = found["M-2 Reach", "samples to 9", "logs"]
    assert (ours.figure, ours.bound, ours.met) == (500.0, "", True)
    push = found["M-2 Push", "samples to 9", "logs"]
    assert (push.figure, push.bound, push.met) == (10_000.0, ">", False)
    assert found["M-2 Reach", "share of the", "offline only"].figure == pytest.approx(0.5)
    tasks = found["M-2", "tasks with 9", "logs"]
    assert (tasks.figure, tasks.unit, tasks.met) == (1.0, "of 2", False)
    saved = found["T-51", "real samples", "logs, no rewards"]
    assert saved.figure == pytest.approx(1 - 500 / 2000) and saved.met is True
    fewer = {(i.row, i.subject): i for i in gather(rows[:4], SIZES) if i.row == "T-51"}
    assert fewer["T-51", "logs, no rewards"].met is False
    assert not gather(rows, replace(SIZES, budget=1))  # jobs of other sizes do not count


def test_samples_and_decisions() -> None:
    """Every reset costs one; a budget pays for whole episodes and the reset after the last."""
    assert [offline_arms.samples(n, 60) for n in (0, 1, 60, 119)] == [0, 2, 62, 121]
    most = offline_arms.decisions(10_000, 60)
    assert offline_arms.samples(most, 60) <= 10_000 < offline_arms.samples(most + 60, 60)


def test_the_logs_of_a_twin(tmp_path: Path) -> None:
    """Episodes of the source with rewards, the same for the same seed; the environment is said."""
    path = offline_logs.record("Slide", tmp_path / "a", 3, episodes=6)
    env = make_single(EnvConfig("Twin/Slide-v0"))
    space = env.observation_space, env.action_space
    logs = read_logs([str(path)], *space, np.random.default_rng(0))  # type: ignore[arg-type]
    assert logged_env([str(path)]) == {"id": "Twin/Slide-v0", "kwargs": {}}
    assert logs.has_rewards and len(logs.lengths) == 6 and len(set(logs.returns)) == 6
    again = offline_logs.record("Slide", tmp_path / "b", 3, episodes=6)
    same = read_logs([str(again)], *space, np.random.default_rng(0))  # type: ignore[arg-type]
    assert same.sha256 == logs.sha256
    model = offline_sac.SAC("MlpPolicy", offline_sac.gym.wrappers.FlattenObservation(env))
    offline_sac.fill(model, logs)
    assert model.replay_buffer is not None and model.replay_buffer.size() == len(logs.replay)
    data = logs.replay.state_dict()["data"]
    row = np.concatenate([data["obs.goal"][0, 7], data["obs.state"][0, 7]])
    np.testing.assert_allclose(model.replay_buffer.observations[7, 0], row, rtol=1e-6)
    np.testing.assert_allclose(
        model.replay_buffer.next_observations[7, 0],
        np.concatenate([data["obs.goal"][0, 8], data["obs.state"][0, 8]]),
        rtol=1e-6,
    )


def test_a_bench_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Jobs that have ended are not run again: here all of them, written down beforehand."""
    asked = offline.Options(("Reach",), (0,), results=tmp_path)
    for arm in asked.arms:
        row = config.to_dict(outcome(arm, [95.0] * 3))
        files.append_json(tmp_path / offline.JOBS, row)
    assert offline.run(asked) == 0
    assert "M-2 Reach" in capsys.readouterr().out
    order = [(job.seed, job.arm, job.task) for job in offline.jobs(offline.Options(seeds=(0, 1)))]
    assert order[0] == (0, "ours", "Reach") and order[8][1] == "scratch" and order[32][0] == 1


def test_an_interrupted_job_is_no_outcome(tmp_path: Path) -> None:
    """Half a curve looks like one that never got there; the job has to be run again."""
    over = threading.Event()

    def interrupt() -> None:
        while not over.wait(0.2):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda number, frame: None)  # until the training listens
    sender = threading.Thread(target=interrupt)
    sender.start()
    try:
        with pytest.raises(SystemExit):
            offline_arms.run_job(
                Job("Drawer", 0, "scratch", replace(SIZES, log_episodes=6)), tmp_path, 40.0
            )
    finally:
        over.set()
        sender.join()
        signal.signal(signal.SIGTERM, before)


def test_nothing_holds_back_who_has_no_logs() -> None:
    """Pull and doubt are for logs: with them the arm from scratch would be a crippled peer."""
    scratch, ours = (offline_arms.learner(arm, "tiny") for arm in ("scratch", "ours"))
    assert (scratch.imitation, scratch.pessimism) == (0.0, 0.0)
    assert replace(scratch, imitation=ours.imitation, pessimism=ours.pessimism) == ours
    assert offline_arms.learner("unlabelled", "tiny") == ours


def test_options_are_checked(tmp_path: Path) -> None:
    """Nothing to measure, unknown names, and an arm without its target."""
    with pytest.raises(ConfigError, match="seeds is empty"):
        offline.Options(seeds=())
    with pytest.raises(UnknownNameError, match="Reach"):
        offline.Options(tasks=("Rech",))
    with pytest.raises(UnknownNameError, match="scratch"):
        offline.Options(arms=("scrach",))
    alone = offline.Options(("Reach",), (0,), ("sac",), results=tmp_path)
    with pytest.raises(ConfigError, match="needs the target that 'ours'"):
        offline.run(alone)


@pytest.mark.slow
def test_a_rehearsal_runs_every_arm(tmp_path: Path) -> None:
    """Logs, offline, twin, peers: short, whole, and the recorded results are not touched."""
    asked = offline.Options(("Slide",), (0,), rehearse=True, runs=tmp_path, results=tmp_path / "no")
    assert offline.run(asked) == 0 and not (tmp_path / "no").exists()
    arms = {key[2] for key in offline.finished(tmp_path / "rehearsal")}
    assert arms == set(offline_arms.ARMS)
