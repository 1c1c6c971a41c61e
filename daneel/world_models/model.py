"""A latent world model: encoder, temporal core, dynamics, reward, termination, value.

In the family of TD-MPC2 (Hansen, Su, Wang, 2024, arXiv 2310.16828): no decoder, latents predict
the latents that a slowly moving copy of the encoder (`averaging.py`) gives to later observations,
rewards and terminations. What differs: LayerNorm instead of SimNorm (a softmax over groups of eight
costs more than the matrix products on a CPU), residual dynamics, a slot for a temporal core, and
termination.

Legend: B rows, T time, H transitions of a batch, D latent width, A action width (one-hot when
discrete). Rewards are predicted as symlog.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from gymnasium import spaces
from torch import Tensor, nn

from daneel import backbones
from daneel.backbones import State
from daneel.backbones.adapters import apply_quant_lora
from daneel.config import require
from daneel.world_models.batch import Batch
from daneel.world_models.encoders import MultiModalEncoder
from daneel.world_models.layers import mlp
from daneel.world_models.two_hot import symexp, symlog
from daneel.world_models.value import QEnsemble

Policy = Callable[[Tensor], Tensor]
"""Latents `[B, D]` to actions `[B, A]` in [-1, 1] (or one-hot)."""


@dataclass(frozen=True)
class WorldModelConfig:
    """Sizes and loss weights of the world model."""

    dim: int = 64
    """Width of the latent state."""

    width: int = 128
    """Width of every hidden layer."""

    members: int = 2
    """Value functions in the ensemble."""

    core: str = "identity"
    """Backbone that carries memory over time; `daneel list backbones` names them."""

    use_lora: bool = False
    """Fine-tune: freeze the linear layers of encoder, core and transition, packed in 4 bits, and
    learn low-rank updates of them. Load trained weights into such a model; merge before export."""

    lora_rank: int = 8
    """Rank of those updates."""

    consistency_weight: float = 2.0
    """Weight of predicting the next latent."""

    reward_weight: float = 1.0
    """Weight of predicting the reward."""

    termination_weight: float = 0.1
    """Weight of predicting termination."""

    horizon_decay: float = 0.5
    """Each further step of a predicted sequence weighs this much less."""

    def __post_init__(self) -> None:
        """Refuses sizes and weights that make no model.

        Raises:
            ConfigError: a field is out of range.
        """
        for name in ("dim", "width", "members", "lora_rank"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("consistency_weight", "reward_weight", "termination_weight"):
            value = getattr(self, name)
            require(0 <= value < math.inf, name, value, "0 or more and finite")
        decay = self.horizon_decay
        require(0 < decay <= 1, "horizon_decay", decay, "a number in (0, 1]")


@dataclass(frozen=True)
class Latents:
    """A sequence of latent states and what happened between them."""

    z: Tensor
    """`[B, T, D]`."""
    action: Tensor
    """`[B, T - 1, A]`, from z[:, t] to z[:, t + 1]."""
    reward: Tensor
    """`[B, T - 1]`, in the environment's units."""
    continues: Tensor
    """`[B, T - 1]`, probability that the episode did not terminate."""


