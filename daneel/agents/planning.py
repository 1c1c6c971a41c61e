"""Planning by sampling: model predictive path integral control with a learned policy prior.

Williams et al. (2015, arXiv 1509.01149) for the weighting; Hansen, Wang, Su (2022, arXiv
2203.04955) for policy proposals and the terminal value. Half of the action sequences are drawn
from the policy inside the model, half around the current plan; both are scored by the rewards the
model predicts and the value at the end, and the best ones form the next plan. Discrete actions
keep a probability per action instead of a mean and a deviation.

Legend: N environments, S sequences, P of them from the policy, H horizon, A action width, D latent
width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.agents.policy import Policy
from daneel.config import require
from daneel.world_models import MultiModalWorldModel

_LEAST_PROBABILITY = 0.02


@dataclass(frozen=True)
class PlanConfig:
    """How many futures are imagined before an action is taken."""

    samples: int = 128
    """Action sequences scored in each round, half of them from the policy. 0 acts by the policy."""

    rounds: int = 2
    """Rounds of scoring and refining."""

    horizon: int = 3
    """Decisions looked ahead before the value takes over."""

    elites: int = 32
    """Best sequences that form the plan."""

    temperature: float = 0.5
    """Of the elites' weights, in standard deviations of the scores; low is greedy."""

    std: float = 0.5
    """Deviation of the first round's sequences around the plan (actions span [-1, 1])."""

    least_std: float = 0.05
    """Deviation never falls below this."""

    noise: float = 0.5
    """Exploration: share of the plan's deviation that is added to its first action."""

    def __post_init__(self) -> None:
        """Refuses settings that plan nothing.

        Raises:
            ConfigError: a field is out of range.
        """
        samples = self.samples
        require(samples >= 0 and samples != 1, "plan.samples", samples, "0, or 2 and more")
        for name in ("rounds", "horizon", "elites"):
            value = getattr(self, name)
            require(value >= 1, f"plan.{name}", value, "1 or more")
        for name in ("temperature", "std", "least_std"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"plan.{name}", value, "above 0 and finite")
        require(0 <= self.noise < math.inf, "plan.noise", self.noise, "0 or more and finite")


@dataclass(frozen=True)
class PlanNoise:
    """All randomness of one planning, drawn beforehand."""

    proposals: Tensor
    """`[N or 1, P, H, A]`, for the policy's sequences."""
    samples: Tensor
    """`[rounds, N or 1, S - P, H, A]`, for the sequences around the plan."""
    choice: Tensor | None
    """`[N]` in [0, 1): which elite is followed when exploring; None takes the plan itself."""
    action: Tensor | None
    """`[N, A]` standard normal, added when exploring with continuous actions."""


def draw_noise(
    policy: Policy, config: PlanConfig, rows: int, explore: bool, generator: torch.Generator
) -> PlanNoise:
    """Noise for planning in `rows` environments (1 to share it between all)."""
    proposals = config.samples // 2
    others = config.samples - proposals
    choice = action = None
    shape = (rows, proposals, config.horizon)
    first = policy.noise(*shape, generator=generator)
    second = policy.noise(config.rounds, rows, others, config.horizon, generator=generator)
    if explore:
        choice = torch.rand(rows, generator=generator, device=generator.device)
        action = torch.randn(rows, policy.action_dim, generator=generator, device=generator.device)
    return PlanNoise(first, second, choice, action)


@torch.no_grad()
def plan(
    model: MultiModalWorldModel,
    policy: Policy,
    z: Tensor,
    previous: Tensor,
    fresh: Tensor,
    config: PlanConfig,
    discount: float,
    noise: PlanNoise,
) -> tuple[Tensor, Tensor]:
    """The action to take in each environment, and the plan it began.

    Args:
        model: World model.
        policy: Prior; it also closes every sequence at the horizon.
        z: Latents `[N, D]`.
        previous: Last decision's plan `[N, H, A]`.
        fresh: `[N]`, true where an episode begins and `previous` says nothing.
        config: Sizes.
        discount: Of rewards and value, per decision.
        noise: Of `draw_noise`.

    Returns:
        Actions `[N, A]` in the model's form and plans `[N, H, A]`.
    """
    proposals = propose(model, policy, z, noise.proposals)
    start = torch.where(fresh[:, None, None], proposals.mean(1), _shift(previous))
    mean, std = _widen(policy, start), torch.full_like(start, config.std)
    elites = weights = None
    for extra in noise.samples:
        sequences = torch.cat([proposals, _around(policy, mean, std, extra)], 1)
        scores = score(model, policy, z, sequences, discount)
        elites, weights = _select(sequences, scores, config)
        mean, std = _fit(policy, elites, weights, config)
    assert elites is not None and weights is not None
    if noise.choice is None:
        # Discrete: the best sequence's first action, for a mean of one-hots is no action.
        return (elites[:, 0, 0] if policy.discrete else mean[:, 0]), mean
    return _explore(policy, elites, weights, std[:, 0], config, noise), mean


