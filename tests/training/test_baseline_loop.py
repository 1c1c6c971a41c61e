"""Stable-Baselines3 through our command: native, resumable, recorded like any other run."""

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO, SAC

from daneel.agents import AGENTS
from daneel.agents.baselines import SB3Agent
from daneel.envs import EnvConfig, make_single
from daneel.errors import CheckpointError, ConfigError, MemoryBudgetError, NonFiniteError
from daneel.training import TrainResult, checkpoint, train
from daneel.training.baseline_env import RecordedEnv
from daneel.training.collector import SeenRange
from daneel.training.config import TrainConfig
from daneel.training.loading import load_agent, load_seen_range
from daneel.training.progress import Progress
from daneel.training.rollout import run_episodes
from daneel.training.seeding import agent_seed
from tests.training.test_kill import check_kills

PENDULUM = EnvConfig("Pendulum-v1", max_episode_steps=30)
CARTPOLE = EnvConfig("CartPole-v1")
SMALL = {"net_arch": (8,), "batch_size": 8}
OFF = {**SMALL, "learning_starts": 20}
DISCRETE = {**OFF, "kwargs": {"target_update_interval": 25, "exploration_fraction": 0.5}}


class Reach(gym.Env[Any, Any]):
    """A point on a plane that shall come to a goal; the smallest goal environment there is."""

    def __init__(self) -> None:
        """Three vectors of two numbers."""
        box = spaces.Box(-10.0, 10.0, (2,), np.float64)
        names = ("observation", "achieved_goal", "desired_goal")
        self.observation_space = spaces.Dict(dict.fromkeys(names, box))
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin at the origin."""
        super().reset(seed=seed)
        self.at, self.goal = np.zeros(2), self.np_random.uniform(-1, 1, 2)
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Move by a fifth of the action."""
        self.at = self.at + 0.2 * np.asarray(action, np.float64)
        reward = float(self.compute_reward(self.at, self.goal, {}))
        return self._observe(), reward, False, False, {"is_success": reward == 0}

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        """0 at the goal, -1 elsewhere; vectorised."""
        distance = np.linalg.norm(np.asarray(achieved) - np.asarray(desired), axis=-1)
        return -(distance > 0.3).astype(np.float32)

    def _observe(self) -> dict[str, np.ndarray]:
        return {"observation": self.at, "achieved_goal": self.at, "desired_goal": self.goal}


gym.register("DaneelTestReach-v0", f"{__name__}:Reach", max_episode_steps=10)
REACH = EnvConfig("DaneelTestReach-v0")


class Killed(Exception):
    """Stands for a SIGKILL: nothing is saved on the way out."""


def config(out: Path, env: EnvConfig, name: str, **settings: Any) -> TrainConfig[Any]:
    """A short training."""
    return TrainConfig(
        env=env,
        agent=AGENTS.load(name).Config(**settings),
        steps=150,
        seed=3,
        out=str(out),
        eval_every=40,
        eval_episodes=2,
        checkpoint_every=50,
        replay_capacity=400,
        log_every=30,
    )


def killed_at(step: int) -> Any:
    """`on_progress` that ends the training the hard way; it is called at least at evaluations."""

    def on_progress(progress: Progress) -> None:
        if progress.step >= step:
            raise Killed

    return on_progress


def records(run: str | Path) -> list[dict[str, Any]]:
    """Every record without its times."""
    lines = (Path(run) / "metrics.jsonl").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if "seconds" not in k and "time/" not in k}
        for line in lines
    ]


def final_state(result: TrainResult) -> dict[str, Any]:
    """The last checkpoint without times."""
    tree = checkpoint.load(result.run.checkpoint())
    for name in ("watch", "metrics_bytes", "config"):
        del tree["progress"][name]
    return tree


