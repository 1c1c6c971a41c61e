"""Attacks against hand numbers, a plain reference and certificates; the text attack's budget."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daneel.alignment.robustness import (
    ATTACKS,
    PGD,
    AdversarialRobustnessSuite,
    Ball,
    Deviate,
    Misclassify,
    Smoothed,
    TextBudget,
    Training,
    adversarial_training,
    attack_text,
    certified,
    fgsm,
    pgd,
)
from daneel.errors import ConfigError


def classifier(seed: int = 0) -> tuple[nn.Sequential, Tensor, Tensor]:
    """A small trained network, and test rows of three noisy classes."""
    g = torch.Generator().manual_seed(seed)
    centres = torch.rand(3, 8, generator=torch.Generator().manual_seed(7))
    labels = torch.randint(3, (600,), generator=g)
    x = (centres[labels] + 0.12 * torch.randn(600, 8, generator=g)).clamp(0, 1)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 3))
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(80):
        optimiser.zero_grad()
        F.cross_entropy(net(x[:500]), labels[:500]).backward()
        optimiser.step()
    return net, x[500:], labels[500:]


def test_fgsm_of_a_linear_network_is_the_exact_worst_case() -> None:
    """Fgsm of a linear network is the exact worst case."""
    net = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, -1.0], [0.0, 0.0]]))
    x, labels = torch.tensor([[0.5, 0.2]]), torch.tensor([0])
    found = fgsm(net, x, Misclassify(labels), Ball(0.1, low=0, high=1))
    assert found[0].tolist() == pytest.approx([0.4, 0.3])


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_stays_inside_ball_and_range(attack: str, norm) -> None:
    """Every attack stays inside ball and range."""
    net, x, labels = classifier()
    ball = Ball(0.2, norm, 0.0, 1.0)
    g = torch.Generator().manual_seed(0)
    found = ATTACKS[attack](net, x[:20], Misclassify(labels[:20]), ball, g)
    change = (found - x[:20]).flatten(1)
    size = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
    assert float(size.max()) <= 0.2 + 1e-6
    assert float(found.min()) >= 0 and float(found.max()) <= 1


def reference_pgd(net: nn.Module, x: Tensor, labels: Tensor, radius: float, steps: int) -> Tensor:
    """Madry et al.'s loop as the paper has it: random start, last step."""
    g = torch.Generator().manual_seed(3)
    z = x + (torch.rand(x.shape, generator=g) * 2 - 1) * radius
    for _ in range(steps):
        z = z.detach().clamp(0, 1).requires_grad_(True)
        (slope,) = torch.autograd.grad(F.cross_entropy(net(z), labels), z)
        z = x + (z + radius / 8 * slope.sign() - x).clamp(-radius, radius)
    return z.detach().clamp(0, 1)


def test_own_pgd_is_not_weaker_than_the_plain_loop() -> None:
    """Own pgd is not weaker than the plain loop."""
    net, x, labels = classifier()
    g = torch.Generator().manual_seed(0)
    for radius in (0.05, 0.1, 0.15):
        plain = net(reference_pgd(net, x, labels, radius, 20)).argmax(1) == labels
        ball = Ball(radius, low=0, high=1)
        own = net(pgd(net, x, Misclassify(labels), ball, PGD(20, 2), g)).argmax(1) == labels
        assert float(own.float().mean()) <= float(plain.float().mean()) + 0.01


def test_certified_is_never_above_any_attack() -> None:
    """Certified is never above any attack."""
    net, x, labels = classifier()
    for radius in (0.0, 0.01, 0.03, 0.1):
        ball = Ball(radius, low=0, high=1)
        report = AdversarialRobustnessSuite(net, ball).classifier(x, labels, certify=True)
        proved = certified(net, x, labels, ball)
        broken = net(report.examples).argmax(1) != labels
        assert not bool((proved & broken).any())
        assert report.certified is not None and report.certified <= report.worst <= report.clean
        assert report.worst <= min(report.under.values())
    assert report.worst < report.clean  # the attacks do find something


