"""A mixture density network: a small net that gives Gaussians of parameters for features of a log.

Bishop 1994, "Mixture density networks", with full covariances by Cholesky factors (Papamakarios and
Murray 2016, arXiv 1605.06376). B batch, K components, P parameters, F features.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

SMALLEST = 1e-3
"""Least standard deviation of a component: the network's outputs are of unit size."""


class MixtureDensity(nn.Module):
    """q(z | s): a mixture of K Gaussians of P values from F features."""

    def __init__(self, features: int, values: int, components: int, width: int) -> None:
        """Builds the network; its first weights come from torch's generator."""
        super().__init__()
        self.values, self.components = values, components
        self.lower = values * (values - 1) // 2
        self.body = nn.Sequential(
            nn.Linear(features, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh()
        )
        self.heads = nn.Linear(width, components * (1 + 2 * values + self.lower))
        self.straight = nn.Linear(features, values)

    @torch.no_grad()
    def start_linear(self, features: Tensor, values: Tensor) -> None:
        """Makes every component the Gaussian of the linear regression of values [B, P] on features.

        Near a fit that is nearly the posterior; training then learns only what is not linear.
        """
        rows = torch.cat([features, torch.ones(len(features), 1)], dim=1).double()
        gram = rows.T @ rows + 1e-6 * len(rows) * torch.eye(rows.shape[1], dtype=torch.double)
        weight = torch.linalg.solve(gram, rows.T @ values.double())  # [F + 1, P]
        rest = values.double() - rows @ weight
        spread = rest.T @ rest / len(rows) + SMALLEST**2 * torch.eye(self.values)
        factor = torch.linalg.cholesky(torch.linalg.inv(spread)).float()
        self.straight.weight.copy_(weight[:-1].T)
        self.straight.bias.copy_(weight[-1])
        self.heads.weight.mul_(0.1)
        bias = self.heads.bias.view(self.components, -1)
        weights, mean, diagonal, lower = bias.split([1, self.values, self.values, self.lower], -1)
        weights.zero_()
        mean.mul_(0.1)
        size = torch.diagonal(factor).clamp(max=0.9 / SMALLEST)
        diagonal.copy_(size + torch.log(-torch.expm1(-size)))  # softplus undone
        at = torch.tril_indices(self.values, self.values, -1)
        lower.copy_(factor[at[0], at[1]].expand_as(lower))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights [B, K], means [B, K, P] and Cholesky factors of precisions [B, K, P, P]."""
        raw = self.heads(self.body(features)).view(len(features), self.components, -1)
        weight, mean, diagonal, lower = raw.split([1, self.values, self.values, self.lower], dim=-1)
        # Near the fit the answer is nearly linear in the features; the net learns what is not.
        mean = mean + self.straight(features)[:, None]
        factor = torch.diag_embed(functional.softplus(diagonal).clamp(max=1.0 / SMALLEST))
        rows, columns = torch.tril_indices(self.values, self.values, -1)
        factor[..., rows, columns] = lower
        return functional.log_softmax(weight[..., 0], dim=-1), mean, factor

    def log_density(self, values: Tensor, features: Tensor) -> Tensor:
        """Logarithms of q(z | s) [B]."""
        weight, mean, factor = self(features)
        apart = (values[:, None] - mean)[..., None]
        distance = (factor.transpose(-1, -2) @ apart).square().sum(dim=(-1, -2))
        volume = torch.diagonal(factor, dim1=-2, dim2=-1).log().sum(dim=-1)
        constant = 0.5 * self.values * math.log(2.0 * math.pi)
        return torch.logsumexp(weight + volume - 0.5 * distance - constant, dim=-1)

    @torch.no_grad()
    def sample(self, features: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Values [count, P] for one row of features [F]."""
        weight, mean, factor = (part[0] for part in self(features[None]))
        chosen = torch.multinomial(weight.exp(), count, replacement=True, generator=generator)
        noise = torch.randn(count, self.values, 1, generator=generator, dtype=mean.dtype)
        upper = factor[chosen].transpose(-1, -2)
        return mean[chosen] + torch.linalg.solve_triangular(upper, noise, upper=True)[..., 0]