def assert_equal(one: Any, other: Any, where: str = "") -> None:
    """Trees of arrays, bit for bit."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_equal(left, right, f"{where}.{index}")
    elif isinstance(one, torch.Tensor | np.ndarray):
        left, right = np.asarray(one), np.asarray(other)
        assert left.dtype == right.dtype, where
        np.testing.assert_array_equal(left, right, err_msg=where)
    else:
        assert one == other, where


RESUMED: dict[str, tuple[str, EnvConfig, dict[str, Any]]] = {
    "sac": ("sac", PENDULUM, OFF),
    "sac-gsde": ("sac", PENDULUM, {**OFF, "kwargs": {"use_sde": True, "sde_sample_freq": 4}}),
    "sac-hindsight": ("sac", REACH, OFF),
    "sac-panda": ("sac", EnvConfig("PandaReach-v3"), {**OFF, "learning_starts": 50}),
    "sac-two-envs": ("sac", replace(PENDULUM, num_envs=2), OFF),
    "sac-full-replay": ("sac", PENDULUM, {**OFF, "buffer_size": 45}),
    "td3-noise": ("td3", PENDULUM, {**OFF, "action_noise": 0.1}),
    "ddpg": ("ddpg", PENDULUM, OFF),
    "tqc": ("tqc", PENDULUM, OFF),
    "crossq": ("crossq", PENDULUM, OFF),
    "dqn": ("dqn", CARTPOLE, DISCRETE),
    "qrdqn": ("qrdqn", CARTPOLE, DISCRETE),
    "ppo": ("ppo", PENDULUM, {**SMALL, "kwargs": {"n_steps": 32}}),
    "ppo-discrete": ("ppo", CARTPOLE, {**SMALL, "kwargs": {"n_steps": 32}}),
    "ppo-gsde": ("ppo", PENDULUM, {**SMALL, "kwargs": {"n_steps": 32, "use_sde": True}}),
    "a2c": ("a2c", PENDULUM, {"net_arch": (8,)}),
    "trpo": ("trpo", PENDULUM, {**SMALL, "kwargs": {"n_steps": 32}}),
}
QUICK = ("sac", "sac-gsde", "sac-hindsight", "td3-noise", "dqn", "ppo")


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=() if c in QUICK else pytest.mark.slow) for c in RESUMED],
)
def test_killed_and_resumed_equals_uninterrupted(case: str, tmp_path: Path) -> None:
    """Records and the last checkpoint (weights, replay, generators, simulators), bit for bit."""
    name, env, settings = RESUMED[case]
    whole = train(config(tmp_path / "whole", env, name, **settings))

    broken = config(tmp_path / "broken", env, name, **settings)
    with pytest.raises(Killed):
        train(broken, on_progress=killed_at(120))
    assert 50 <= checkpoint_step(tmp_path / "broken") < 120
    np.random.seed(0)  # whatever the process did in between must not matter
    torch.manual_seed(0)
    resumed = train(resume=tmp_path / "broken")

    assert resumed.step == whole.step >= 150
    assert records(resumed.run.path) == records(whole.run.path)
    assert_equal(final_state(resumed), final_state(whole))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["sac", "dqn", "ppo"])
def test_sigkill_and_resume_equals_uninterrupted(case: str, tmp_path: Path) -> None:
    """The same with real signals, twice in one run."""
    name, env, settings = RESUMED[case]
    check_kills(config(tmp_path / "killed", env, name, **settings), (6, 9), tmp_path)


def checkpoint_step(run: Path) -> int:
    """Environment step of the latest checkpoint."""
    return int((run / "checkpoints" / "latest").read_text().strip().removeprefix("step-"))


@pytest.mark.parametrize(("name", "settings"), [("sac", OFF), ("ppo", RESUMED["ppo"][2])])
def test_learns_exactly_as_the_librarys_own_script(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    """Records, evaluations and checkpoints in between change no weight."""
    ours = train(config(tmp_path, PENDULUM, name, **settings))

    env = make_single(PENDULUM)
    assert isinstance(env.observation_space, spaces.Dict)
    recorded = RecordedEnv(env, "Pendulum-v1", 3, 0, SeenRange(env.observation_space))
    arguments = {k: v for k, v in settings.items() if k not in ("net_arch", "kwargs")}
    peer = {"sac": SAC, "ppo": PPO}[name](
        "MlpPolicy",
        recorded,
        seed=agent_seed(3),
        policy_kwargs={"net_arch": [8]},
        **arguments,
        **settings.get("kwargs", {}),
    )
    peer.learn(150)
    agent, _, _ = load_agent(ours.run.path)
    assert isinstance(agent, SB3Agent)
    theirs = peer.policy.state_dict()
    for key, value in agent.model.policy.state_dict().items():
        assert torch.equal(value, theirs[key]), key


def test_callers_generators_are_as_before(tmp_path: Path) -> None:
    """The library seeds the whole process; afterwards that is undone."""
    np.random.seed(7)
    torch.manual_seed(7)
    expected = np.random.rand(), torch.rand(())
    np.random.seed(7)
    torch.manual_seed(7)
    train(config(tmp_path, PENDULUM, "a2c"))
    assert (np.random.rand(), torch.rand(())) == expected


def test_ctrl_c_saves_and_going_on_equals_uninterrupted(tmp_path: Path) -> None:
    """A real SIGINT, between the checkpoints."""
    whole = train(config(tmp_path / "whole", PENDULUM, "sac", **OFF))
    sent: list[int] = []

    def interrupt(progress: Progress) -> None:
        if progress.step >= 110 and not sent:
            sent.append(progress.step)
            signal.raise_signal(signal.SIGINT)

    stopped = train(config(tmp_path / "b", PENDULUM, "sac", **OFF), on_progress=interrupt)
    assert stopped.interrupted and 110 <= stopped.step < 150
    assert checkpoint_step(tmp_path / "b") == stopped.step
    resumed = train(resume=tmp_path / "b")
    assert not resumed.interrupted
    assert records(resumed.run.path) == records(whole.run.path)
    assert_equal(final_state(resumed), final_state(whole))


def test_ctrl_c_in_a_round_waits_for_its_end(tmp_path: Path) -> None:
    """An on-policy round is not cut: its checkpoint would not be whole."""

    def interrupt(progress: Progress) -> None:
        if progress.step >= 70:
            signal.raise_signal(signal.SIGTERM)

    name, env, settings = RESUMED["ppo"]
    stopped = train(config(tmp_path, env, name, **settings), on_progress=interrupt)
    assert (stopped.step, stopped.interrupted) == (96, True)


def test_a_finished_training_goes_on_when_steps_are_added(tmp_path: Path) -> None:
    """More steps continue; none left is no error."""
    first = config(tmp_path, PENDULUM, "sac", **OFF)
    train(first)
    assert train(resume=tmp_path).step == 150
    longer = train(replace(first, steps=180), resume=True)
    assert longer.step == 180
    assert [r["step"] for r in records(tmp_path) if "eval/return" in r] == [40, 80, 120, 160]


def test_records_are_those_of_every_run(tmp_path: Path) -> None:
    """Cadence, keys, and an evaluation of the weights that are saved."""
    env = replace(PENDULUM, action_repeat=2)
    result = train(replace(config(tmp_path, env, "ppo", **RESUMED["ppo"][2]), steps=256))
    found = records(tmp_path)
    evaluations = [record for record in found if "eval/return" in record]
    assert [record["step"] for record in evaluations] == [40, 80, 120, 160, 200, 240]
    assert all(record["step"] == 2 * record["decisions"] for record in found)
    episodes = [record for record in found if "episode_return" in record]
    assert [record["episode_length"] for record in episodes] == [30] * (128 // 30)
    assert any("train/value_loss" in record for record in found)
    assert result.step == 256 and result.eval_return == evaluations[-1]["eval/return"]


def test_last_evaluation_is_of_the_saved_weights(tmp_path: Path) -> None:
    """What `eval.json` and the gate will say about the checkpoint."""
    train(replace(config(tmp_path, PENDULUM, "sac", **OFF), eval_every=75))
    agent, stored, which = load_agent(tmp_path)
    assert which == "step-150"
    results = run_episodes(agent, stored.env, 2, stored.seed)
    last = [record for record in records(tmp_path) if "eval/return" in record][-1]
    assert last["eval/returns"] == [result.return_ for result in results]


def test_goal_environment_learns_with_hindsight(tmp_path: Path) -> None:
    """Native dict, relabelled replay, and a box for the gate."""
    train(config(tmp_path, REACH, "sac", **OFF))
    agent, _, _ = load_agent(tmp_path)
    assert isinstance(agent, SB3Agent)
    assert set(agent.native_observation_space.spaces) == {  # pyright: ignore
        "achieved_goal",
        "desired_goal",
        "observation",
    }
    assert set(load_seen_range(tmp_path)) == {"state", "achieved", "goal"}
    tree = checkpoint.load(tmp_path / "checkpoints" / "step-150", only=["replay"])["replay"]
    assert {"ep_start", "ep_length"} <= set(tree["arrays"])


@pytest.mark.slow
def test_success_is_on_record(tmp_path: Path) -> None:
    """Of training and of evaluation, where the environment has such a signal."""
    name, env, settings = RESUMED["sac-panda"]
    train(config(tmp_path, env, name, **settings))
    found = records(tmp_path)
    episodes = [record for record in found if "episode_return" in record]
    assert len(episodes) == 3 and all(isinstance(record["success"], bool) for record in episodes)
    assert all("eval/success" in record for record in found if "eval/return" in record)


def test_hindsight_before_the_first_episode_ends_is_refused(tmp_path: Path) -> None:
    """The library would fail in its first update."""
    with pytest.raises(ConfigError, match=r"learning_starts is 5, .*may last 10 .*learning_starts"):
        train(config(tmp_path / "run", REACH, "sac", **{**OFF, "learning_starts": 5}))
    assert not (tmp_path / "run").exists()


def test_hindsight_waits_for_the_first_episode_by_itself(tmp_path: Path) -> None:
    """Unless told when to begin: episodes here are longer than the library's hundred decisions."""
    env = EnvConfig(REACH.id, max_episode_steps=120)
    train(config(tmp_path / "run", env, "sac", **SMALL))
    assert any("train/critic_loss" in record for record in records(tmp_path / "run"))


