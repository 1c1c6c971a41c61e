"""Planning by trial in a private copy of the simulator, for mechanisms observed in full.

Predictive sampling (Howell et al. 2022, "Predictive Sampling: Real-time Behaviour Synthesis with
MuJoCo", arXiv:2212.00541, algorithm 1): perturb the last plan at random, simulate every candidate
from the observed state, keep the best. What differs: half of the candidates stray less, and actions
between knots are interpolated linearly. The generator of the noise has a fixed seed, so the same
observations give the same actions.

Legend: N candidates, H horizon in decisions, A action, Q positions, V velocities, S sensors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mujoco as _mujoco
import numpy as np
from mujoco import rollout

mujoco: Any = _mujoco  # compiled, without types

Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Positions [N, H, Q], velocities [N, H, V], sensors [N, H, S] -> how good each is [N]."""


@dataclass(frozen=True)
class Search:
    """How much to search."""

    substeps: int
    """Steps of the simulator per decision."""
    horizon: int
    """Decisions to look ahead."""
    knots: int
    """Intervals of linear noise in the horizon."""
    candidates: int
    """Plans to try, the last one among them."""
    spread: float
    """Standard deviation of the noise; actions are from -1 to 1, so more than 1 tries extremes."""
    every: int
    """Decisions from one search to the next."""


class PredictiveSampling:
    """Chooses actions for one episode."""

    def __init__(self, model: Any, score: Score, search: Search) -> None:
        """Begin with a plan of zeros for a `mujoco.MjModel`."""
        self._model, self._score, self._search = model, score, search
        self._data = mujoco.MjData(model)
        self._noise = np.random.default_rng(0)
        self.forget()

    def forget(self) -> None:
        """Drop the plan, and search at the next decision."""
        self._plan = np.zeros((self._search.horizon, self._model.nu))
        self._age = 0

    def __call__(self, positions: np.ndarray, velocities: np.ndarray) -> np.ndarray:
        """The next action [A] in the state with `positions` [Q] and `velocities` [V]."""
        if self._age % self._search.every == 0:
            self._plan = self._improve(np.concatenate([[0.0], positions, velocities]))
        self._age += 1
        action = self._plan[0]
        self._plan = np.concatenate([self._plan[1:], self._plan[-1:]])
        return action

    def _improve(self, state: np.ndarray) -> np.ndarray:
        """The best of the last plan and its variations [H, A]."""
        search, size = self._search, self._model.nq
        plans = np.clip(self._plan + self._variations(), -1, 1)
        starts = np.tile(state, (search.candidates, 1))
        controls = np.repeat(plans, search.substeps, axis=1)
        simulated = rollout.rollout(self._model, self._data, starts, controls)
        states, sensors = (np.asarray(values, float) for values in simulated)
        decided = slice(search.substeps - 1, None, search.substeps)
        states = states[:, decided, 1:]  # the first number is the time
        scores = self._score(states[..., :size], states[..., size:], sensors[:, decided])
        return plans[np.nanargmax(scores)]

    def _variations(self) -> np.ndarray:
        """Noise [N, H, A]: none first, then large and small in turn."""
        search = self._search
        knots = self._noise.standard_normal((search.candidates, search.knots + 1, self._model.nu))
        place = np.arange(search.horizon) * search.knots / search.horizon
        before = place.astype(int)
        share = (place - before)[:, None]
        noise = knots[:, before] * (1 - share) + knots[:, before + 1] * share
        noise[::2] *= 0.3
        noise[0] = 0
        return search.spread * noise


@cache
def suite_model(domain: str) -> Any:
    """A control-suite model (`mujoco.MjModel`), "finger" say, from the package's XML file."""
    found = find_spec("dm_control")  # importing it would choose a renderer
    assert found is not None and found.origin is not None  # a dependency of this project
    return mujoco.MjModel.from_xml_path(str(Path(found.origin).parent / "suite" / f"{domain}.xml"))
