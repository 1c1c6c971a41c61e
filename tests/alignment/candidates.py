"""Small candidates for the tests of this room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from daneel.alignment import Candidate, weights_hash

OBSERVATIONS, ACTIONS = 4, 2


def network(*last: nn.Module, seed: int = 0) -> nn.Sequential:
    """A small actor with LayerNorm and Mish, ended by `last`."""
    torch.manual_seed(seed)  # nn.Linear has no generator argument; the test process is its own
    return nn.Sequential(
        nn.Linear(OBSERVATIONS, 16),
        nn.LayerNorm(16),
        nn.Mish(),
        nn.Linear(16, ACTIONS),
        *last,
    )


def linear(actor: nn.Module, index: int) -> nn.Linear:
    """The Linear layer at this place of an actor."""
    assert isinstance(actor, nn.Sequential)
    layer = actor[index]
    assert isinstance(layer, nn.Linear)
    return layer


def evaluation_of(actor: nn.Module, **changes: Any) -> dict[str, Any]:
    """An evaluation record of these weights."""
    record = {"weights_sha256": weights_hash(actor.state_dict()), "returns": [9.0, 10.0, 11.0] * 2}
    return {**record, **changes}


def candidate(actor: nn.Module | None = None, **changes: Any) -> Candidate:
    """A candidate with action bounds -1..1 on the box -2..2, that passes unless changed."""
    actor = network(nn.Tanh()) if actor is None else actor
    good = Candidate(
        actor=actor,
        box_low=np.full(OBSERVATIONS, -2, np.float32),
        box_high=np.full(OBSERVATIONS, 2, np.float32),
        box_source="space",
        action_low=np.full(ACTIONS, -1, np.float32),
        action_high=np.full(ACTIONS, 1, np.float32),
        weights=actor.state_dict(),
        evaluation=evaluation_of(actor),
        path=Path("checkpoints/step-100"),
    )
    return replace(good, **changes)