@pytest.mark.parametrize("setting", ["nan_reward_at", "nan_observation_at"])
def test_nan_stops_and_keeps_the_last_checkpoint(setting: str, tmp_path: Path) -> None:
    """Which environment and which decision are in the message."""
    env = EnvConfig("daneel/Probe-v0", kwargs={setting: 70})
    with pytest.raises(NonFiniteError, match=r"daneel/Probe-v0.* at decision 70"):
        train(replace(config(tmp_path, env, "sac", **OFF), eval_every=0))
    assert checkpoint_step(tmp_path) == 50


def test_nan_in_an_evaluation_stops_too(tmp_path: Path) -> None:
    """Torch would complain of its distribution; the user is told of the observation."""
    env = EnvConfig("daneel/Probe-v0", kwargs={"nan_observation_at": 45})
    with pytest.raises(NonFiniteError, match="'state' at decision 45 of evaluation episode 0"):
        train(config(tmp_path, env, "sac", **OFF))


def test_loss_that_is_not_finite_stops(tmp_path: Path) -> None:
    """A learning rate that blows up is noticed by its metric, not by a crash later on."""
    with pytest.raises(NonFiniteError, match="became"):
        train(config(tmp_path, PENDULUM, "sac", **{**OFF, "learning_rate": 1e25}))