def propose(model: MultiModalWorldModel, policy: Policy, z: Tensor, noise: Tensor) -> Tensor:
    """Action sequences `[N, P, H, A]` the policy draws inside the model; the first is its mode.

    Args:
        model: World model.
        policy: Draws the actions.
        z: Latents `[N, D]`.
        noise: `[N or 1, P, H, A]`.
    """
    rows, count, horizon = z.shape[0], noise.shape[1], noise.shape[2]
    noise = noise.expand(rows, -1, -1, -1)
    state = z.unsqueeze(1).expand(-1, count, -1).reshape(rows * count, -1)
    actions = []
    for t in range(horizon):
        action, _ = policy.sample(state, noise[:, :, t].reshape(rows * count, -1))
        action = action.reshape(rows, count, -1).clone()
        action[:, 0] = policy.mode(state.reshape(rows, count, -1)[:, 0])
        actions.append(action)
        if t < horizon - 1:
            state, _, _ = model.step(state, action.reshape(rows * count, -1))
    return torch.stack(actions, 2)


def score(
    model: MultiModalWorldModel, policy: Policy, z: Tensor, sequences: Tensor, discount: float
) -> Tensor:
    """Predicted return `[N, S]` of each of `sequences [N, S, H, A]` from `z [N, D]`.

    Rewards are discounted by `discount` and by the probability that the episode still runs; the
    value of the policy's mode follows the last action.
    """
    rows, count, horizon, _ = sequences.shape
    flat = sequences.reshape(rows * count, horizon, -1)
    state = z.unsqueeze(1).expand(-1, count, -1).reshape(rows * count, -1)
    total, weight = state.new_zeros(len(state)), state.new_ones(len(state))
    for t in range(horizon):
        state, reward, alive = model.step(state, flat[:, t])
        total = total + weight * reward
        weight = weight * discount * alive
    total = total + weight * model.value.values(state, policy.mode(state)).mean(0)
    return total.reshape(rows, count)


def score_naive(
    model: MultiModalWorldModel, policy: Policy, z: Tensor, sequences: Tensor, discount: float
) -> Tensor:
    """As `score`, one sequence and one step at a time: the oracle it is tested against."""
    scores = torch.zeros(sequences.shape[:2])
    for n in range(sequences.shape[0]):
        for s in range(sequences.shape[1]):
            state, total, weight = z[n : n + 1], 0.0, 1.0
            for action in sequences[n, s]:
                state, reward, alive = model.step(state, action.unsqueeze(0))
                total += weight * float(reward)
                weight *= discount * float(alive)
            values = model.value.values(state, policy.mode(state))
            scores[n, s] = total + weight * float(values.mean())
    return scores


def _shift(previous: Tensor) -> Tensor:
    """The rest of the last plan, its last action repeated."""
    return torch.cat([previous[:, 1:], previous[:, -1:]], 1)


def _widen(policy: Policy, start: Tensor) -> Tensor:
    """Discrete: half of the first round's draws are uniform, as `std` is for continuous actions."""
    return 0.5 * start + 0.5 / policy.action_dim if policy.discrete else start


def _around(policy: Policy, mean: Tensor, std: Tensor, noise: Tensor) -> Tensor:
    """Sequences `[N, S - P, H, A]` near the plan."""
    if not policy.discrete:
        return (mean.unsqueeze(1) + std.unsqueeze(1) * noise).clamp(-1, 1)
    probability = mean.clamp(min=_LEAST_PROBABILITY).unsqueeze(1)
    index = (probability.log() + noise).argmax(-1)
    return torch.nn.functional.one_hot(index, policy.action_dim).to(mean.dtype)


def _select(sequences: Tensor, scores: Tensor, config: PlanConfig) -> tuple[Tensor, Tensor]:
    """The best sequences `[N, E, H, A]` and their weights `[N, E]`, which sum to 1."""
    spread = scores.std(1, keepdim=True) + 1e-6
    best, index = scores.topk(min(config.elites, scores.shape[1]), dim=1)
    weights = torch.softmax((best - best[:, :1]) / (spread * config.temperature), 1)
    expanded = index[:, :, None, None].expand(-1, -1, *sequences.shape[2:])
    return sequences.gather(1, expanded), weights


def _fit(
    policy: Policy, elites: Tensor, weights: Tensor, config: PlanConfig
) -> tuple[Tensor, Tensor]:
    """Weighted mean and deviation `[N, H, A]` of the elites."""
    share = weights[:, :, None, None]
    mean = (share * elites).sum(1)
    variance = (share * (elites - mean.unsqueeze(1)).square()).sum(1)
    return mean, variance.sqrt().clamp(config.least_std, 1.0)


def _explore(
    policy: Policy,
    elites: Tensor,
    weights: Tensor,
    std: Tensor,
    config: PlanConfig,
    noise: PlanNoise,
) -> Tensor:
    """One elite's first action, drawn by weight, with noise when continuous: `[N, A]`."""
    assert noise.choice is not None and noise.action is not None
    index = (weights.cumsum(1) <= noise.choice[:, None]).sum(1).clamp(max=weights.shape[1] - 1)
    action = elites[torch.arange(len(elites), device=elites.device), index, 0]
    if policy.discrete:
        return action
    return (action + config.noise * std * noise.action).clamp(-1, 1)
