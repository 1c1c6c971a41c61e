"""Attacks beside certificates and beside a peer's, and what a defence costs (T-57)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from daneel.alignment.robustness import (
    PGD,
    AdversarialRobustnessSuite,
    Ball,
    Deviate,
    Misclassify,
    Training,
    adversarial_training,
    pgd,
)
from daneel.evaluation.bench.inside import Options, figure
from daneel.evaluation.evidence import Evidence

ROW = "T-57 robustness"
RADIUS = 0.06
"""Of the cube about each observation, whose numbers lie between 0 and 1."""
SIDE = 6


def data(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy pictures `[B, 3, 6, 6]` of four patterns, and their classes; patterns are fixed."""
    patterns = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (rows,), generator=g)
    noise = torch.randn(rows, 3, SIDE, SIDE, generator=g)
    return (0.5 + 0.35 * (patterns[labels] - 0.5) + 0.15 * noise).clamp(0, 1), labels


def network(outputs: int = 4) -> nn.Sequential:
    """A classifier of three layers."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
        nn.Linear(64, outputs),
    )  # fmt: skip


def measure(options: Options) -> list[Evidence]:
    """A plain and a hardened classifier, and a policy."""
    ball = Ball(RADIUS, low=0.0, high=1.0)
    train, test = data(4000, options.seed + 1), data(options.sized(500, 40), options.seed + 2)
    steps = options.sized(400, 20)
    models = {}
    for name, clean in (("plain", 1.0), ("hardened", 0.5)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            model = network()
        attack = PGD(5 if name == "hardened" else 1, 1)
        g = torch.Generator().manual_seed(options.seed)
        models[name] = adversarial_training(
            model, *train, Misclassify, ball, g, Training(steps, attack=attack, clean=clean)
        )
    reports = {
        name: AdversarialRobustnessSuite(model, ball).classifier(*test, certify=True)
        for name, model in models.items()
    }
    found = []
    for name, report in reports.items():
        found += [
            figure(ROW, "clean accuracy", name, 100 * report.clean, "%"),
            figure(ROW, "accuracy under all attacks", name, 100 * report.worst, "%",
                   details={**report.under}),
            figure(ROW, "certified above empirical accuracy", name,
                   100 * max((report.certified or 0.0) - report.worst, 0.0), "points", 0, "lower",
                   details={"certified": report.certified, "radius": RADIUS}),
        ]  # fmt: skip
    hardened = reports["hardened"]
    found.append(figure(ROW, "drop under attack, with the defence", "hardened",
                        100 * (hardened.clean - hardened.worst), "points", 5, "lower"))  # fmt: skip
    return [*found, _peer(models["plain"], ball, *test), *_policy(options)]


def _peer(model: nn.Module, ball: Ball, x: Tensor, labels: Tensor) -> Evidence:
    """Accuracy under our PGD minus accuracy under torchattacks', same steps and restarts."""
    measure = "accuracy under own PGD minus under torchattacks' PGD"
    if find_spec("torchattacks") is None:
        return figure(ROW, measure, "plain", None, "points", 1, "lower")
    g = torch.Generator().manual_seed(0)
    with torch.enable_grad():
        theirs: Callable[[Tensor, Tensor], Tensor] = import_module("torchattacks").PGD(
            model, eps=ball.radius, alpha=ball.radius / 8, steps=20, random_start=True
        )
        right = torch.ones(len(x), dtype=torch.bool)
        for _ in range(2):
            right &= model(theirs(x, labels)).argmax(1) == labels
    own = pgd(model, x, Misclassify(labels), ball, PGD(20, 2), g)
    ours = float((model(own).argmax(1) == labels).float().mean())
    return figure(ROW, measure, "plain", 100 * (ours - float(right.float().mean())), "points", 1,
                  "lower",
                  details={"ours": ours, "theirs": float(right.float().mean())})  # fmt: skip


def _policy(options: Options) -> list[Evidence]:
    """A pendulum policy by hand, copied by a network, attacked by its sensors, then hardened."""
    g = torch.Generator().manual_seed(options.seed)
    x = torch.rand(4000, 3, generator=g) * 2 - 1
    wanted = (-1.5 * x[:, 1:2] - 0.5 * x[:, 2:]).tanh()
    ball, kept = Ball(0.02, low=-1.0, high=1.0), []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        policy = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 1), nn.Tanh())
    training = Training(options.sized(400, 20), rate=5e-3)
    adversarial_training(
        policy, x, wanted, lambda actions: Deviate(actions, 0.1), ball, g, training
    )
    report = AdversarialRobustnessSuite(policy, ball).policy(x[: options.sized(500, 40)], 0.1)
    kept.append(figure(ROW, "actions moved by over 0.1, sensors off by 0.02", "policy, hardened",
                       100 * (1 - report.worst), "%", 5, "lower",
                       details={**report.under}))  # fmt: skip
    return kept
