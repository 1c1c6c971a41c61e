"""What a library's algorithm holds beside its weights, as parts of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer

from daneel.agents import baseline_state as library
from daneel.training.baseline_env import RecordedEnv
from daneel.training.collector import SeenRange


class Streams:
    """Where the library's collecting stands: its environments, and the generators it draws from.

    Args:
        envs: The training environments.
        seen: The range of the observations that they share.
        model: The library's algorithm.
    """

    def __init__(self, envs: list[RecordedEnv], seen: SeenRange, model: BaseAlgorithm) -> None:
        """Nothing is reset yet."""
        self.seen = seen
        self._envs, self._model = envs, model
        self._going_back: Mapping[str, Any] | None = None

    def start(self) -> None:
        """Nothing to do: `learn` begins the first episodes."""

    @property
    def decisions(self) -> int:
        """Decisions so far, over all environments."""
        return self._model.num_timesteps

    def state_dict(self) -> dict[str, Any]:
        """Everything between two rounds that is neither weights nor replay."""
        return {
            "envs": [env.state_dict() for env in self._envs],
            "seen": self.seen.state_dict(),
            "episode_starts": np.array(self._model._last_episode_starts),
            "noise": library.pack_noise(self._model),
            "generators": library.pack_generators(self._model),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back there when `learn` begins; until then only the environments are told."""
        self._going_back = state
        self.seen.load_state_dict(state["seen"])
        for env, saved in zip(self._envs, state["envs"], strict=True):
            env.restore(saved)

    @property
    def is_going_back(self) -> bool:
        """Whether the generators are still to be put back."""
        return self._going_back is not None

    def after_first_reset(self) -> None:
        """`learn` takes the observations of its first reset for beginnings of episodes."""
        if self._going_back is not None:
            self._model._last_episode_starts = np.array(self._going_back["episode_starts"], bool)

    def go_back(self) -> None:
        """Last of all: whatever the library drew while it began again is forgotten."""
        assert self._going_back is not None
        library.unpack_noise(self._model, self._going_back["noise"])
        library.unpack_generators(self._going_back["generators"], self._model)
        self._going_back = None


class LibraryReplay:
    """The library's replay as part of a checkpoint; on-policy algorithms have none to keep."""

    def __init__(self, model: BaseAlgorithm, nbytes: int) -> None:
        """Take the replay of `model`, which is `nbytes` large when full."""
        self.nbytes = nbytes
        self._replay: ReplayBuffer | None = getattr(model, "replay_buffer", None)

    @property
    def capacity(self) -> int | None:
        """Transitions over all environments; None without a replay."""
        return None if self._replay is None else self._replay.buffer_size * self._replay.n_envs

    def state_dict(self) -> dict[str, Any]:
        """Transitions and where the next one goes."""
        return {} if self._replay is None else library.pack_replay(self._replay)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        if self._replay is not None:
            library.unpack_replay(self._replay, dict(state))
