"""Instructions as observations: the modality `text`, UTF-8 bytes of a fixed length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from daneel.errors import ConfigError

LENGTH = 128
"""Bytes of an instruction; shorter ones are padded with zeros."""


def encode_text(text: str) -> np.ndarray:
    """`text` as uint8 `[LENGTH]`.

    Raises:
        ConfigError: It is longer.
    """
    raw = text.encode()
    if len(raw) > LENGTH:
        raise ConfigError(
            f"{text!r} takes {len(raw)} bytes. Expected at most {LENGTH}. Shorten it."
        )
    padded = np.zeros(LENGTH, np.uint8)
    padded[: len(raw)] = np.frombuffer(raw, np.uint8)
    return padded


def decode_text(code: np.ndarray) -> str:
    """The inverse of `encode_text`."""
    return bytes(np.asarray(code, np.uint8)).rstrip(b"\0").decode()


class Instructed(gym.Wrapper):
    """Adds an instruction to a dictionary observation; each episode draws one of several.

    Which one follows from the reset's seed alone. `options={"instruction": 2}` chooses.
    """

    def __init__(self, env: gym.Env, instructions: Sequence[str]) -> None:
        """Wrap `env`, whose observations are dictionaries of modalities."""
        super().__init__(env)
        self.instructions = tuple(instructions)
        self._codes = [encode_text(text) for text in instructions]
        self._generator = np.random.default_rng()
        self._current = 0
        assert isinstance(env.observation_space, spaces.Dict)
        text = spaces.Box(0, 255, (LENGTH,), np.uint8)
        self.observation_space = spaces.Dict({**env.observation_space.spaces, "text": text})

    @property
    def instruction(self) -> str:
        """What is asked for in this episode."""
        return self.instructions[self._current]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin an episode."""
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        chosen = (options or {}).get("instruction")
        drawn = int(self._generator.integers(len(self.instructions)))
        self._current = drawn if chosen is None else int(chosen)
        observation, info = self.env.reset(seed=seed, options=options)
        return self._with_text(observation), info

    def step(self, action: Any) -> tuple[dict[str, np.ndarray], Any, bool, bool, dict[str, Any]]:
        """Take one decision."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._with_text(observation), reward, terminated, truncated, info

    def _with_text(self, observation: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**observation, "text": self._codes[self._current].copy()}