class MultiModalWorldModel(nn.Module):
    """World model over dictionary observations.

    Args:
        config: Sizes and weights.
        space: Observation space of one environment.
        action_dim: A.

    Raises:
        SpaceError: a modality cannot be encoded.
        UnknownNameError: no backbone has the name `config.core`.
    """

    def __init__(self, config: WorldModelConfig, space: spaces.Dict, action_dim: int) -> None:
        """Builds the parts."""
        super().__init__()
        self.config = config
        dim, width = config.dim, config.width
        self.encoder = MultiModalEncoder(space, dim, width)
        self.core = backbones.build(config.core, dim)
        # Twice as wide: it predicts three things.
        self.transition = mlp([dim + action_dim, 2 * width], dim + 2)
        self.normalise = nn.LayerNorm(dim)
        self.value = QEnsemble(dim, action_dim, width, config.members)
        if config.use_lora:
            self._adapt()

    def _adapt(self) -> None:
        """Packs what `use_lora` freezes; the rest (convolutions, norms, values) learns as ever."""
        apply_quant_lora(
            self,
            self.config.lora_rank,
            targets=r"^(encoder|core|transition)\.",
            freeze_rest=False,
            generator=torch.Generator().manual_seed(0),
        )

    def encode(self, obs: Mapping[str, Tensor]) -> Tensor:
        """Observations `[..., *shape]` to embeddings `[..., D]`."""
        return self.encoder(obs)

    def infer(
        self,
        obs: Mapping[str, Tensor],
        state: State | None = None,
        begins: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """One observation per row `[B, *shape]` to latents `[B, D]`, memory carried.

        Args:
            obs: Observations.
            state: The core's, from the observation before; None remembers nothing.
            begins: `[B]`, true in rows whose episode begins here: they remember nothing.
        """
        resets = None if begins is None else begins.unsqueeze(1)
        z, state = self.core(self.encode(obs).unsqueeze(1), state, resets)
        return z.squeeze(1), state

    def infer_window(self, batch: Batch, steps: int) -> Tensor:
        """Latents `[B, 1 + steps, D]` of a batch's first observations, after their context."""
        obs = {key: value[:, : steps + 1] for key, value in batch.obs.items()}
        if batch.context_length is None:
            return self.core(self.encode(obs))[0]
        obs = {key: torch.cat([batch.context[key], value], 1) for key, value in obs.items()}
        embedded = self.encode(obs)
        count = embedded.shape[1] - steps - 1
        # What fills up a short context comes before the episode's beginning, and is forgotten.
        place = torch.arange(embedded.shape[1], device=embedded.device)
        begins = place == (count - batch.context_length)[:, None]
        return self.core(embedded, None, begins)[0][:, count:]

    def observe(self, batch: Batch, action: Tensor, state: State | None = None) -> Latents:
        """Latents of a batch, parallel over time; `action [B, H, A]` is the model's form of it."""
        z, _ = self.core(self.encode(batch.obs), state)
        return Latents(z, action, batch.reward, 1 - batch.terminated)

    def step(self, z: Tensor, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One imagined transition of `z [B, D]`: next latent, reward `[B]`, continuation `[B]`."""
        following, reward, ends = self.predict(z, action)
        return following, symexp(reward), torch.sigmoid(-ends)

    def predict(self, z: Tensor, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `step`, with the reward as symlog and the logit of a termination: what is learned.

        One network predicts all three: on a CPU the calls cost more than the products.
        """
        out = self.transition(torch.cat([z, action], -1))
        change, rest = out[..., :-2], out[..., -2:]
        reward, ends = rest.unbind(-1)
        return self.normalise(z + change), reward, ends

    def imagine(self, policy: Policy, start: Tensor, horizon: int) -> Latents:
        """Follows `policy` from `start [B, D]` for `horizon` steps, all imagined."""
        zs, actions, rewards, continues = [start], [], [], []
        for _ in range(horizon):
            actions.append(policy(zs[-1]))
            z, reward, alive = self.step(zs[-1], actions[-1])
            zs.append(z)
            rewards.append(reward)
            continues.append(alive)
        return Latents(*(torch.stack(part, 1) for part in (zs, actions, rewards, continues)))

    def loss(
        self, batch: Batch, action: Tensor, start: Tensor, target: Tensor
    ) -> dict[str, Tensor]:
        """Weighted terms of the prediction loss, unrolled in latent space from `start`.

        Args:
            batch: Sequences; masked transitions count nothing.
            action: `[B, H, A]`, the model's form of `batch.action`.
            start: `[B, D]`, latent of the first observation, with gradient.
            target: `[B, H, D]`, latents that the slow encoder gives to the later observations.
        """
        config, z = self.config, start
        terms: dict[str, list[Tensor]] = {"consistency": [], "reward": [], "termination": []}
        true_reward = symlog(batch.reward)
        for t in range(action.shape[1]):
            weight = batch.mask[:, t] * config.horizon_decay**t
            z, reward, ends = self.predict(z, action[:, t])
            miss = (z - target[:, t]).square().mean(-1)
            terms["consistency"].append((weight * miss).mean())
            miss = F.smooth_l1_loss(reward, true_reward[:, t], reduction="none")
            terms["reward"].append((weight * miss).mean())
            miss = F.binary_cross_entropy_with_logits(
                ends, batch.terminated[:, t], reduction="none"
            )
            terms["termination"].append((weight * miss).mean())
        return {
            name: getattr(config, f"{name}_weight") * torch.stack(parts).sum()
            for name, parts in terms.items()
        }

    @torch.no_grad()
    def standardise(self, obs: Mapping[str, Tensor], exists: Tensor, rate: float) -> None:
        """Moves the encoder's input statistics towards `obs [B, T, ...]` where `exists [B, T]`."""
        self.encoder.observe(obs, exists, rate)
