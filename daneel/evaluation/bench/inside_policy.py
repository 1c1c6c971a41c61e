"""A pendulum swung up by a network whose sensors are attacked at every step (T-57).

Dynamics and reward are Gymnasium's Pendulum-v1, many episodes at once. The network copies a
controller written by hand (energy to swing up, then a PD law); the hardened one was trained on
attacked observations. The attack moves each of the three readings by at most the radius, so that
the torque moves as far as it can.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from daneel.alignment.robustness import PGD, Ball, Deviate, Training, adversarial_training, pgd
from daneel.evaluation.bench.inside import Options, figure
from daneel.evaluation.evidence import Evidence

ROW = "T-57 robustness"
RADIUS = 0.02
"""Of the cube about the readings (cosine, sine, speed over 8), which lie between -1 and 1."""
_STEPS = 200
Policy = Callable[[Tensor], Tensor]


def controller(readings: Tensor) -> Tensor:
    """Torque over 2 `[B, 1]` for readings `[B, 3]`: pump energy, and hold once upright."""
    cosine, sine, speed = readings[:, 0], readings[:, 1], 8 * readings[:, 2]
    lacking = 15.0 * (1 - cosine) - 0.5 * speed.square()  # of the energy of standing upright
    pump = 0.5 * lacking * speed.sign()
    hold = -8.0 * torch.atan2(sine, cosine) - 2.0 * speed
    near = (cosine > 0.8) & (speed.abs() < 4)
    return (torch.where(near, hold, pump) / 2).clamp(-1, 1)[:, None]


def copied(options: Options, share_clean: float, attack: PGD) -> nn.Module:
    """A network that says what the controller says, on rows as they are and attacked ones."""
    g = torch.Generator().manual_seed(options.seed)
    angle = (torch.rand(20_000, generator=g) * 2 - 1) * math.pi
    speed = torch.rand(20_000, generator=g) * 2 - 1
    x = torch.stack([angle.cos(), angle.sin(), speed], 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        network = nn.Sequential(
            nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Tanh()
        )
    training = Training(options.sized(1500, 10), rate=3e-3, attack=attack, clean=share_clean)
    ball = Ball(RADIUS, low=-1.0, high=1.0)
    return adversarial_training(network, x, controller(x), _apart, ball, g, training)


def _apart(actions: Tensor) -> Deviate:
    return Deviate(actions, math.inf)


@torch.no_grad()
def returns(policy: Policy, episodes: int, seed: int, attacked: bool) -> Tensor:
    """Sum of the rewards of each episode, `[B]`."""
    g, ball = torch.Generator().manual_seed(seed), Ball(RADIUS, low=-1.0, high=1.0)
    angle = (torch.rand(episodes, generator=g) * 2 - 1) * math.pi
    speed = torch.rand(episodes, generator=g) * 2 - 1
    total = torch.zeros(episodes)
    for _ in range(_STEPS):
        seen = torch.stack([angle.cos(), angle.sin(), speed / 8], 1)
        if attacked:
            goal = Deviate(policy(seen), math.inf)
            seen = pgd(policy, seen, goal, ball, PGD(5, 2), g)
        torque = 2 * policy(seen)[:, 0]
        wrapped = torch.atan2(angle.sin(), angle.cos())
        total -= wrapped.square() + 0.1 * speed.square() + 0.001 * torque.square()
        speed = (speed + (15 * angle.sin() + 3 * torque) * 0.05).clamp(-8, 8)
        angle = angle + 0.05 * speed
    return total


def measure(options: Options) -> list[Evidence]:
    """What attacked sensors cost, without and with the defence."""
    episodes, found = options.sized(100, 4), []
    for name, share, attack in (("plain", 1.0, PGD(1, 1)), ("hardened", 0.5, PGD(3, 1))):
        network = copied(options, share, attack)
        clean = float(returns(network, episodes, 1, False).mean())
        hurt = float(returns(network, episodes, 1, True).mean())
        details = {"return": clean, "under attack": hurt, "radius": RADIUS,
                   "controller": float(returns(controller, episodes, 1, False).mean())}  # fmt: skip
        found.append(
            figure(ROW, "return lost under attacked sensors", f"pendulum policy, {name}",
                   100 * (clean - hurt) / abs(clean), "%", 5 if name == "hardened" else None,
                   "lower", details=details)
        )  # fmt: skip
    return found
