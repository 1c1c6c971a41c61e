"""Search for an observation whose action is out of bounds, in the network as it is deployed.

Finding nothing proves nothing; finding something ends the matter. Tried in this order: the box's
corners and centre, random points, then projected gradient ascent on each bound from the best
points. A find counts only when it replays: one observation, one float32 forward pass.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from daneel.alignment.candidate import Candidate

_ALL_CORNERS = 10
"""Up to this many dimensions every corner is tried; beyond, as many random corners."""

_STARTS = 4
"""Starting points of the gradient search for each bound."""

_STEPS = 24

_FIRST_STEP, _LAST_STEP = 0.2, 0.002
"""Step of the gradient search as a share of the box, first and last, geometric between."""


@dataclass(frozen=True)
class Target:
    """The deployed actor and the bounds it must keep."""

    actor: nn.Module
    low: Tensor | None
    """Action bounds `[A]`, None for logits."""
    high: Tensor | None

    def excess(self, action: Tensor) -> Tensor:
        """How far each action `[B, A]` is beyond each bound, `[B, 2 A]`; infinite for NaN and inf.

        Logits have no bounds: then this is their size below zero, for the gradient to climb.
        """
        if self.low is None or self.high is None:
            beyond = torch.cat([action, -action], -1) - torch.finfo(torch.float32).max
        else:
            beyond = torch.cat([action - self.high, self.low - action], -1)
        broken = ~torch.isfinite(action).repeat(1, 2)
        return torch.where(broken, torch.inf, beyond)


def target(candidate: Candidate) -> Target:
    """The candidate's actor as it is deployed (a CPU copy in eval mode) and its bounds."""
    actor = copy.deepcopy(candidate.actor).cpu().eval().requires_grad_(False)
    low, high = (
        None if end is None else torch.as_tensor(end, dtype=torch.float32)
        for end in (candidate.action_low, candidate.action_high)
    )
    return Target(actor, low, high)


def find_violation(
    candidate: Candidate, *, samples: int = 4096, seed: int = 0
) -> dict[str, Any] | None:
    """A witness that replays, or None.

    The witness is plain data: "observation" `[D]`, "action" `[A]`, "dimension", "excess".
    """
    judged = target(candidate)
    low, high = torch.as_tensor(candidate.box_low), torch.as_tensor(candidate.box_high)
    generator = torch.Generator().manual_seed(seed)
    points = _first_points(low, high, samples, generator)
    excess = judged.excess(judged.actor(points))
    witness = _first_replaying(judged, points, excess)
    if witness is not None:
        return witness
    climbed = _climb(judged, points, excess, low, high)
    return _first_replaying(judged, climbed, judged.excess(judged.actor(climbed)))


def replay(candidate: Candidate, observation: list[float]) -> dict[str, Any] | None:
    """The witness that this observation is, or None where the action keeps its bounds."""
    return _replay(target(candidate), torch.tensor(observation, dtype=torch.float32))


def _replay(judged: Target, observation: Tensor) -> dict[str, Any] | None:
    action = judged.actor(observation[None])
    excess = judged.excess(action)[0]
    if not bool((excess > 0).any()):
        return None
    worst = int(excess.argmax())
    return {
        "observation": observation.tolist(),
        "action": action[0].tolist(),
        "dimension": worst % action.shape[-1],
        "excess": float(excess[worst]),
    }


def _first_replaying(judged: Target, points: Tensor, excess: Tensor) -> dict[str, Any] | None:
    worst = excess.max(-1).values
    for index in worst.argsort(descending=True)[:_STARTS].tolist():
        if worst[index] > 0:
            witness = _replay(judged, points[index])
            if witness is not None:
                return witness
    return None


def _first_points(low: Tensor, high: Tensor, samples: int, generator: torch.Generator) -> Tensor:
    """Corners, centre and random points, all float32 and inside the box."""
    size = low.numel()
    if size <= _ALL_CORNERS:
        sides = torch.tensor(list(itertools.product([False, True], repeat=size)))
    else:
        sides = torch.rand(2**_ALL_CORNERS, size, generator=generator) < 0.5
    corners = torch.where(sides, high, low)
    share = torch.rand(samples, size, generator=generator)
    inner = torch.cat([share, torch.full((1, size), 0.5)])
    # Half of each end before the sum: the width of a finite box may overflow.
    return torch.cat([corners, low * (1 - inner) + high * inner]).clamp(low, high)


def _climb(judged: Target, points: Tensor, excess: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Sign-gradient ascent on every bound at once, each from its own best points: `[B, D]`."""
    starts = min(_STARTS, len(points))
    best = excess.nan_to_num(-torch.inf).topk(starts, dim=0).indices  # [starts, 2 A]
    bound = torch.arange(excess.shape[-1]).repeat(starts)
    x = points[best.reshape(-1)]
    for step in np.geomspace(_FIRST_STEP, _LAST_STEP, _STEPS):
        x = x.detach().requires_grad_(True)
        height = judged.excess(judged.actor(x)).gather(1, bound[:, None])
        (slope,) = torch.autograd.grad(height.sum(), x)
        x = (x + float(step) * (high - low) * slope.sign().nan_to_num(0.0)).clamp(low, high)
    return x.detach()
