"""Small spaces, batches and models whose answers are known.

Legend: B rows, H transitions, A action width, K bins.
"""

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from daneel.world_models import Batch, MultiModalWorldModel, TwoHot, WorldModelConfig


def vector(width: int) -> spaces.Box:
    """An unbounded float vector."""
    return spaces.Box(-np.inf, np.inf, (width,), np.float32)


STATE = spaces.Dict({"state": vector(3)})
GOAL = spaces.Dict({"state": vector(3), "achieved": vector(2), "goal": vector(2)})
IMAGE = spaces.Dict({"image": spaces.Box(0, 255, (40, 44, 3), np.uint8)})
EVERYTHING = spaces.Dict({**GOAL.spaces, **IMAGE.spaces})
BOX = spaces.Box(np.array([-2, 0.5], np.float32), np.array([1, 0.75], np.float32))
DISCRETE = spaces.Discrete(3, start=2)


def generator(seed: int = 0) -> torch.Generator:
    """A generator with this seed."""
    return torch.Generator().manual_seed(seed)


def observe(space: spaces.Dict, *lead: int, seed: int = 0) -> dict[str, Tensor]:
    """Random observations `[*lead, ...]` of every modality."""
    source, obs = generator(seed), {}
    for key, box in space.items():
        assert box.shape is not None
        shape = (*lead, *box.shape)
        if box.dtype == np.uint8:
            obs[key] = torch.randint(0, 256, shape, generator=source, dtype=torch.uint8)
        else:
            obs[key] = 2 * torch.randn(shape, generator=source) + 1
    return obs


def actions(space: spaces.Space[Any], *lead: int, seed: int = 0) -> Tensor:
    """Random actions in the environment's units: `[*lead, A]`, or `[*lead]` when discrete."""
    source = generator(seed + 100)
    if isinstance(space, spaces.Discrete):
        low = int(space.start)
        return torch.randint(low, low + int(space.n), lead, generator=source)
    assert isinstance(space, spaces.Box)
    low, high = torch.as_tensor(space.low), torch.as_tensor(space.high)
    return low + torch.rand(*lead, *space.shape, generator=source) * (high - low)


def batch(
    space: spaces.Dict,
    action_space: spaces.Space[Any],
    rows: int,
    horizon: int,
    seed: int = 0,
    lengths: Tensor | None = None,
) -> Batch:
    """Random sequences; those shorter than `horizon` (`lengths [B]`) terminate and are padded."""
    source = generator(seed + 200)
    lengths = torch.full((rows,), horizon) if lengths is None else lengths
    steps = torch.arange(horizon)
    mask = (steps < lengths[:, None]).float()
    ends = (steps == lengths[:, None] - 1) & (lengths[:, None] < horizon)
    return Batch(
        obs=observe(space, rows, horizon + 1, seed=seed),
        action=actions(action_space, rows, horizon, seed=seed),
        reward=torch.randn(rows, horizon, generator=source) * mask,
        terminated=ends.float(),
        mask=mask,
    )


def model(
    space: spaces.Dict = STATE, action_dim: int = 2, seed: int = 0, **settings: Any
) -> MultiModalWorldModel:
    """A tiny world model in which every weight is random, also those that begin at zero."""
    made = MultiModalWorldModel(
        WorldModelConfig(**{"dim": 8, "width": 16, **settings}), space, action_dim
    )
    return randomise(made, seed)


def randomise(module: Any, seed: int = 0, scale: float = 0.5) -> Any:
    """`module` with every parameter drawn from a normal distribution."""
    source = generator(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, scale, generator=source)
    return module


def unit(*shape: int, seed: int = 0) -> Tensor:
    """Random latents, each with zero mean and unit variance as the model's are."""
    return nn.functional.layer_norm(torch.randn(*shape, generator=generator(seed)), shape[-1:])


@torch.no_grad()
def make_constant(net: nn.Sequential, output: Tensor | float) -> None:
    """Makes the last layer of `net` return `output` whatever comes in."""
    last: Any = net[-1]
    last.weight.zero_()
    last.bias.copy_(torch.as_tensor(output).expand_as(last.bias))


def make_transition(model: MultiModalWorldModel, reward: float, ends: float) -> None:
    """Makes every transition keep the latent and give this symlog reward and termination logit."""
    model.normalise.reset_parameters()
    change = torch.zeros(model.config.dim)
    make_constant(model.transition, torch.cat([change, torch.tensor([reward, ends])]))


def logits_of(two_hot: TwoHot, value: float) -> Tensor:
    """Logits `[K]` that decode to `value`."""
    lower, weight = two_hot.encode(torch.tensor(value))
    share = torch.full((two_hot.bins,), 1e-13)
    share[lower] += 1 - weight
    share[lower + 1] += weight
    return share.log()