def test_a_network_without_bounds_is_attacked_but_not_certified() -> None:
    """A network without bounds is attacked but not certified."""
    net = nn.Sequential(nn.Linear(8, 3), nn.Softmax(-1))
    x, labels = torch.rand(4, 8), torch.tensor([0, 1, 2, 0])
    report = AdversarialRobustnessSuite(net, Ball(0.1), ("fgsm",)).classifier(x, labels, True)
    assert report.certified is None


def test_a_policy_is_moved_where_it_can_be_and_nan_counts_as_won() -> None:
    """A policy is moved where it can be and nan counts as won."""
    steep = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        steep.weight.fill_(10.0)
    x = torch.linspace(-1, 1, 8)[:, None]
    suite = AdversarialRobustnessSuite(steep, Ball(0.1))
    assert suite.policy(x, tolerance=0.5).worst == 0  # moves by 1
    assert suite.policy(x, tolerance=1.5).worst == 1
    assert bool(Deviate(torch.zeros(1, 1), 1.0).won(torch.full((1, 1), torch.nan)).all())


def test_adversarial_training_hardens() -> None:
    """Adversarial training hardens."""
    net, x, labels = classifier()
    ball, g = Ball(0.08, low=0, high=1), torch.Generator().manual_seed(0)
    attacks = ("fgsm", "pgd")
    before = AdversarialRobustnessSuite(net, ball, attacks).classifier(x, labels)
    adversarial_training(net, x, labels, Misclassify, ball, g, Training(steps=60, batch=64))
    after = AdversarialRobustnessSuite(net, ball, attacks).classifier(x, labels)
    assert after.worst > before.worst
    smooth = Smoothed(net, 0.02)
    assert torch.equal(smooth(x), smooth(x))
    torch.testing.assert_close(Smoothed(net, 0.0)(x), net(x))


def test_the_text_attack_keeps_its_budget_and_never_helps_the_defender() -> None:
    """The text attack keeps its budget and never helps the defender."""
    asked = []

    def scorer(texts):
        asked.extend(texts)
        return [0.9 if "bomb" in text else 0.4 if "wire" in text else 0.1 for text in texts]

    found = attack_text(scorer, "please build a bomb with wire", TextBudget(words=1))
    assert found.before == 0.9 and found.after < 0.5 and found.queries == len(asked)
    assert len(found.changed) == 1 and found.changed[0].startswith("bomb -> ")
    asked.clear()
    few = attack_text(scorer, "please build a bomb with wire " * 50, TextBudget(queries=10))
    assert few.queries == len(asked) <= 10 and few.after <= few.before
    named = attack_text(
        scorer, "a bomb", TextBudget(characters=False, substitutes={"bomb": ["device"]})
    )
    assert named.attacked == "a device"
    assert attack_text(scorer, "").attacked == ""


def test_bad_input_is_refused() -> None:
    """Bad input is refused."""
    net = nn.Linear(2, 2)
    with pytest.raises(ConfigError, match="radius is -1"):
        Ball(-1)
    with pytest.raises(ConfigError, match="no attack 'gauss'"):
        AdversarialRobustnessSuite(net, Ball(0.1), ("gauss",))
    with pytest.raises(ConfigError, match="finite numbers"):
        AdversarialRobustnessSuite(net, Ball(0.1)).classifier(
            torch.full((1, 2), torch.nan), torch.tensor([0])
        )
    with pytest.raises(ConfigError, match="no generator"):
        pgd(net, torch.zeros(1, 2), Misclassify(torch.tensor([0])), Ball(0.1), PGD(restarts=2))


def test_the_margin_keeps_its_slope_where_cross_entropy_has_none() -> None:
    """A network that is sure of itself is attacked by its margin, not by its cross-entropy."""
    linear = nn.Linear(2, 2, bias=False)
    net = nn.Sequential(linear)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[4000.0, 0.0], [0.0, 4000.0]]))
    x, goal = torch.tensor([[0.6, 0.5]]), Misclassify(torch.tensor([0]))
    ball, g = Ball(0.1), torch.Generator().manual_seed(0)
    stuck = pgd(net, x, goal, ball, PGD(10, 1), g)
    found = ATTACKS["margin"](net, x, goal, ball, g)
    assert not bool(goal.won(net(stuck))) and bool(goal.won(net(found)))
