"""The planner that learns from logs first: pessimistic about what nobody has tried.

Offline model-based reinforcement learning, then fine-tuning with few decisions of its own, in the
manner of FOWM (Feng et al., 2023, arXiv 2310.16029), which does this with TD-MPC on a real robot.
What keeps it from exploiting what the logs do not cover:

- imagined rewards are lowered by an ensemble's doubt, in planning, in value targets and in imagined
  transitions alike (MOPO and LOMPO; `daneel.world_models.doubt` has the formula);
- values take the lower of two (`caution`), as the planner's do;
- the policy is drawn to logged actions, but only to those whose value is above that of its own
  (the filter of Nair et al., 2018, arXiv 1709.10089; "binary" in CRR, Wang et al., 2020, arXiv
  2006.15134): logs of mixed quality are not copied where they are bad, and the pull ends where the
  policy has become better.

FOWM differs: its penalty is the disagreement of values, in planning only, and its values are
learned by expectiles (IQL). From logs without rewards `pretrain` learns dynamics, sensors and a
prior over actions, as sensorimotor pretraining does (Radosavovic et al., 2023, arXiv 2306.10007).

Legend: B batch, H horizon, D latent width, A action width.
"""

from __future__ import annotations

import torch
from torch import Tensor

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


class PessimistAgent(PlannerAgent):
    """A `PlannerAgent` that can begin with logs; arguments and errors are the same."""

    Config = PessimistConfig
    config: PessimistConfig

    def _make_model(self, sizes: WorldModelConfig, count: int) -> MultiModalWorldModel:
        config = self.config
        return PessimisticWorldModel(
            sizes, self.observation_space, count, config.pessimism, config.doubters
        )

    # -- logs without rewards ----------------------------------------------------------------

    def pretrain(self, batch: Batch) -> dict[str, float]:
        """One gradient step on what logs without rewards teach: dynamics, sensors, a policy."""
        batch = batch.to(self.device)
        action = self.actions.from_env(batch.action)
        self._standardise(batch)
        terms = prediction_terms(self.model, self.slow_model, batch, action, rewards=False)
        self._descend(0, torch.stack(list(terms.values())).sum())
        metrics = {name: float(term.detach()) for name, term in terms.items()}
        with torch.no_grad():
            z = self.model.infer_window(batch, 0)[:, 0]
        imitation = self._distance(z, action[:, 0]).mean()
        self._descend(1, imitation)
        follow(self.slow_model, self.model, self.config.target_rate)
        follow(self.slow_policy, self.policy, self.config.target_rate)
        self.updates += 1
        return {**metrics, "imitation": float(imitation.detach())}

    # -- the pull towards what was done ------------------------------------------------------

    def _imitation_loss(self, z: Tensor, done: Tensor) -> Tensor | float:
        """Distance to what was done, where its value is above that of what the policy would do."""
        if self.config.imitation == 0:
            return 0.0
        with torch.no_grad():
            q = self.model.value
            own, theirs = q.values(z, self.policy.mode(z)).mean(0), q.values(z, done).mean(0)
        return self.config.imitation * ((theirs > own) * self._distance(z, done)).mean()

    def _distance(self, z: Tensor, done: Tensor) -> Tensor:
        """`[B]`: squared, to the policy's mode; cross entropy where actions are discrete."""
        if isinstance(self.policy, GaussianPolicy):
            return (self.policy.mode(z) - done).square().sum(-1)
        return -(done * self.policy.log_probabilities(z)).sum(-1)
