"""Stochastic policies on latents, one for continuous and one for discrete actions.

Both speak the model's form of an action: `[-1, 1]` per dimension, or one-hot.

Legend: B rows (any leading axes), D latent width, A action width.
"""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.world_models.layers import mlp

_LOG_STD = (-5.0, 2.0)
_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


class GaussianPolicy(nn.Module):
    """A Gaussian squashed by tanh (Haarnoja et al., 2018, arXiv 1801.01290, appendix C)."""

    discrete = False

    def __init__(self, dim: int, action_dim: int, width: int) -> None:
        """Two hidden layers of `width`."""
        super().__init__()
        self.action_dim = action_dim
        self.net = mlp([dim, width, width], 2 * action_dim)

    def noise(self, *shape: int, generator: torch.Generator) -> Tensor:
        """Standard normal `[*shape, A]`, what `sample` turns into actions."""
        device = generator.device
        return torch.randn(*shape, self.action_dim, generator=generator, device=device)

    def sample(self, z: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Actions `[B, A]` in (-1, 1) and their log-densities `[B]`; differentiable in `z`."""
        mean, log_std = self._moments(z)
        raw = mean + noise * log_std.exp()
        density = -0.5 * noise.square() - log_std - _HALF_LOG_TAU
        squash = 2 * (math.log(2) - raw - F.softplus(-2 * raw))
        return torch.tanh(raw), (density - squash).sum(-1)

    def mode(self, z: Tensor) -> Tensor:
        """The action `[B, A]` at the centre."""
        return torch.tanh(self.net(z)[..., : self.action_dim])

    def head(self) -> nn.Module:
        """Layers of the network that give `mode`, as a copy: latents `[B, D]` to `[B, A]`."""
        *body, last = copy.deepcopy(self.net)
        assert isinstance(last, nn.Linear)
        mean = nn.Linear(last.in_features, self.action_dim)
        mean.weight.data.copy_(last.weight[: self.action_dim])
        mean.bias.data.copy_(last.bias[: self.action_dim])
        return nn.Sequential(*body, mean, nn.Tanh())

    def _moments(self, z: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread = self.net(z).chunk(2, -1)
        low, high = _LOG_STD
        return mean, low + 0.5 * (high - low) * (torch.tanh(spread) + 1)


class CategoricalPolicy(nn.Module):
    """A softmax over A actions; actions are one-hot."""

    discrete = True

    def __init__(self, dim: int, action_dim: int, width: int) -> None:
        """Two hidden layers of `width`."""
        super().__init__()
        self.action_dim = action_dim
        self.net = mlp([dim, width, width], action_dim)

    def noise(self, *shape: int, generator: torch.Generator) -> Tensor:
        """Gumbel noise `[*shape, A]`, what `sample` turns into actions."""
        device = generator.device
        uniform = torch.rand(*shape, self.action_dim, generator=generator, device=device)
        return -torch.log(-torch.log(uniform.clamp(1e-6, 1 - 1e-6)))

    def sample(self, z: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Actions `[B, A]` and their log-probabilities `[B]` (Gumbel-max)."""
        log_p = self.log_probabilities(z)
        index = (log_p + noise).argmax(-1)
        return self._one_hot(index), log_p.gather(-1, index.unsqueeze(-1)).squeeze(-1)

    def mode(self, z: Tensor) -> Tensor:
        """The likeliest action `[B, A]`."""
        return self._one_hot(self.net(z).argmax(-1))

    def log_probabilities(self, z: Tensor) -> Tensor:
        """`[B, A]`."""
        return F.log_softmax(self.net(z), -1)

    def head(self) -> nn.Module:
        """A copy of the network: latents `[B, D]` to logits `[B, A]`."""
        return copy.deepcopy(self.net)

    def _one_hot(self, index: Tensor) -> Tensor:
        return F.one_hot(index, self.action_dim).to(torch.float32)


Policy = GaussianPolicy | CategoricalPolicy
