"""The deterministic policy of a Stable-Baselines3 model as a chain of plain layers.

The gate proves bounds layer by layer, so it needs Linear, ReLU, Tanh, ... and nothing hidden in a
`forward`. Everything else that the library does between observation and action is written as an
equal Linear layer: batch renormalisation at its running statistics, the mean over quantiles, the
step from [-1, 1] to the environment's units. Clipping is a layer that knows its own bounds.

Legend: B batch, D observation, H hidden, A action dimensions, Q quantiles.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from gymnasium import spaces
from sb3_contrib.common.torch_layers import BatchRenorm
from sb3_contrib.qrdqn import QRDQN
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.torch_layers import NatureCNN
from stable_baselines3.dqn import DQN
from torch import Tensor, nn

from daneel.errors import SpaceError


class Clip(nn.Module):
    """`min(max(x, low), high)` of each action dimension."""

    low: Tensor
    high: Tensor

    def __init__(self, low: Tensor, high: Tensor) -> None:
        """Clips `[B, A]` to `low`, `high` `[A]`."""
        super().__init__()
        self.register_buffer("low", low.float())
        self.register_buffer("high", high.float())

    def forward(self, x: Tensor) -> Tensor:
        """`x` `[B, A]`, clipped."""
        return torch.clamp(x, self.low, self.high)

    def bounds(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """What interval bounds `[A]` become; exact, for the gate."""
        ends = self.low.double(), self.high.double()
        return low.clamp(*ends), high.clamp(*ends)


def plain_actor(
    model: BaseAlgorithm, action_space: spaces.Space[Any]
) -> tuple[nn.Module, dict[str, Any]]:
    """A copy of the policy, `[B, D]` float32 to actions `[B, A]` in env units, or logits.

    Raises:
        SpaceError: The policy reads images.
    """
    if any(isinstance(module, NatureCNN) for module in model.policy.modules()):
        raise SpaceError(
            "The policy reads images, and the gate bounds policies of flat vectors only. "
            "Expected an environment whose observation is a vector. Type `daneel list envs`."
        )
    layers = _policy_layers(model)
    if isinstance(action_space, spaces.Box):
        if model.policy.squash_output:
            layers += _unsquash(layers, action_space)
        else:
            layers.append(_clip(action_space))
    actor = nn.Sequential(*(_plain(layer) for layer in layers)).cpu().eval().requires_grad_(False)
    return actor, {"output": "action" if isinstance(action_space, spaces.Box) else "logits"}


def _policy_layers(model: BaseAlgorithm) -> list[nn.Module]:
    """The layers of the deterministic policy, copied, up to the squashing if there is one."""
    policy: Any = copy.deepcopy(model.policy)
    if isinstance(model, OnPolicyAlgorithm):
        return [*policy.mlp_extractor.policy_net, policy.action_net]
    if isinstance(model, QRDQN):
        quantile_net = policy.quantile_net
        *hidden, last = quantile_net.quantile_net
        return [*hidden, _mean_over_quantiles(last, quantile_net.n_quantiles)]
    if isinstance(model, DQN):
        return list(policy.q_net.q_net)
    actor = policy.actor
    return [*getattr(actor, "latent_pi", ()), *_chain(actor.mu)]


def _chain(module: nn.Module) -> Iterable[nn.Module]:
    return module if isinstance(module, nn.Sequential) else (module,)


def _mean_over_quantiles(last: nn.Linear, quantiles: int) -> nn.Linear:
    """`[B, H]` to the mean over Q of what `last` gives as `[B, Q * A]`, quantile by quantile."""
    weight = last.weight.view(quantiles, -1, last.in_features).mean(dim=0)  # [A, H]
    return _linear(weight, last.bias.view(quantiles, -1).mean(dim=0))


def _unsquash(layers: list[nn.Module], action_space: spaces.Box) -> list[nn.Module]:
    """Tanh where the chain does not end in it yet, and [-1, 1] to the environment's units."""
    low, high = (torch.as_tensor(x.ravel()) for x in (action_space.low, action_space.high))
    squash: list[nn.Module] = [] if isinstance(layers[-1], nn.Tanh) else [nn.Tanh()]
    if bool((low == -1).all() and (high == 1).all()):
        return squash
    # The sum can round to just beyond a bound.
    return [*squash, _linear(torch.diag((high - low) / 2), (high + low) / 2), _clip(action_space)]


def _clip(action_space: spaces.Box) -> Clip:
    return Clip(*(torch.as_tensor(x.ravel()) for x in (action_space.low, action_space.high)))


def _plain(layer: nn.Module) -> nn.Module:
    """Batch renormalisation, at its running statistics, as the Linear layer that it then is."""
    if not isinstance(layer, BatchRenorm):
        return layer
    mean, variance = torch.as_tensor(layer.ra_mean), torch.as_tensor(layer.ra_var)
    factor = 1.0 / torch.sqrt(variance + layer.eps)
    offset = -mean * factor
    if layer.affine:
        factor, offset = factor * layer.scale, offset * layer.scale + layer.bias
    return _linear(torch.diag(factor), offset)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    # Not initialised at random: looking at an actor must draw no number of the process's generator.
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta").to_empty(device="cpu")
    layer.weight.data.copy_(weight)
    layer.bias.data.copy_(bias)
    return layer