def test_replay_that_does_not_fit_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """The message names a flag that helps."""
    with pytest.raises(MemoryBudgetError, match="replay_capacity"):
        train(config(tmp_path / "run", PENDULUM, "sac", **{**OFF, "buffer_size": 10**14}))
    assert not (tmp_path / "run").exists()


def test_checkpoint_of_another_algorithm_is_refused(tmp_path: Path) -> None:
    """By the name of the field that changed."""
    first = config(tmp_path, PENDULUM, "a2c")
    train(first)
    other = replace(first, agent=AGENTS.load("ppo").Config())
    with pytest.raises(CheckpointError, match=r"agent\.name = 'a2c'"):
        train(other, resume=True)


def test_simulator_of_another_make_is_refused(tmp_path: Path) -> None:
    """A checkpoint in the middle of an episode, whose observation was tampered with."""
    train(config(tmp_path, PENDULUM, "a2c"))
    path = tmp_path / "checkpoints" / "step-150"
    tree = checkpoint.load(path)
    tree["progress"]["collector"]["envs"][0]["actions"] = np.ones((7, 1), np.float32)
    checkpoint.save(path, tree)
    longer = replace(config(tmp_path, PENDULUM, "a2c"), steps=200)
    with pytest.raises(CheckpointError, match="did not return to its saved state"):
        train(longer, resume=True)


def test_images_are_learned_from(tmp_path: Path) -> None:
    """The library's convolutions, through the same command."""
    result = train(config(tmp_path, EnvConfig("DaneelTestPicture-v0"), "a2c"))
    assert result.step == 150


class Picture(gym.Env[Any, Any]):
    """Shows one of two pictures; the action names it."""

    def __init__(self) -> None:
        """All black or all white."""
        self.observation_space = spaces.Box(0, 255, (36, 36, 3), np.uint8)
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Draw a picture."""
        super().reset(seed=seed)
        return self._draw(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Reward the right name."""
        reward = float(action == self.shown)
        return self._draw(), reward, False, False, {}

    def _draw(self) -> np.ndarray:
        self.shown = int(self.np_random.integers(2))
        return np.full((36, 36, 3), 255 * self.shown, np.uint8)


gym.register("DaneelTestPicture-v0", f"{__name__}:Picture", max_episode_steps=5)


def test_it_ends_when_it_is_good_enough(tmp_path: Path) -> None:
    """After two evaluations that reach what was asked for, in the library's own loop too."""
    asked = AGENTS.load("sac").Config(**OFF)
    config = TrainConfig(
        env=PENDULUM, agent=asked, steps=200, eval_every=30, eval_episodes=1,
        stop_return=-1e9, stop_after=2, out=str(tmp_path / "run"),
    )  # fmt: skip
    result = train(config)
    assert result.step == 60 and not result.interrupted
    assert train(resume=tmp_path / "run").step == 60
