"""`AdversarialRobustnessSuite`: every attack on one network, beside what can be certified.

An attack gives an upper bound of the accuracy under attack, a certificate a lower bound: the report
holds both, and the certified share can never be above the empirical one. Interval bounds are loose
on wide balls; pass another certifier where there is one.

Legend: B rows, D numbers, C classes, A actions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from daneel.alignment.interval_bounds import output_bounds
from daneel.alignment.robustness.gradient import PGD, fgsm, pgd
from daneel.alignment.robustness.query import boundary, random_search
from daneel.alignment.robustness.threat import Ball, Deviate, Goal, Misclassify
from daneel.alignment.rounding import Bounds, NoBoundError
from daneel.errors import ConfigError

Certifier = Callable[[nn.Module, Tensor, Tensor], Bounds]
"""Bounds `[C]` of all outputs of a network for inputs in the box `[D]`, `[D]`."""

Attack = Callable[[nn.Module, Tensor, Goal, Ball, torch.Generator], Tensor]
"""Attacked observations `[B, ...]` inside the ball."""

ATTACKS: Mapping[str, Attack] = {
    "fgsm": lambda network, x, goal, ball, g: fgsm(network, x, goal, ball),
    "pgd": lambda network, x, goal, ball, g: pgd(network, x, goal, ball, PGD(20, 3), g),
    "momentum": lambda network, x, goal, ball, g: pgd(
        network, x, goal, ball, PGD(20, 1, momentum=1.0), g
    ),
    "margin": lambda network, x, goal, ball, g: pgd(
        network, x, goal.unsaturated(), ball, PGD(40, 3, step=0.1), g
    ),
    "random search": random_search,
    "boundary": boundary,
}
"""By the name that a report shows."""


@dataclass(frozen=True)
class RobustnessReport:
    """Shares of rows, 0 to 1."""

    clean: float
    """Right without an attack; 1 for a policy."""
    under: Mapping[str, float]
    """Still right under each attack."""
    worst: float
    """Still right under all of them."""
    certified: float | None
    """Right for every point of the ball, proved; None when it was not asked or has no bound."""
    examples: Tensor
    """`[B, ...]`: for each row a point that wins, or the row itself where none was found."""
    rows: int
    """B."""


class AdversarialRobustnessSuite:
    """Attacks a classifier or a policy, and certifies what it can.

    Args:
        network: Maps observations `[B, ...]` to logits `[B, C]` or actions `[B, A]`.
        ball: What the attacker may do.
        attacks: Names from `ATTACKS`; None is all.
        seed: Of random starts and proposals.

    Raises:
        ConfigError: an attack does not exist.
    """

    def __init__(
        self,
        network: nn.Module,
        ball: Ball,
        attacks: tuple[str, ...] | None = None,
        seed: int = 0,
    ) -> None:
        """Keeps the parts; the network is put into evaluation mode."""
        self.network, self.ball, self.seed = network.eval(), ball, seed
        self.attacks = tuple(ATTACKS) if attacks is None else attacks
        if unknown := [name for name in self.attacks if name not in ATTACKS]:
            raise ConfigError(
                f"There is no attack {unknown[0]!r}. Expected {', '.join(ATTACKS)}. Pass some of "
                "these."
            )

    def classifier(self, x: Tensor, labels: Tensor, certify: bool = False) -> RobustnessReport:
        """Attacks rows `[B, ...]` with right classes `[B]`."""
        _require_rows(x, labels)
        return self._attack(x, Misclassify(labels), self._certified(x, labels) if certify else None)

    def policy(self, x: Tensor, tolerance: float) -> RobustnessReport:
        """Attacks a policy: a row is right while its action stays within `tolerance` of its own."""
        with torch.no_grad():
            actions = self.network(x)
        _require_rows(x, actions)
        return self._attack(x, Deviate(actions, tolerance), None)

    def _attack(self, x: Tensor, goal: Goal, certified: float | None) -> RobustnessReport:
        with torch.no_grad():
            lost = goal.won(self.network(x))
        clean, under, examples = float((~lost).float().mean()), {}, x.clone()
        for name in self.attacks:
            generator = torch.Generator().manual_seed(self.seed)
            tried = ATTACKS[name](self.network, x, goal, self.ball, generator).detach()
            with torch.no_grad():
                # A row that is wrong as it is counts as lost, whatever the attack made of it.
                won = goal.won(self.network(tried)) | goal.won(self.network(x))
            under[name] = float((~won).float().mean())
            column = (won & ~lost).reshape(-1, *[1] * (x.ndim - 1))
            examples = torch.where(column, tried, examples)
            lost |= won
        return RobustnessReport(
            clean, under, float((~lost).float().mean()), certified, examples, len(x)
        )

    def _certified(self, x: Tensor, labels: Tensor) -> float | None:
        try:
            return float(certified(self.network, x, labels, self.ball).float().mean())
        except NoBoundError:
            return None


def certified(
    network: nn.Module, x: Tensor, labels: Tensor, ball: Ball, certifier: Certifier = output_bounds
) -> Tensor:
    """`[B]`: whether every point of the ball about a row is given its right class, proved.

    The margins over each wrong class are bounded as outputs of the network itself, with the last
    linear layer folded into differences: far tighter than two intervals. What float32 may round in
    the logits and in the folded weights has to fit into the margin. Euclidean balls are bounded by
    the cube around them.

    Raises:
        NoBoundError: a layer has no bound, or the network does not end in a linear layer.
    """
    cube = Ball(ball.radius, "linf", ball.low, ball.high)
    proved = []
    for row, label in zip(x, labels.tolist(), strict=True):
        low, high = (cube.project(row + side * ball.radius, row).flatten() for side in (-1, 1))
        body, last = _divided(network)
        hidden = certifier(body, low, high)
        lower, _ = certifier(nn.Sequential(*body, _folded(last, label)), low, high)
        proved.append(bool((lower > _rounding(last, *hidden)).all()))
    return torch.tensor(proved)


def _divided(network: nn.Module) -> tuple[nn.Sequential, nn.Linear]:
    layers = list(network) if isinstance(network, nn.Sequential) else []
    if not layers or type(layers[-1]) is not nn.Linear:
        raise NoBoundError(
            f"{type(network).__name__} does not end in a Linear layer of an nn.Sequential."
        )
    return nn.Sequential(*layers[:-1]), layers[-1]


@torch.no_grad()
def _folded(last: nn.Linear, label: int) -> nn.Linear:
    """Outputs logit[label] - logit[other] for every other class."""
    others = [i for i in range(last.out_features) if i != label]
    folded = nn.Linear(last.in_features, len(others))
    bias = last.bias if last.bias is not None else last.weight.new_zeros(last.out_features)
    folded.weight.copy_(last.weight[label] - last.weight[others])
    folded.bias.copy_(bias[label] - bias[others])
    return folded.eval()


@torch.no_grad()
def _rounding(last: nn.Linear, low: Tensor, high: Tensor) -> float:
    """More than two logits and a folded row can differ by rounding: n + 4 roundings of 2^-23."""
    size = torch.maximum(low.abs(), high.abs())
    total = last.weight.double().abs() @ size
    if last.bias is not None:
        total = total + last.bias.double().abs()
    return 4 * (last.in_features + 4) * 2.0**-23 * float(total.max()) + 1e-30


def _require_rows(x: Tensor, other: Tensor) -> None:
    if len(x) < 1 or len(x) != len(other) or not bool(x.isfinite().all()):
        raise ConfigError(
            f"x has shape {list(x.shape)}, its targets {list(other.shape)}. Expected as many rows, "
            "at least one, of finite numbers. Check the data."
        )
