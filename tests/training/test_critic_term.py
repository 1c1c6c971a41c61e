"""The critic as a term of the reward: what it takes away, and that training learns from it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from daneel.agents import AGENTS
from daneel.alignment.judging import CriticRLHF, Trajectory
from daneel.envs import EnvConfig, make_from_config, make_single
from daneel.errors import CheckpointError, ConfigError
from daneel.training import train
from daneel.training.config import TrainConfig
from daneel.training.critic_term import CriticEnv, CriticVectorEnv, EpisodeCritic
from daneel.training.loading import load_agent

PUSH, GEARS = "tests/Push-v0", "tests/Gears-v0"
STEPS = 20


class Push(gym.Env[Any, Any]):
    """A body with friction and one motor; the reward is the push."""

    action_space: spaces.Space[Any] = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self) -> None:
        """Position and speed."""
        self.observation_space = spaces.Box(-10.0, 10.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin near the origin."""
        super().reset(seed=seed)
        self.x, self.v, self.steps = *self.np_random.uniform(-0.1, 0.1, 2), 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Push."""
        push = float(np.clip(action, -1, 1)[0])
        self._move(push)
        return self._seen(), push / STEPS, self.steps >= STEPS, False, {}

    def _move(self, push: float) -> None:
        self.v += 0.1 * (push - self.v) + 0.01 * self.np_random.normal()
        self.x += 0.1 * self.v
        self.steps += 1

    def _seen(self) -> np.ndarray:
        return np.array([self.x, self.v], np.float32)


class Gears(Push):
    """The first action chooses a gear for the episode; the fast one pays, and its sensor jumps."""

    action_space = spaces.Discrete(2)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Drive on."""
        self.fast = bool(action) if self.steps == 0 else self.fast
        self._move(0.5)
        seen, ended = self._seen(), self.steps >= STEPS
        if self.fast and self.steps in (4, 8):
            seen[0] += 5.0
        return seen, float(ended and self.fast), ended, False, {}


for name, kind in ((PUSH, Push), (GEARS, Gears)):
    if name not in gym.registry:
        gym.register(name, f"{__name__}:{kind.__name__}")


@pytest.fixture(scope="module")
def critic() -> CriticRLHF:
    """The shipped one."""
    return CriticRLHF.pretrained()


def episode(env: gym.Env[Any, Any], push: float) -> tuple[list[float], dict[str, Any]]:
    """Rewards of an episode of pushes around a mean, and its last info."""
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    rewards, info, done = [], {}, False
    while not done:
        action = np.clip(push + 0.1 * rng.normal(size=1), -1, 1).astype(np.float32)
        _, reward, terminated, truncated, info = env.step(action)
        rewards.append(float(reward))
        done = terminated or truncated
    return rewards, info


def test_the_last_reward_has_the_term(critic: CriticRLHF) -> None:
    """Exactly weight times score, and nothing before the end."""
    config = EnvConfig(PUSH)
    plain, _ = episode(make_single(config), 2.0)
    watched, info = episode(CriticEnv(make_single(config), 3.0, critic), 2.0)
    assert watched[:-1] == plain[:-1]
    assert info["critic"] > 0.5
    assert watched[-1] == pytest.approx(plain[-1] - 3.0 * info["critic"])
    _, sound = episode(CriticEnv(make_single(config), 3.0, critic), 0.3)
    assert sound["critic"] < info["critic"] - 0.3


def test_vector_environments_agree(critic: CriticRLHF) -> None:
    """Two streams, one reset before the other: each is scored as it would be alone."""
    config = EnvConfig(PUSH, num_envs=2)
    env = CriticVectorEnv(make_from_config(config), 2.0, critic)
    env.reset(seed=[0, 1], options={"reset_mask": np.ones(2, bool)})
    for _ in range(5):
        env.step(np.ones((2, 1), np.float32))
    env.reset(seed=[0, 0], options={"reset_mask": np.array([False, True])})
    alone = CriticEnv(make_single(config), 2.0, critic)
    alone.reset(seed=0)
    ended: list[float] = []
    reward, one = np.zeros(2), 0.0
    for step in range(STEPS):
        action = np.array([np.sin(step)], np.float32)
        _, reward, terminated, _, _ = env.step(np.array([action, action]))
        _, one, *_ = alone.step(action)
        if terminated[0] and not ended:
            ended = [float(reward[0])]
            env.reset(seed=[5, 0], options={"reset_mask": np.array([True, False])})
    assert ended and reward[1] == pytest.approx(one) and ended[0] != pytest.approx(one)


