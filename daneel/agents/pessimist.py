"""The planner that learns from logs first: pessimistic about what nobody has tried.

Offline model-based reinforcement learning, then fine-tuning with few decisions of its own, in the
manner of FOWM (Feng et al., 2023, arXiv 2310.16029), which does this with TD-MPC on a real robot.
What keeps it from exploiting what the logs do not cover:

- imagined rewards are lowered by an ensemble's doubt, in planning, in value targets and in imagined
  transitions alike (MOPO and LOMPO; `daneel.world_models.doubt` has the formula);
- values take the lower of two (`caution`), as the planner's do;
- it begins as an imitation of the better logs, and stays drawn to what was done, more where that
  is worth more than what it would do itself (AWAC: Nair et al., 2020, arXiv 2006.09359; here the
  weights of a batch are 1 in the mean, so the pull remains when values overestimate the policy, and
  values still have their say as in TD3+BC: Fujimoto and Gu, 2021, arXiv 2106.06860);
- the encoder is learned by that imitation and then stays, so that the policy keeps what it sees.

FOWM differs: its penalty is the disagreement of values, in planning only, and its values are
learned by expectiles (IQL). From logs without rewards `pretrain` learns dynamics, sensors and a
prior over actions, as sensorimotor pretraining does (Radosavovic et al., 2023, arXiv 2306.10007).

Legend: B batch, H horizon, D latent width, A action width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from daneel.agents.pessimist_config import PessimistConfig
from daneel.agents.planner import PlannerAgent
from daneel.agents.policy import GaussianPolicy
from daneel.world_models import (
    Batch,
    MultiModalWorldModel,
    PessimisticWorldModel,
    WorldModelConfig,
    follow,
    prediction_terms,
)

_BARE_RATE = 0.02


class PessimistAgent(PlannerAgent):
    """A `PlannerAgent` that can begin with logs; arguments and errors are the same."""

    Config = PessimistConfig
    config: PessimistConfig
    _taught = False  # whether the encoder was learned from logs, and stays as it is
    _valued = 0  # policy updates so far, those left out among them

    def _make_model(self, sizes: WorldModelConfig, count: int) -> MultiModalWorldModel:
        config = self.config
        return PessimisticWorldModel(
            sizes, self.observation_space, count, config.pessimism, config.doubters
        )

    # -- what logs teach without values ------------------------------------------------------

    def imitate(self, batch: Batch) -> dict[str, float]:
        """One gradient step towards what was done, of encoder and policy together."""
        return self._learn_bare(batch, foresee=False)

    def pretrain(self, batch: Batch) -> dict[str, float]:
        """One gradient step on what logs without rewards teach: dynamics, sensors, a policy."""
        return self._learn_bare(batch, foresee=True)

    def update(self, batch: Batch) -> dict[str, float]:
        """As the planner's; an encoder that was learned from logs stays as it is.

        Otherwise values and dynamics would move the latents under the policy that was imitated, and
        it would forget in a few hundred updates.
        """
        self.model.encoder.requires_grad_(not self._taught)
        return super().update(batch)

    def _standardise(self, batch: Batch) -> None:
        if next(self.model.encoder.parameters()).requires_grad:
            super()._standardise(batch)

    def _learn_bare(self, batch: Batch, foresee: bool) -> dict[str, float]:
        batch = batch.to(self.device)
        action = self.actions.from_env(batch.action)
        self.model.encoder.requires_grad_(True)
        self._standardise(batch)
        terms = {}
        if foresee:
            terms = prediction_terms(self.model, self.slow_model, batch, action, rewards=False)
        z = self.model.infer_window(batch, 0)[:, 0]
        terms["imitation"] = self._distance(z, action[:, 0]).mean()
        self._taught = True
        self._descend_together(torch.stack(list(terms.values())).sum())
        # Targets are hardly ahead of what they follow: nothing is bootstrapped here.
        rate = max(self.config.target_rate, _BARE_RATE)
        follow(self.slow_model, self.model, rate)
        follow(self.slow_policy, self.policy, rate)
        self.updates += 1
        return {name: float(term.detach()) for name, term in terms.items()}

    def _descend_together(self, loss: Tensor) -> None:
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for group, optimiser in zip(self._groups, self.optimisers, strict=True):
            nn.utils.clip_grad_norm_(group, self.config.max_grad_norm, foreach=True)
            optimiser.step()

    def state_dict(self) -> dict[str, Any]:
        """As the planner's, and how far it has come with the logs."""
        return {**super().state_dict(), "taught": self._taught, "valued": self._valued}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned.

        Raises:
            CheckpointError: The state is of another configuration.
        """
        super().load_state_dict(state)
        self._taught, self._valued = bool(state["taught"]), int(state["valued"])

    # -- the pull towards what was done ------------------------------------------------------

    def _improve_policy(self, z: Tensor, done: Tensor) -> dict[str, float]:
        """As the planner's; after logs only once the values have had time to know what they say."""
        if self._taught and self._valued < self.config.patience:
            self._valued += 1
            return {}
        return super()._improve_policy(z, done)

    def _imitation_loss(self, z: Tensor, done: Tensor) -> Tensor | float:
        """Distance to what was done, more where it is worth more; weights are 1 in the mean."""
        if self.config.imitation == 0:
            return 0.0
        return self.config.imitation * (self._merit(z, done) * self._distance(z, done)).mean()

    @torch.no_grad()
    def _merit(self, z: Tensor, done: Tensor) -> Tensor:
        """Weights `[B]`: exponential in the advantage over the policy, in units of its spread."""
        q = self.model.value
        own, theirs = q.values(z, self.policy.mode(z)).mean(0), q.values(z, done).mean(0)
        advantage = theirs - own
        return torch.softmax(advantage / (advantage.std() + 1e-6), 0) * len(z)

    def _distance(self, z: Tensor, done: Tensor) -> Tensor:
        """`[B]`: squared, to the policy's mode; cross entropy where actions are discrete."""
        if isinstance(self.policy, GaussianPolicy):
            return (self.policy.mode(z) - done).square().sum(-1)
        return -(done * self.policy.log_probabilities(z)).sum(-1)
