"""A world model that knows how far it can be trusted: rewards are lowered by its ensemble's doubt.

A policy that is optimised inside a model learned from logs finds where the model is wrong. MOPO (Yu
et al., 2020, arXiv 2005.13239) takes from each imagined reward a multiple of the model's
uncertainty; LOMPO (Rafailov et al., 2021, arXiv 2012.11547) does so in a latent space, with the
disagreement of an ensemble of latent dynamics. Here `step`, through which the agent plans, imagines
and bootstraps, returns

    r(z, a) - pessimism * s * clip(d(z, a) / d0 - 1, 0, 5)

with the disagreement d (deviation over K members, root mean square over what they predict), its
mean d0 over logged transitions, and the spread s of logged rewards: where the logs were, nothing is
taken; the unit is that of rewards whatever the task. What differs from both papers: members are
one-step heads next to the dynamics, not K full models (Sekar et al., 2020, arXiv 2005.05960), with
random last layers, so that they differ where nothing was ever seen.

For logs without rewards `sense` reads the sensors back from the latent: predicting its own latents
alone, an encoder could forget what they are for.

Legend: K members, B rows, D latent width, A action width, V numbers of all vector modalities.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from gymnasium import spaces
from torch import Tensor, nn

from daneel.world_models.batch import Batch
from daneel.world_models.layers import EnsembleLayerNorm, EnsembleLinear, Standardize
from daneel.world_models.model import MultiModalWorldModel, WorldModelConfig
from daneel.world_models.two_hot import symlog

_MOST = 5.0
"""No transition is doubted more than this many times as much as those of the logs."""
_RATE = 0.01


class Doubt(nn.Module):
    """K one-step predictors of the next latent and the reward, and how much they disagree.

    Args:
        dim: D.
        action_dim: A.
        width: Width of their hidden layer.
        members: K, at least 2.
    """

    level: Tensor
    spread: Tensor
    seen: Tensor

    def __init__(self, dim: int, action_dim: int, width: int, members: int) -> None:
        """Every member begins with other weights, in all layers."""
        super().__init__()
        self.members = members
        # A latent has D entries of unit variance: without it a few actions would hardly be heard.
        self._loudness = (dim / action_dim) ** 0.5
        self.net = nn.Sequential(
            EnsembleLinear(members, dim + action_dim, width),
            EnsembleLayerNorm(members, width),
            nn.SiLU(),
            EnsembleLinear(members, width, dim + 1),
        )
        self.register_buffer("level", torch.ones(()))
        self.register_buffer("spread", torch.ones(()))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def predict(self, z: Tensor, action: Tensor) -> Tensor:
        """Change of the latent and symlog reward `[K, B, D + 1]` by each member."""
        x = torch.cat([z, self._loudness * action], -1)
        return self.net(x.expand(self.members, *x.shape))

    def disagreement(self, z: Tensor, action: Tensor) -> Tensor:
        """The deviation d `[B]` between members, for `z [B, D]` and `action [B, A]`."""
        return _deviation(self.predict(z, action))

    def forward(self, z: Tensor, action: Tensor) -> Tensor:
        """What is taken from the reward per unit of pessimism `[B]`: 0 where the logs were."""
        excess = self.disagreement(z, action) / self.level - 1
        return self.spread * excess.clamp(0, _MOST)

    def loss(self, z: Tensor, action: Tensor, following: Tensor, reward: Tensor) -> Tensor:
        """Squared error of all members; notes disagreement and spread of these transitions."""
        predicted = self.predict(z, action)
        target = torch.cat([following - z, symlog(reward).unsqueeze(-1)], -1)
        self._note(predicted.detach(), reward)
        return (predicted - target).square().mean((1, 2)).sum()

    @torch.no_grad()
    def _note(self, predicted: Tensor, reward: Tensor) -> None:
        self.seen.add_(1)
        rate = max(_RATE, 1 / int(self.seen))
        self.level.lerp_(_deviation(predicted).mean().clamp(min=1e-6), rate)
        self.spread.lerp_(reward.std().clamp(min=1e-6), rate)


def _deviation(predicted: Tensor) -> Tensor:
    """Root mean square over the last axis of the deviation between members: `[K, B, .] -> [B]`.

    By hand: on a CPU `Tensor.var` over the first axis takes ten times as long.
    """
    off = predicted - predicted.mean(0)
    return (off.square().sum(0).mean(-1) / (len(predicted) - 1)).sqrt()


class PessimisticWorldModel(MultiModalWorldModel):
    """A world model whose imagined rewards are lowered by doubt.

    Args:
        config: Sizes and weights.
        space: Observation space of one environment.
        action_dim: A.
        pessimism: Weight of the doubt; 0 trusts the model everywhere.
        doubters: K.
    """

    def __init__(
        self,
        config: WorldModelConfig,
        space: spaces.Dict,
        action_dim: int,
        pessimism: float,
        doubters: int,
    ) -> None:
        """Builds the parts."""
        super().__init__(config, space, action_dim)
        self.pessimism = pessimism
        self.doubt = Doubt(config.dim, action_dim, config.width, doubters)
        width = self.encoder.width_in
        self.sense = nn.Linear(config.dim, width) if width else None

    def step(self, z: Tensor, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One imagined transition, as in the base class, with a reward lowered by doubt."""
        following, reward, alive = super().step(z, action)
        if self.pessimism == 0:
            return following, reward, alive
        return following, reward - self.pessimism * self.doubt(z, action), alive

    def loss(
        self, batch: Batch, action: Tensor, start: Tensor, target: Tensor
    ) -> dict[str, Tensor]:
        """The base class's terms, and that of the doubters; they do not shape the latents."""
        terms = super().loss(batch, action, start, target)
        first = start.detach()
        doubt = self.doubt.loss(first, action[:, 0], target[:, 0], batch.reward[:, 0])
        return {**terms, "doubt": doubt}

    def sensorimotor_loss(
        self, batch: Batch, action: Tensor, start: Tensor, target: Tensor
    ) -> dict[str, Tensor]:
        """What can be learned without rewards: later latents, and the sensors behind them."""
        terms = MultiModalWorldModel.loss(self, batch, action, start, target)
        found = {"consistency": terms["consistency"]}
        if self.sense is not None:
            found["sense"] = self._sense_loss(batch, action, start)
        return found

    def _sense_loss(self, batch: Batch, action: Tensor, start: Tensor) -> Tensor:
        """Smooth error of the standardised vectors, read from the start and from imagined ones."""
        assert self.sense is not None
        true, z, miss = self._standardised(batch.obs), start, []
        for t in range(action.shape[1] + 1):
            exists = torch.ones_like(batch.mask[:, 0]) if t == 0 else batch.mask[:, t - 1]
            error = F.smooth_l1_loss(self.sense(z), true[:, t], reduction="none").mean(-1)
            miss.append((exists * error).mean())
            if t < action.shape[1]:
                z = self.predict(z, action[:, t])[0]
        return torch.stack(miss).mean()

    def _standardised(self, obs: Mapping[str, Tensor]) -> Tensor:
        vector = self.encoder.vector
        assert vector is not None
        layer = vector[0]
        assert isinstance(layer, Standardize)
        return layer(self.encoder.flat(obs))
