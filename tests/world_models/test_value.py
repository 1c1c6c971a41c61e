"""Action values and their targets."""

import pytest
import torch

from daneel.world_models import QEnsemble, cautious, one_step_target
from tests.world_models.hand_made import logits_of, make_constant, randomise, unit


def inputs(*lead: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents `[..., 6]` and actions `[..., 2]`."""
    return unit(*lead, 6), unit(*lead, 2, seed=1)


def test_targets_against_hand_numbers():
    """A termination ends the return, a truncation (alive 1) does not."""
    reward = torch.tensor([1.0, 1.0, -2.0, 0.0])
    alive = torch.tensor([1.0, 0.0, 1.0, 0.5])
    following = torch.tensor([10.0, 10.0, 3.0, 8.0])
    target = one_step_target(reward, alive, following, 0.99)
    torch.testing.assert_close(target, torch.tensor([10.9, 1.0, 0.97, 3.96]))


@pytest.mark.parametrize(
    ("caution", "expected"), [(0.0, [2.0, 4.0]), (0.5, [1.0, 4.0]), (1.0, [0.0, 4.0])]
)
def test_caution_of_two_members(caution, expected):
    """Of two members, no caution is the mean and one half is the smaller."""
    values = torch.tensor([[1.0, 4.0], [3.0, 4.0]])
    assert cautious(values, caution).tolist() == expected


def test_caution_of_three_members():
    """Of three members, the mean less a share of the range."""
    values = torch.tensor([[1.0], [2.0], [6.0]])
    assert cautious(values, 0.2).item() == pytest.approx(3 - 0.2 * 5)


def test_every_value_is_zero_at_first():
    """Every value is zero at first."""
    q = QEnsemble(6, 2, 16, members=3)
    values = q.values(*inputs(5))
    torch.testing.assert_close(values, torch.zeros(3, 5))


@pytest.mark.parametrize("members", [1, 2, 5])
def test_shapes(members):
    """Logits `[M, B, K]`, values `[M, B]`."""
    q = randomise(QEnsemble(6, 2, 16, members))
    z, action = inputs(7)
    assert q(z, action).shape == (members, 7, q.two_hot.bins)
    assert q.values(z, action).shape == (members, 7)


def test_any_leading_axes_agree():
    """Latents `[B, T, D]` give what the same rows give flat, as the legend promises."""
    q = randomise(QEnsemble(6, 2, 16, 2))
    z, action = inputs(3, 4)
    flat = q(z.reshape(12, 6), action.reshape(12, 2))
    torch.testing.assert_close(q(z, action), flat.reshape(2, 3, 4, -1))


def test_values_are_the_decoded_logits():
    """A head that always says 12.5 gives the value 12.5."""
    q = randomise(QEnsemble(6, 2, 16, 2))
    make_constant(q.net, logits_of(q.two_hot, 12.5))
    torch.testing.assert_close(q.values(*inputs(4)), torch.full((2, 4), 12.5), rtol=1e-3, atol=0)


def test_members_are_independent():
    """Changing the weights of one member changes no other's values."""
    q = randomise(QEnsemble(6, 2, 16, 3))
    z, action = inputs(5)
    before = q.values(z, action)
    with torch.no_grad():
        for parameter in q.parameters():
            parameter[1] += 0.1
    changed = (q.values(z, action) != before).any(1)
    assert changed.tolist() == [False, True, False]


def test_rows_are_independent():
    """Changing one row changes no other row's values."""
    q = randomise(QEnsemble(6, 2, 16, 2))
    z, action = inputs(5)
    before = q.values(z, action)
    z[2], action[2] = -z[2], -action[2]
    changed = (q.values(z, action) != before).any(0)
    assert changed.tolist() == [False, False, True, False, False]
