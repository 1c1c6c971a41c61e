"""Numbers as weights on two bins."""

import math

import pytest
import torch

from daneel.world_models import TwoHot, symexp, symlog
from tests.world_models.hand_made import generator

FIVE = TwoHot(bins=5, limit=2.0)  # bins at symlog -2, -1, 0, 1, 2


def spread(two_hot: TwoHot, value: torch.Tensor) -> torch.Tensor:
    """The weights `[..., K]` that a code stands for."""
    lower, weight = two_hot.encode(value)
    share = torch.zeros(*value.shape, two_hot.bins)
    share.scatter_(-1, lower.unsqueeze(-1), (1 - weight).unsqueeze(-1))
    return share.scatter_add_(-1, lower.unsqueeze(-1) + 1, weight.unsqueeze(-1))


@pytest.mark.parametrize(
    ("value", "lower", "weight"),
    [
        (0.0, 2, 0.0),
        (math.e - 1, 3, 0.0),
        (1 - math.e, 1, 0.0),
        (math.exp(0.25) - 1, 2, 0.25),
        (1 - math.exp(1.75), 0, 0.25),
        (math.exp(2) - 1, 3, 1.0),
        (1e6, 3, 1.0),
        (-1e6, 0, 0.0),
    ],
)
def test_encode_against_hand_numbers(value, lower, weight):
    """Encode against hand numbers; what lies beyond the last bin counts as the last bin."""
    got_lower, got_weight = FIVE.encode(torch.tensor(value))
    position = int(got_lower) + float(got_weight)
    assert position == pytest.approx(lower + weight, abs=1e-5)
    assert 0 <= float(got_weight) <= 1
    assert 0 <= int(got_lower) <= 3


def test_decode_against_hand_numbers():
    """Decode against hand numbers."""
    assert float(FIVE.decode(torch.zeros(5))) == pytest.approx(0, abs=1e-6)
    only = torch.tensor([-1e4, -1e4, -1e4, 0.0, -1e4])
    assert float(FIVE.decode(only)) == pytest.approx(math.e - 1, rel=1e-5)
    halves = torch.tensor([-1e4, -1e4, -1e4, 0.0, 0.0])
    assert float(FIVE.decode(halves)) == pytest.approx(math.exp(1.5) - 1, rel=1e-5)


def test_symlog_and_symexp_undo_each_other():
    """Symlog and symexp undo each other, are odd, and agree with hand numbers."""
    x = torch.tensor([-1e6, -3.0, -1e-3, 0.0, 0.5, 7.0, 1e6])
    torch.testing.assert_close(symexp(symlog(x)), x, rtol=1e-4, atol=1e-7)
    assert torch.equal(symlog(-x), -symlog(x))
    assert float(symlog(torch.tensor(math.e**2 - 1))) == pytest.approx(2)


@pytest.mark.parametrize("two_hot", [TwoHot(), TwoHot(bins=7), TwoHot(bins=2, limit=10.0)])
def test_decode_undoes_encode(two_hot):
    """Decode undoes encode over the whole range."""
    scale = torch.tensor([1e-3, 0.1, 1.0, 30.0, 1000.0, 20_000.0])
    value = torch.cat([-scale, torch.zeros(1), scale])
    logits = spread(two_hot, value).clamp(min=1e-30).log()
    torch.testing.assert_close(two_hot.decode(logits), value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("lead", [(), (4,), (3, 2)])
def test_loss_is_the_cross_entropy(lead):
    """The loss is the cross entropy of the two-hot weights."""
    two_hot = TwoHot()
    logits = 3 * torch.randn((*lead, two_hot.bins), generator=generator())
    value = 50 * torch.randn(lead, generator=generator(1))
    expected = -(spread(two_hot, value) * logits.log_softmax(-1)).sum(-1)
    torch.testing.assert_close(two_hot.loss(logits, two_hot.encode(value)), expected)


def test_one_code_serves_every_member():
    """A code `[B]` broadcasts to logits `[M, B, K]`."""
    logits = torch.randn(3, 4, FIVE.bins, generator=generator())
    code = FIVE.encode(torch.tensor([-2.0, 0.0, 0.3, 5.0]))
    each = torch.stack([FIVE.loss(member, code) for member in logits])
    assert torch.equal(FIVE.loss(logits, code), each)


@pytest.mark.parametrize("value", [1e6, -1e6])
@pytest.mark.parametrize("size", [1.0, 1e6])
def test_gradients_stay_bounded(value, size):
    """Targets of a million give gradients of at most 1 per logit, also from extreme logits."""
    two_hot = TwoHot()
    logits = (size * torch.randn(two_hot.bins, generator=generator())).requires_grad_()
    loss = two_hot.loss(logits, two_hot.encode(torch.tensor(value)))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert bool(loss.isfinite())
    assert float(gradient.abs().max()) <= 1.0 + 1e-6
    assert float(gradient.abs().max()) > 0
    assert bool(two_hot.decode(logits.detach()).isfinite())
