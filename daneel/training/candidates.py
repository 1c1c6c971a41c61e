"""Trained agents as the gate sees them: a network, what it is declared for, the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from daneel.agents import Agent
from daneel.alignment import Candidate, declared_box
from daneel.errors import SpaceError

NOT_NEEDED_TO_ACT = ("replay.json", "replay.safetensors")
"""Files of a checkpoint that a release leaves out."""

Seen = Mapping[str, tuple[Any, Any]]
"""Smallest and largest value `[D]` seen in training, by vector modality."""


def build_candidate(
    agent: Agent,
    observation: spaces.Dict,
    action: spaces.Space[Any],
    seen: Seen,
    evaluation: Mapping[str, Any] | None,
    path: Path,
) -> Candidate:
    """The candidate that an agent is.

    Args:
        agent: The agent to be released.
        observation: The observation space of its environment.
        action: The action space.
        seen: The range of its observations in training.
        evaluation: Episodes of exactly these weights: "returns" and "weights_sha256".
        path: Its checkpoint folder, RUN/checkpoints/NAME.

    Raises:
        SpaceError: Its actor has no flat vector observation, or no box can be declared.
    """
    actor, notes = agent.actor()
    low, high, source = _box(observation, seen, notes)
    ends = (action.low, action.high) if isinstance(action, spaces.Box) else (None, None)
    return Candidate(
        actor=actor,
        box_low=low,
        box_high=high,
        box_source=source,
        action_low=None if ends[0] is None else ends[0].astype(np.float32).ravel(),
        action_high=None if ends[1] is None else ends[1].astype(np.float32).ravel(),
        weights=agent_weights(agent),
        evaluation=evaluation,
        path=path,
    )


def agent_weights(agent: Agent) -> dict[str, Tensor]:
    """Everything an agent has learned, by dotted name: what the gate's hash is taken over.

    These are the floating-point tensors and arrays of its state. Generators and counters, which
    acting may move, are not among them.
    """
    return dict(_floating("", agent.state_dict()))


def _floating(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _floating(f"{name}.{key}" if name else str(key), item)
    elif isinstance(value, list | tuple):
        for at, item in enumerate(value):
            yield from _floating(f"{name}.{at}", item)
    elif isinstance(value, Tensor | np.ndarray):
        tensor = torch.as_tensor(value)
        if tensor.is_floating_point():
            yield name, tensor


def _box(observation: spaces.Dict, seen: Seen, notes: Mapping[str, Any]) -> tuple[Any, Any, str]:
    """The declared box of the actor's flat input: modalities in its order, sorted by default."""
    keys = list(notes.get("keys") or sorted(observation.spaces))
    boxes = [observation[key] for key in keys]
    if not all(isinstance(box, spaces.Box) for box in boxes):
        raise SpaceError(
            f"The actor reads {', '.join(keys)}, which are not all vectors. "
            "The gate can declare a box for vectors only. Type `daneel list checks`."
        )
    corners = [
        (box.low.ravel(), box.high.ravel(), *_seen(seen, key, box.low.size))
        for key, box in zip(keys, boxes, strict=True)
        if isinstance(box, spaces.Box)
    ]
    low, high, seen_low, seen_high = (np.concatenate(ends) for ends in zip(*corners, strict=True))
    return declared_box(low, high, seen_low, seen_high)


def _seen(seen: Seen, key: str, size: int) -> tuple[Any, Any]:
    """The range seen of one modality; NaN where none was recorded, which `declared_box` refuses."""
    if key not in seen:
        return np.full(size, np.nan), np.full(size, np.nan)
    low, high = seen[key]
    return np.asarray(low).ravel(), np.asarray(high).ravel()
