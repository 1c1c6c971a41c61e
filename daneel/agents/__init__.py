"""Agents: planning in a world model, and Stable-Baselines3 algorithms as baselines."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from daneel.agents.protocol import Agent, AgentState, Performer
from daneel.registry import Entry, Registry

_BASELINES = "daneel.agents.baselines:"

AGENTS = Registry(
    "agent",
    Entry("planner", "daneel.agents.planner:PlannerAgent", "plans in a learned latent world model"),
    Entry(
        "pessimist",
        "daneel.agents.pessimist:PessimistAgent",
        "the planner for `--logs`: learns offline, wary of what nobody has tried",
    ),
    Entry("sac", _BASELINES + "SAC", "Stable-Baselines3: soft actor-critic, continuous actions"),
    Entry("td3", _BASELINES + "TD3", "Stable-Baselines3: twin delayed DDPG, continuous actions"),
    Entry(
        "ddpg",
        _BASELINES + "DDPG",
        "Stable-Baselines3: deterministic policy gradient, continuous actions",
    ),
    Entry("dqn", _BASELINES + "DQN", "Stable-Baselines3: deep Q-network, discrete actions"),
    Entry("ppo", _BASELINES + "PPO", "Stable-Baselines3: proximal policy optimisation"),
    Entry("a2c", _BASELINES + "A2C", "Stable-Baselines3: synchronous advantage actor-critic"),
    Entry("tqc", _BASELINES + "TQC", "sb3-contrib: truncated quantile critics, continuous actions"),
    Entry("trpo", _BASELINES + "TRPO", "sb3-contrib: trust region policy optimisation"),
    Entry(
        "crossq",
        _BASELINES + "CrossQ",
        "sb3-contrib: SAC without target networks, continuous actions",
    ),
    Entry("qrdqn", _BASELINES + "QRDQN", "sb3-contrib: quantile regression DQN, discrete actions"),
)


def build(
    config: Any,
    observation_space: spaces.Dict,
    action_space: spaces.Space[Any],
    *,
    seed: int,
    device: str = "cpu",
) -> Agent:
    """Builds the agent that `config.name` registers, for one environment's spaces."""
    return AGENTS.load(config.name)(
        config, observation_space, action_space, seed=seed, device=device
    )


__all__ = ["AGENTS", "Agent", "AgentState", "Performer", "build"]
