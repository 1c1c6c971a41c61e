"""The state of a Stable-Baselines3 run as plain trees of arrays and scalars: no pickle.

The library draws from the process's global generators (Python's `random`, NumPy's legacy one,
torch's) and from the action space's own. They are part of what must be restored for a resumed run
to equal an uninterrupted one, so they are packed here; they belong to the run, not to the agent,
because loading an agent to watch it must not reseed the process.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.her import HerReplayBuffer
from torch.optim import Optimizer

from daneel.errors import CheckpointError

COUNTERS = (
    "num_timesteps",
    "_episode_num",
    "_n_updates",
    "_current_progress_remaining",
    "_n_calls",
    "exploration_rate",
)
"""Scalars of an algorithm that its next update or action depends on; not all have all."""

TRANSITIONS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
HINDSIGHT = ("ep_start", "ep_length")


def pack_model(name: str, model: BaseAlgorithm) -> dict[str, Any]:
    """Weights, target networks, optimisers, temperatures and counters of `model`."""
    modules, variables = model._get_torch_save_params()
    return {
        "algorithm": name,
        "modules": {key: _pack_part(attrgetter(key)(model)) for key in modules},
        "variables": {key: attrgetter(key)(model).detach() for key in variables},
        "counters": {key: getattr(model, key) for key in COUNTERS if hasattr(model, key)},
    }


def unpack_model(name: str, model: BaseAlgorithm, state: dict[str, Any]) -> None:
    """Restores into `model` what `pack_model` returned.

    Raises:
        CheckpointError: The state is of another algorithm, or of networks of another shape.
    """
    if state.get("algorithm") != name:
        raise CheckpointError(
            f"The checkpoint holds {state.get('algorithm')!r}. Expected {name!r}, as the run's "
            "config.yaml says. Type `daneel train` to begin another run."
        )
    try:
        for key, part in state["modules"].items():
            _unpack_part(attrgetter(key)(model), part)
        for key, value in state["variables"].items():
            attrgetter(key)(model).data.copy_(torch.as_tensor(value))
    except (KeyError, AttributeError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"The checkpoint does not fit {name}: {error}. Expected networks as the run's "
            "config.yaml describes. Type `daneel train` to begin another run."
        ) from error
    for key, value in state["counters"].items():
        setattr(model, key, value)


def pack_noise(model: BaseAlgorithm) -> dict[str, Any]:
    """The matrices of state-dependent exploration (gSDE), empty for a model without."""
    return {key: value for key, value in vars(_noise_holder(model)).items() if key in _NOISE}


def unpack_noise(model: BaseAlgorithm, state: dict[str, Any]) -> None:
    """Restores what `pack_noise` returned."""
    for key, value in state.items():
        setattr(_noise_holder(model), key, torch.as_tensor(value, device=model.device))


_NOISE = ("exploration_mat", "exploration_matrices")


def _noise_holder(model: BaseAlgorithm) -> Any:
    """The distribution that keeps gSDE's noise matrices between decisions."""
    policy = getattr(model.policy, "actor", None) or model.policy
    return getattr(policy, "action_dist", policy)


def _pack_part(part: torch.nn.Module | Optimizer) -> dict[str, Any]:
    if not isinstance(part, Optimizer):
        return dict(part.state_dict())
    state = part.state_dict()
    groups = [{key: _listed(value) for key, value in g.items()} for g in state["param_groups"]]
    moments = {str(index): dict(moment) for index, moment in state["state"].items()}
    return {"state": moments, "param_groups": groups}


def _unpack_part(part: torch.nn.Module | Optimizer, state: dict[str, Any]) -> None:
    if not isinstance(part, Optimizer):
        part.load_state_dict({key: torch.as_tensor(value) for key, value in state.items()})
        return
    moments = {int(index): moment for index, moment in state["state"].items()}
    groups = [dict(group) for group in state["param_groups"]]
    for group in groups:
        if "betas" in group:
            group["betas"] = tuple(group["betas"])
    part.load_state_dict({"state": moments, "param_groups": groups})


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def pack_replay(replay: ReplayBuffer) -> dict[str, Any]:
    """The filled rows of a replay as views (nothing is copied), and where it stands."""
    names = TRANSITIONS + (HINDSIGHT if isinstance(replay, HerReplayBuffer) else ())
    rows = replay.size()
    arrays = {name: _rows(getattr(replay, name), rows) for name in names}
    begun = getattr(replay, "_current_ep_start", None)
    return {
        "arrays": arrays,
        "capacity": replay.buffer_size,
        "pos": replay.pos,
        "full": replay.full,
        "episode_start": begun,
    }


def unpack_replay(replay: ReplayBuffer, state: dict[str, Any]) -> None:
    """Writes back what `pack_replay` returned.

    Raises:
        CheckpointError: The replay is of another capacity, or of other spaces.
    """
    try:
        if state["capacity"] != replay.buffer_size:
            raise ValueError(f"it holds {state['capacity']} rows, this one {replay.buffer_size}")
        for name, saved in state["arrays"].items():
            _write_rows(getattr(replay, name), saved)
    except (KeyError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"The checkpoint's replay does not fit: {error}. Expected the spaces and the capacity "
            "in the run's config.yaml. Type `daneel train` to begin another run."
        ) from error
    replay.pos, replay.full = state["pos"], state["full"]
    if isinstance(replay, HerReplayBuffer):
        replay._current_ep_start = np.asarray(state["episode_start"])


def _rows(array: Any, rows: int) -> Any:
    if isinstance(array, dict):
        return {key: value[:rows] for key, value in array.items()}
    return array[:rows]


def _write_rows(target: Any, saved: Any) -> None:
    if isinstance(target, dict):
        for key, value in saved.items():
            _write_rows(target[key], value)
        return
    target[: len(saved)] = np.asarray(saved)


def pack_generators(model: BaseAlgorithm | None = None) -> dict[str, Any]:
    """The process's generators, and the action space's where a model is given."""
    version, words, gauss = random.getstate()
    state: dict[str, Any] = {
        "python": {"version": version, "words": np.array(words, np.int64), "gauss": gauss},
        "numpy": np.random.get_state(legacy=False),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
    }
    if model is not None:
        state["action_space"] = model.action_space.np_random.bit_generator.state
    return state


def unpack_generators(state: dict[str, Any], model: BaseAlgorithm | None = None) -> None:
    """Restores what `pack_generators` returned."""
    python = state["python"]
    random.setstate((python["version"], tuple(map(int, python["words"])), python["gauss"]))
    np.random.set_state(state["numpy"])
    torch.set_rng_state(torch.as_tensor(state["torch"], dtype=torch.uint8))
    if state["cuda"]:
        torch.cuda.set_rng_state_all([torch.as_tensor(words) for words in state["cuda"]])
    if model is not None:
        model.action_space.np_random.bit_generator.state = state["action_space"]


@contextmanager
def untouched_generators() -> Iterator[None]:
    """Puts the process's generators back, on leaving, as they were on entering."""
    state = pack_generators()
    try:
        yield
    finally:
        unpack_generators(state)
