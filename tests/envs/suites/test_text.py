"""Instructions in observations: encoding, choice by seed, and what following them takes."""

from collections.abc import Callable

import gymnasium as gym
import numpy as np
import pytest

from daneel import envs
from daneel.envs.suites import Instructed, decode_text, encode_text
from daneel.envs.suites.text import LENGTH
from daneel.errors import ConfigError

TOLD = ("go to one", "go to minus one", "move to one")
Policy = Callable[[dict[str, np.ndarray]], float]


class Line(gym.Env):
    """A point on a line that moves by its action; nothing but the words says where to."""

    observation_space = gym.spaces.Dict({"state": gym.spaces.Box(-9, 9, (1,), np.float32)})
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        """Begin at zero."""
        super().reset(seed=seed)
        self.place = np.zeros(1, np.float32)
        return {"state": self.place.copy()}, {}

    def step(self, action):
        """Move."""
        self.place = np.clip(self.place + np.float32(action), -9, 9)
        return {"state": self.place.copy()}, 0.0, False, False, {}


def reaches(policy: Policy, instruction: int, goal: float) -> bool:
    """Whether `policy` ends at `goal` when it is told the `instruction`."""
    env = Instructed(Line(), TOLD)
    observation, _ = env.reset(seed=0, options={"instruction": instruction})
    for _ in range(3):
        observation = env.step(np.array([policy(observation)], np.float32))[0]
    return abs(float(observation["state"][0]) - goal) < 0.1


def obeys_pairs(policy: Policy) -> bool:
    """The paired-instruction test: same episode, other words, other end."""
    return reaches(policy, 0, goal=1.0) and reaches(policy, 1, goal=-1.0)


def listener(observation: dict[str, np.ndarray]) -> float:
    """Reads where to go."""
    goal = -1.0 if "minus" in decode_text(observation["text"]) else 1.0
    return float(np.clip(goal - observation["state"][0], -1, 1))


def deaf(observation: dict[str, np.ndarray]) -> float:
    """Goes to the same place whatever it is told."""
    return float(np.clip(1.0 - observation["state"][0], -1, 1))


def test_only_a_policy_that_listens_passes_the_paired_instructions() -> None:
    """The deaf one is right in one half of the pair, and fails the test."""
    assert obeys_pairs(listener)
    assert reaches(deaf, 0, goal=1.0)
    assert not obeys_pairs(deaf)


@pytest.mark.parametrize("text", ["", "open the door", "öffne die Tür", "x" * LENGTH])
def test_text_survives_the_trip_into_an_observation(text: str) -> None:
    """As uint8 of a fixed length, padded with zeros."""
    code = encode_text(text)
    assert code.shape == (LENGTH,) and code.dtype == np.uint8
    assert decode_text(code) == text


def test_too_long_a_text_is_refused_with_its_length_in_bytes() -> None:
    """Bytes, not characters: each of these letters takes two."""
    with pytest.raises(ConfigError, match=r"takes 130 bytes\. Expected at most 128\. Shorten it\."):
        encode_text("ö" * 65)
    with pytest.raises(ConfigError, match="takes 200 bytes"):
        Instructed(Line(), ["short", "x" * 200])


def test_the_seed_decides_the_instruction() -> None:
    """Whatever came before, in this environment or in another one."""
    first, second = Instructed(Line(), TOLD), Instructed(Line(), TOLD)
    told = []
    for seed in range(20):
        first.reset(seed=seed)
        told.append(first.instruction)
        first.reset()
    for seed in reversed(range(20)):
        observation, _ = second.reset(seed=seed)
        assert second.instruction == told[seed] == decode_text(observation["text"])
    assert set(told) == set(TOLD)


def test_resets_without_a_seed_go_on_from_the_last_seed() -> None:
    """So that a training run can be repeated."""
    sequences = []
    for _ in range(2):
        env = Instructed(Line(), TOLD)
        env.reset(seed=3)
        told = []
        for _ in range(10):
            env.reset()
            told.append(env.instruction)
        sequences.append(told)
    assert sequences[0] == sequences[1]
    assert len(set(sequences[0])) > 1


def test_choosing_an_instruction_changes_neither_the_task_nor_later_choices() -> None:
    """What the paired-instruction test stands on."""
    env = Instructed(envs.make_single(envs.EnvConfig("Pendulum-v1")), TOLD)
    by_words = [env.reset(seed=1, options={"instruction": at})[0] for at in range(len(TOLD))]
    for at, observation in enumerate(by_words):
        assert decode_text(observation["text"]) == TOLD[at]
        np.testing.assert_array_equal(observation["state"], by_words[0]["state"])
    env.reset()
    after_choice = env.instruction
    env.reset(seed=1)
    env.reset()
    assert env.instruction == after_choice


def test_the_instruction_stays_the_same_within_an_episode() -> None:
    """And the observation is in the space that the wrapper declares."""
    env = Instructed(envs.make_single(envs.EnvConfig("Pendulum-v1")), TOLD)
    observation, _ = env.reset(seed=0)
    for _ in range(5):
        assert env.observation_space.contains(observation)
        assert decode_text(observation["text"]) == env.instruction
        observation = env.step(env.action_space.sample())[0]
