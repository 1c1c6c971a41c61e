"""Attacks beside certificates and beside a peer's, and what a defence costs (T-57)."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from daneel.alignment.robustness import (
    PGD,
    AdversarialRobustnessSuite,
    Ball,
    Misclassify,
    Training,
    adversarial_training,
    pgd,
)
from daneel.evaluation.bench import inside_policy
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
    """A plain and a hardened classifier beside a peer's attacks, and a policy."""
    ball = Ball(RADIUS, low=0.0, high=1.0)
    train, test = (
        data(options.sized(40_000, 400), options.seed + 1),
        data(options.sized(500, 40), options.seed + 2),
    )
    steps = options.sized(2500, 20)
    models = {}
    for name, clean in (("plain", 1.0), ("hardened", 0.5)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            model = network()
        attack = PGD(5 if name == "hardened" else 1, 1)
        g = torch.Generator().manual_seed(options.seed)
        models[name] = adversarial_training(
            model,
            *train,
            Misclassify,
            ball,
            g,
            Training(steps, rate=1e-3, attack=attack, clean=clean),
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
    for name, model in models.items():
        found += _peer(name, model, ball, *test, reports[name].worst)
    return [*found, *inside_policy.measure(options)]


def _peer(
    name: str, model: nn.Module, ball: Ball, x: Tensor, labels: Tensor, worst: float
) -> list[Evidence]:
    """Accuracy under our attacks minus accuracy under torchattacks', in the same process."""
    one = "accuracy under own PGD minus under torchattacks' PGD"
    all_ = "accuracy under all own attacks minus under all of torchattacks'"
    if find_spec("torchattacks") is None:
        return [figure(ROW, measure, name, None, "points", 1, "lower") for measure in (one, all_)]
    kinds, eps = import_module("torchattacks"), ball.radius
    theirs = {
        "FGSM": kinds.FGSM(model, eps=eps),
        "PGD": kinds.PGD(model, eps=eps, alpha=eps / 8, steps=20, random_start=True),
        "PGD again": kinds.PGD(model, eps=eps, alpha=eps / 8, steps=20, random_start=True),
        "MIFGSM": kinds.MIFGSM(model, eps=eps, alpha=eps / 8, steps=20),
        "APGD": kinds.APGD(model, norm="Linf", eps=eps, steps=20, n_restarts=1),
        "Square": kinds.Square(model, norm="Linf", eps=eps, n_queries=200),
    }
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        right = {kind: model(make(x, labels)).argmax(1) == labels for kind, make in theirs.items()}
    twice = float((right["PGD"] & right["PGD again"]).float().mean())
    both = float(torch.stack(list(right.values())).all(0).float().mean())
    g = torch.Generator().manual_seed(0)
    own = pgd(model, x, Misclassify(labels), ball, PGD(20, 2), g)
    ours = float((model(own).argmax(1) == labels).float().mean())
    under = {kind: float(kept.float().mean()) for kind, kept in right.items()}
    return [
        figure(ROW, one, name, 100 * (ours - twice), "points", 1, "lower",
               details={"ours": ours, "theirs, two starts": twice}),
        figure(ROW, all_, name, 100 * (worst - both), "points", 1, "lower",
               details={"ours": worst, "theirs": both, "theirs by attack": under}),
    ]  # fmt: skip