def test_what_cannot_be_read(critic: CriticRLHF) -> None:
    """Short episodes are not scored, images are refused, discrete actions never saturate."""
    box = spaces.Dict({"state": spaces.Box(-1, 1, (2,), np.float32)})
    reader = EpisodeCritic(critic, box, spaces.Discrete(3))
    assert reader.score() == 0.0
    rng = np.random.default_rng(0)
    for step in range(30):
        reader.note({"state": rng.normal(size=2) * 0.1 + np.sin(step / 5)}, np.int64(step % 3))
    assert 0.0 <= reader.score() <= 1.0
    image = spaces.Dict({"image": spaces.Box(0, 255, (8, 8, 3), np.uint8)})
    with pytest.raises(ConfigError, match="Leave --critic out"):
        EpisodeCritic(critic, image, spaces.Discrete(3))


def settings(out: Path, critic: float | None, steps: int) -> TrainConfig[Any]:
    """A small training of PPO; a round of collecting ends within an episode."""
    small = {"n_steps": 110, "n_epochs": 8, "gae_lambda": 1.0}
    agent = AGENTS.load("ppo").Config(
        name="ppo", net_arch=(8,), batch_size=55, learning_rate=0.01, gamma=1.0, kwargs=small
    )
    return TrainConfig(
        env=EnvConfig(GEARS),
        agent=agent,
        steps=steps,
        critic=critic,
        out=str(out),
        eval_every=0,
        replay_capacity=10_000,
    )


def test_training_learns_another_policy(tmp_path: Path) -> None:
    """Without the term the gear that pays is chosen, with it the one whose episodes are sound."""
    chosen = {}
    for name, weight in (("without", None), ("with", 3.0)):
        train(settings(tmp_path / name, weight, 1600))
        agent, *_ = load_agent(tmp_path / name, "latest")
        starts = [make_single(EnvConfig(GEARS)).reset(seed=seed)[0] for seed in range(20)]
        batch = {key: np.stack([obs[key] for obs in starts]) for key in starts[0]}
        chosen[name] = float(np.mean(agent.act(batch)[0]))
    assert chosen["without"] > 0.8 and chosen["with"] < 0.2


def test_a_resumed_run_is_the_same_run(tmp_path: Path) -> None:
    """Interrupted in the middle of an episode; and the weight may not change."""
    whole, halves = settings(tmp_path / "a", 2.0, 300), settings(tmp_path / "b", 2.0, 200)
    train(whole)
    train(halves)
    with pytest.raises(CheckpointError, match="critic"):
        train(replace(halves, steps=300, critic=1.0), resume=True)
    train(replace(halves, steps=300), resume=True)

    def returns(name: str) -> list[float]:
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        rows = map(json.loads, lines)
        return [row["episode_return"] for row in rows if "episode_return" in row]

    assert returns("a") and returns("a") == returns("b")


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_a_weight_that_does_nothing(weight: float) -> None:
    """Is refused by name."""
    with pytest.raises(ConfigError, match="critic is"):
        TrainConfig(critic=weight)


def test_the_critic_knows_trajectories(critic: CriticRLHF) -> None:
    """What the term rests on: a saturated episode scores above a calm one."""
    rng = np.random.default_rng(0)
    seen = np.cumsum(rng.normal(size=(40, 2)) * 0.01, 0)
    calm = Trajectory(seen, 0.3 * rng.normal(size=(40, 1)).clip(-1, 1))
    hard = Trajectory(seen, np.ones((40, 1)))
    assert critic.criticise(hard).score > critic.criticise(calm).score
