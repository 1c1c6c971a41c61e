"""An agent that plans in a learned latent world model with a learned policy prior.

In the family of TD-MPC2 (Hansen, Su, Wang, 2024, arXiv 2310.16828), built for small samples on
CPUs. In the order of this file: act (sampling-based planning, `planning.py`), then one update:
value loss, model loss, policy loss, slow copies.

What differs from TD-MPC2 (`daneel bench ablation` measures what each part is worth):

- several updates per decision on small batches (BRO: Nauman et al., 2024, arXiv 2405.16158);
- values are also trained on transitions that the model imagines from replayed states under the
  current policy (MAD-TD: Voelcker et al., 2025, arXiv 2410.08896), which keeps a high update ratio
  from overestimating actions that were never tried;
- value targets look a few imagined steps further before they fall back on the value function
  (Feinberg et al., 2018, arXiv 1803.00101);
- it acts and imagines with slow averages of all its networks, not only of the values: with few
  samples a high learning rate pays, and its last steps shake predicted rewards by more than the
  difference between two good actions;
- the entropy of the policy is held by tuning its weight, on values scaled to unit spread.

Legend: N environments, B batch, H horizon, D latent width, A action width.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from daneel.agents.action_form import ActionForm
from daneel.agents.optimiser_state import pack_optimiser, unpack_optimiser
from daneel.agents.planner_config import SIZES, PlannerConfig
from daneel.agents.planning import draw_noise, plan
from daneel.agents.policy import CategoricalPolicy, GaussianPolicy, Policy
from daneel.agents.protocol import AgentState
from daneel.backbones import State
from daneel.errors import CheckpointError, SpaceError
from daneel.world_models import (
    Batch,
    MultiModalWorldModel,
    WorldModelConfig,
    cautious,
    follow,
    initialise,
    one_step_target,
    slow_copy,
)

_SCALE_RATE = 0.01
_ALPHA_RATE = 1e-3
_DISCRETE_ENTROPY = 0.1  # held, as a share of the entropy of uniform choice
_FIRST_ALPHA = 0.03
_LEAST_SCALE = 0.3
_CORE = "core."


class PlannerAgent:
    """Learns a world model, values and a policy from replayed sequences, and plans with them.

    Args:
        config: Hyper-parameters.
        observation_space: Of one environment: a dictionary of modalities.
        action_space: Of one environment: a bounded Box or Discrete.
        seed: Of the weights and of every later draw.
        device: Where the networks live.

    Raises:
        SpaceError: the spaces are not of these kinds.
    """

    Config = PlannerConfig

    def __init__(
        self,
        config: PlannerConfig,
        observation_space: spaces.Dict,
        action_space: spaces.Space[Any],
        *,
        seed: int,
        device: str = "cpu",
    ) -> None:
        """Builds networks and optimisers."""
        self.config, self.device = config, torch.device(device)
        self.batch_size, self.horizon = config.batch_size, config.horizon
        self.warmup_decisions = config.warmup
        self.observation_space, self.action_space = observation_space, action_space
        dim, width = SIZES[config.size]
        self.actions = ActionForm(action_space, self.device)
        count = self.actions.width
        sizes = WorldModelConfig(dim=dim, width=width, core=config.core)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # a core draws its own first weights
            self.model = self._make_model(sizes, count)
        self.context = config.context if self.model.core.initial_state(1) else 0
        kind = CategoricalPolicy if self.actions.discrete else GaussianPolicy
        self.policy = kind(dim, count, width)
        initial = torch.Generator().manual_seed(seed)
        parts = [part for name, part in self.model.named_children() if name != "core"]
        for module in (*parts, self.policy):
            initialise(module, initial)
        for module in (self.model, self.policy):
            module.to(self.device)
        self.slow_model, self.slow_policy = slow_copy(self.model), slow_copy(self.policy)
        self.generator = torch.Generator(self.device).manual_seed(seed + 1)
        self.log_alpha = torch.full((), math.log(_FIRST_ALPHA), device=self.device)
        self.scale = torch.ones((), device=self.device)
        self.updates = 0
        self._groups = (list(self.model.parameters()), list(self.policy.parameters()))
        self.optimisers = [
            torch.optim.Adam(group, lr=config.learning_rate, fused=True) for group in self._groups
        ]
        self._still = draw_noise(
            self.policy, config.plan, 1, False, torch.Generator(self.device).manual_seed(0)
        )

    def _make_model(self, sizes: WorldModelConfig, count: int) -> MultiModalWorldModel:
        return MultiModalWorldModel(sizes, self.observation_space, count)

    # -- act ---------------------------------------------------------------------------------

    @torch.no_grad()
    def act(
        self, obs: dict[str, np.ndarray], state: AgentState | None = None, explore: bool = False
    ) -> tuple[np.ndarray, AgentState]:
        """Plans one decision for each of N environments.

        Without `explore` the planning noise is the same at every decision and in every row: what
        is done depends on observation and state alone.
        """
        tensors = {key: torch.as_tensor(value, device=self.device) for key, value in obs.items()}
        rows = next(iter(tensors.values())).shape[0]
        state = state or self._initial_state(rows)
        model, policy = self._acting()
        # Where all begin, nothing is carried: the cache of attention would keep what it hides.
        core = None if bool(state["fresh"].all()) else _without_prefix(state)
        z, core = model.infer(tensors, core, state["fresh"])
        plans, samples = state["plan"], self.config.plan.samples
        if samples:
            noise = self._still
            if explore:
                noise = draw_noise(policy, self.config.plan, rows, True, self.generator)
            action, plans = plan(
                *(model, policy, z, plans, state["fresh"]),
                *(self.config.plan, self.config.discount, noise),
            )
        elif explore:
            action, _ = policy.sample(z, self._noise(rows))
        else:
            action = policy.mode(z)
        fresh = torch.zeros(rows, dtype=torch.bool, device=self.device)
        return self.actions.to_env(action), {"plan": plans, "fresh": fresh, **_with_prefix(core)}

    def reset_state(self, state: AgentState, mask: np.ndarray) -> AgentState:
        """`state` with the rows of `mask [N]` as at the start of an episode."""
        begins = torch.as_tensor(mask, device=self.device)
        return {**state, "fresh": state["fresh"] | begins}

    def _acting(self) -> tuple[MultiModalWorldModel, Policy]:
        if self.config.averaged:
            return self.slow_model, self.slow_policy
        return self.model, self.policy

    def _initial_state(self, rows: int) -> AgentState:
        config = self.config.plan
        return {
            "plan": torch.zeros(rows, config.horizon, self.actions.width, device=self.device),
            "fresh": torch.ones(rows, dtype=torch.bool, device=self.device),
            **_with_prefix(self.model.core.initial_state(rows, self.device)),
        }

    # -- update ------------------------------------------------------------------------------

    def updates_due(self, decisions: int) -> int:
        """Gradient steps after decision `decisions`: none before the end of the warm-up."""
        ready = decisions - self.warmup_decisions
        if ready < 0:
            return 0
        rate = self.config.updates
        return int((ready + 1) * rate) - int(ready * rate)

    def update(self, batch: Batch) -> dict[str, float]:
        """One gradient step on values, and on model and policy when they are due."""
        batch = batch.to(self.device)
        action = self.actions.from_env(batch.action)
        model_due = self.updates % self.config.model_every == 0
        if model_due:
            self._standardise(batch)
        z, later = self._latents(batch, self.horizon if model_due else 1)
        terms = {"value": self._value_loss(batch, action, z, later)}
        if model_due:
            terms |= self.model.loss(batch, action, z, later)
        self._descend(0, torch.stack(list(terms.values())).sum())
        metrics = {name: float(term.detach()) for name, term in terms.items()}
        if self.updates % self.config.policy_every == 0:
            metrics |= self._improve_policy(z.detach(), action[:, 0])
        follow(self.slow_model, self.model, self.config.target_rate)
        follow(self.slow_policy, self.policy, self.config.target_rate)
        self.updates += 1
        return metrics

    def _standardise(self, batch: Batch) -> None:
        """Follows the replay's mean and deviation, at first quickly."""
        rate = max(1 / (self.updates + 1), 1e-3)
        exists = torch.cat([torch.ones_like(batch.mask[:, :1]), batch.mask], 1) > 0
        self.model.standardise(batch.obs, exists, rate)

    def _latents(self, batch: Batch, steps: int) -> tuple[Tensor, Tensor]:
        """First latents `[B, D]` with gradient, `steps` later ones from the slow encoder."""
        z = self.model.infer_window(batch, 0)[:, 0]
        with torch.no_grad():
            slow = self.slow_model.infer_window(batch, steps)
        return z, slow[:, 1:]

    def _value_loss(self, batch: Batch, action: Tensor, z: Tensor, later: Tensor) -> Tensor:
        """Cross entropy to one-step targets, of replayed and of imagined transitions."""
        q, count = self.model.value, int(self.config.imagined * len(z))
        with torch.no_grad():
            start = z[:count].detach()
            tried, _ = self.policy.sample(start, self._noise(count))
            imagined, reward, alive = self._acting()[0].step(start, tried)
            following = torch.cat([later[:, 0], imagined])
            reward = torch.cat([batch.reward[:, 0], reward])
            alive = torch.cat([1 - batch.terminated[:, 0], alive])
            value = self._bootstrap(following)
            target = one_step_target(reward, alive, value, self.config.discount)
            code = q.two_hot.encode(target)
        logits = q(torch.cat([z, start]), torch.cat([action[:, 0], tried]))
        losses = q.two_hot.loss(logits, code).sum(0)
        return losses.sum() / len(z)

    def _bootstrap(self, z: Tensor) -> Tensor:
        """Value `[B]` of the policy at `z`: imagined rewards, then the slow values."""
        model, _ = self._acting()
        total, weight = torch.zeros(len(z), device=self.device), 1.0
        for _ in range(self.config.expansion):
            action, _ = self.policy.sample(z, self._noise(len(z)))
            z, reward, alive = model.step(z, action)
            total = total + weight * reward
            weight = weight * self.config.discount * alive
        action, _ = self.policy.sample(z, self._noise(len(z)))
        value = cautious(self.slow_model.value.values(z, action), self.config.caution)
        return total + weight * value

    def _improve_policy(self, z: Tensor, done: Tensor) -> dict[str, float]:
        """Towards higher value at unit spread, with entropy; then tunes the entropy's weight.

        `done [B, A]` is what was done at `z` in the replay.
        """
        alpha = self.log_alpha.exp()
        value, entropy = self._value_and_entropy(z)
        self._follow_scale(value.detach())
        loss = -(value / self.scale + alpha * entropy).mean()
        self._descend(1, loss + self._imitation_loss(z, done))
        excess = entropy.detach().mean() - self._target_entropy()
        self.log_alpha.sub_(_ALPHA_RATE * excess.clamp(-1, 1))
        return {
            "q": float(value.detach().mean()),
            "entropy": float(entropy.detach().mean()),
            "alpha": float(alpha),
        }

    def _imitation_loss(self, z: Tensor, done: Tensor) -> Tensor | float:
        """What keeps the policy near what was done: nothing, where it can try things itself."""
        return 0.0

    def _value_and_entropy(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean value and entropy `[B]` of the policy at `z`, differentiable in its weights."""
        q = self.model.value
        if isinstance(self.policy, GaussianPolicy):
            action, log_p = self.policy.sample(z, self._noise(len(z)))
            q.requires_grad_(False)
            value = q.values(z, action).mean(0)
            q.requires_grad_(True)
            return value, -log_p
        log_p = self.policy.log_probabilities(z)
        rows, count = log_p.shape
        every = torch.eye(count, device=z.device).repeat(rows, 1)
        with torch.no_grad():
            values = q.values(z.repeat_interleave(count, 0), every).mean(0).view(rows, count)
        p = log_p.exp()
        return (p * values).sum(-1), -(p * log_p).sum(-1)

    def _follow_scale(self, value: Tensor) -> None:
        """Running standard deviation of the values."""
        rate = _SCALE_RATE if self.updates else 1.0
        self.scale.lerp_(value.std().clamp(min=_LEAST_SCALE), rate)

    def _target_entropy(self) -> float:
        if self.policy.discrete:
            return _DISCRETE_ENTROPY * math.log(self.actions.width)
        return -self.config.entropy * self.actions.width

    def _noise(self, rows: int) -> Tensor:
        return self.policy.noise(rows, generator=self.generator)

    def _descend(self, which: int, loss: Tensor) -> None:
        optimiser = self.optimisers[which]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._groups[which], self.config.max_grad_norm, foreach=True)
        optimiser.step()

    # -- state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimisers, generator and counters."""
        return {
            "model": dict(self.model.state_dict()),
            "policy": dict(self.policy.state_dict()),
            "slow_model": dict(self.slow_model.state_dict()),
            "slow_policy": dict(self.slow_policy.state_dict()),
            "log_alpha": self.log_alpha.clone(),
            "scale": self.scale.clone(),
            "updates": self.updates,
            "generator": self.generator.get_state(),
            "optimisers": [pack_optimiser(o) for o in self.optimisers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned.

        Raises:
            CheckpointError: the state is of another configuration.
        """
        try:
            self.model.load_state_dict(state["model"])
            self.policy.load_state_dict(state["policy"])
            self.slow_model.load_state_dict(state["slow_model"])
            self.slow_policy.load_state_dict(state["slow_policy"])
            self.log_alpha.copy_(state["log_alpha"])
            self.scale.copy_(state["scale"])
            self.updates = int(state["updates"])
            self.generator.set_state(state["generator"])
            for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
                unpack_optimiser(optimiser, saved)
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"The checkpoint does not fit this agent: {error} Expected the agent and sizes of "
                "the run's config.yaml. Type `daneel train` to begin another run."
            ) from error

    def actor(self) -> tuple[nn.Module, dict[str, Any]]:
        """The policy's mode from flat observation `[B, V]` to environment units `[B, A]`.

        The planner draws half of its sequences around this action and clamps to the same bounds.
        Discrete: logits.

        Raises:
            SpaceError: the policy sees images, or its core has memory.
        """
        model, policy = self._acting()
        encoder = model.encoder
        if encoder.vector is None or encoder.image_keys or model.config.core != "identity":
            raise SpaceError(
                "The actor is not a network from a flat vector: it sees images or has memory. "
                "Expected vector observations and the identity core. Type `daneel list checks` "
                "to see what the gate asks."
            )
        layers = [*encoder.vector, *encoder.project, *_layers(policy.head())]
        if not policy.discrete:
            layers.append(self.actions.rescale)
        module = copy.deepcopy(nn.Sequential(*layers)).requires_grad_(False)
        return module, {"keys": list(encoder.vector_keys)}


def _with_prefix(core: State) -> AgentState:
    """The core's state under names that keep clear of the planner's own."""
    return {_CORE + key: value for key, value in core.items()}


def _without_prefix(state: AgentState) -> State:
    return {key.removeprefix(_CORE): state[key] for key in state if key.startswith(_CORE)}


def _layers(module: nn.Module) -> list[nn.Module]:
    return list(module.children())
