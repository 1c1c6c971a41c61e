"""Every seed of a run, derived from the one the user gave. Nothing seeds a global generator."""

from __future__ import annotations

import numpy as np

# First word of every derivation: streams of different purpose never meet, whatever the indices.
_TRAINING_EPISODES, _EVALUATION_EPISODES, _GENERATORS = 1, 2, 3
_PURPOSES = ("agent", "warmup", "replay", "logs")


def episode_seed(seed: int, index: int, episode: int) -> int:
    """Seed of the reset that begins training episode `episode` of environment `index`."""
    return _derive(seed, _TRAINING_EPISODES, index, episode)


def evaluation_seed(seed: int, episode: int) -> int:
    """Seed of the reset that begins evaluation episode `episode`; never one of training's."""
    return _derive(seed, _EVALUATION_EPISODES, episode)


def agent_seed(seed: int) -> int:
    """Seed that builds the agent of a run."""
    return _derive(seed, _GENERATORS, _PURPOSES.index("agent"))


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for "warmup" actions, or "replay" or "logs" draws, of a run."""
    return np.random.default_rng(_derive(seed, _GENERATORS, _PURPOSES.index(purpose)))


def _derive(*words: int) -> int:
    return int(np.random.SeedSequence(words).generate_state(1)[0])
