"""Routers: hand numbers, balance, temperature, hashing."""

import math

import pytest
import torch

from daneel.backbones.moe import HashRouter, SwitchRouter, balance_loss_probs, token_drop_rate
from tests.backbones.moe.test_layer import generator, rows

# -- functions -----------------------------------------------------------------------------------


def test_balance_loss_against_hand_numbers():
    """Two experts, shares 3/4 and 1/4, mean probabilities 0.6 and 0.4: 2 (0.45 + 0.1)."""
    probs = torch.tensor([[0.9, 0.1], [0.7, 0.3], [0.6, 0.4], [0.2, 0.8]])
    loss = balance_loss_probs(probs, torch.tensor([[0], [0], [0], [1]]))
    assert float(loss) == pytest.approx(1.1)


def test_balance_loss_is_one_when_balanced_and_e_when_collapsed():
    """The ends of its range."""
    even = torch.full((8, 4), 0.25)
    assert float(balance_loss_probs(even, torch.arange(8)[:, None] % 4)) == pytest.approx(1)
    alone = torch.tensor([[1.0, 0, 0, 0]]).expand(8, 4)
    assert float(balance_loss_probs(alone, torch.zeros(8, 1, dtype=torch.int64))) == 4


def test_drop_rate_against_hand_numbers():
    """Room for 1.5 mean loads of 4: 6 of the 8 fit, and 2 of 12 are dropped."""
    assert token_drop_rate([8, 3, 1], 1.5) == pytest.approx(2 / 12)
    assert token_drop_rate([8, 3, 1]) == 0
    assert token_drop_rate([0, 0], 1.0) == 0


def test_functions_refuse_bad_input():
    """Shapes and factors out of range."""
    with pytest.raises(ValueError, match=r"\[3, 2\] and expert \[4, 1\]"):
        balance_loss_probs(torch.zeros(3, 2), torch.zeros(4, 1).long())
    with pytest.raises(ValueError, match="capacity_factor is 0"):
        token_drop_rate([1], 0)


# -- switch --------------------------------------------------------------------------------------


def test_weights_against_hand_numbers():
    """Top-1 weighs by the probability, top-2 normalises over the two; temperature divides."""
    x = torch.tensor([[1.0]])
    for top_k, temperature, expected in (
        (1, 1.0, [4 / 7]),
        (2, 1.0, [4 / 6, 2 / 6]),
        (2, 0.5, [16 / 20, 4 / 20]),
    ):
        router = SwitchRouter(1, 3, top_k, temperature=temperature)
        router.weight.data = torch.tensor([[0.0], [math.log(4)], [math.log(2)]])
        routing = router(x)
        assert routing.expert.tolist() == [[1, 2][:top_k]]
        torch.testing.assert_close(routing.weight, torch.tensor([expected]))


def test_the_bias_enters_the_choice_and_not_the_weights():
    """An expert chosen for its bias is weighed by its own logit."""
    router = SwitchRouter(1, 3, 2)
    router.weight.data = torch.tensor([[0.0], [math.log(4)], [math.log(2)]])
    router.bias[0] = 1.0
    routing = router(torch.tensor([[1.0]]))
    by_expert = dict(zip(routing.expert[0].tolist(), routing.weight[0].tolist(), strict=True))
    assert by_expert == pytest.approx({1: 4 / 5, 0: 1 / 5})


def test_losses_carry_gradients_that_balance():
    """A descent on the balance loss alone spreads a collapsed router's probabilities."""
    router = SwitchRouter(8, 4, 1, balance_weight=1.0, z_weight=0.0, generator=generator())
    x = rows(256, 8).detach().float() + 2
    optimiser = torch.optim.Adam(router.parameters(), lr=0.02)
    spreads = []
    for _ in range(150):
        router.reset_load()
        router(x)
        spreads.append(router.load_report().spread)
        loss = router.losses()["balance"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert spreads[0] > 0.5
    assert spreads[-1] < 0.5 * spreads[0]
    assert router.balance_loss_probs().item() < 1.2


def test_z_loss_against_a_hand_number():
    """Zero logits of E experts: log(E) squared."""
    router = SwitchRouter(3, 5, 2, z_weight=0.5)
    router.weight.data.zero_()
    router(torch.ones(4, 3))
    assert router.losses()["z"].item() == pytest.approx(0.5 * math.log(5) ** 2)


def test_the_bias_balances_unseen_tokens_without_a_loss():
    """Skewed scores, no gradient: after the biases settle, fresh tokens load evenly within 3 %."""
    router = SwitchRouter(16, 12, 2, bias_rate=0.05, generator=generator())
    shift = torch.randn(16, generator=generator(9))
    source = generator(10)
    for step in range(400):
        router.bias_rate = 0.1 * 0.985**step
        router(torch.randn(2048, 16, generator=source) + shift)
        router.rebalance()
    router(torch.randn(100_000, 16, generator=source) + shift)
    biased = router.load_report()
    router.reset_load()
    router.bias.zero_()
    router(torch.randn(20_000, 16, generator=source) + shift)
    assert router.load_report().spread > 0.3
    assert biased.spread < 0.03
    assert biased.max_violation < 0.06
    assert sum(biased.counts) == 200_000


def test_rebalance_by_hand_numbers():
    """Loads 6, 2, 1 around a mean of 3: steps -1, 1/3, 2/3 of the rate, which sum to zero."""
    router = SwitchRouter(2, 3, 1, bias_rate=0.3)
    router.counts.copy_(torch.tensor([6, 2, 1]))
    router.rebalance()
    torch.testing.assert_close(router.bias, torch.tensor([-0.3, 0.1, 0.2]))
    assert not router.counts.any()
    router.rebalance()
    torch.testing.assert_close(router.bias, torch.tensor([-0.3, 0.1, 0.2]))


def test_the_bias_is_saved():
    """A loaded router chooses as the saved one."""
    router, other = (SwitchRouter(4, 3, 1, generator=generator(seed)) for seed in (0, 1))
    router.bias.copy_(torch.tensor([1.0, -1.0, 0.0]))
    other.load_state_dict(router.state_dict())
    x = rows(20, 4).detach().float()
    assert torch.equal(router(x).expert, other(x).expert)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"top_k": 4}, "top_k is 4 and experts is 3"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"bias_rate": -1.0}, "bias_rate is -1"),
        ({"z_weight": math.nan}, "z_weight is nan"),
    ],
)
def test_bad_settings_are_refused(settings, match):
    """The message names the setting and its value."""
    with pytest.raises(ValueError, match=match):
        SwitchRouter(4, 3, **settings)


def test_losses_before_a_forward_are_refused():
    """There is nothing to take a loss of."""
    with pytest.raises(ValueError, match="no last routing"):
        SwitchRouter(4, 3).losses()


# -- hash ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("experts", "top_k"), [(1, 1), (7, 2), (5, 5), (24, 3)])
def test_hash_is_fixed_and_chooses_different_experts(experts, top_k):
    """The same id gives the same experts wherever it stands, K different ones."""
    router = HashRouter(experts, top_k)
    ids = torch.randint(-(2**40), 2**40, (500,), generator=generator())
    x = torch.zeros(500, 2)
    expert = router(x, ids).expert
    assert torch.equal(router(x, ids.flip(0)).expert, expert.flip(0))
    assert all(len(set(row)) == top_k for row in expert.tolist())
    assert expert.min() >= 0 and expert.max() < experts


def test_hash_spreads_many_ids_evenly_and_seeds_differ():
    """Consecutive ids load 8 experts as evenly as chance would."""
    ids, x = torch.arange(80_000), torch.zeros(80_000, 1)
    first, second = HashRouter(8), HashRouter(8, seed=1)
    same = (first(x, ids).expert == second(x, ids).expert).double().mean()
    assert first.load_report().spread < 0.02
    assert abs(float(same) - 1 / 8) < 0.01


def test_frequencies_balance_the_table():
    """Frequent ids first, each to the least loaded: 6 | 4 + 1 | 3 + 2 over three experts."""
    router = HashRouter(3, frequencies=torch.tensor([4.0, 2.0, 6.0, 1.0, 3.0]))
    expert = router(torch.zeros(5, 1), torch.arange(5)).expert.flatten().tolist()
    assert expert[0] == expert[3] and expert[1] == expert[4]
    assert len({expert[0], expert[1], expert[2]}) == 3


def test_bound_ids_serve_calls_without_ids():
    """A model that does not pass ids on gets them from `bind`, in the shape [B, T]."""
    router, ids = HashRouter(4), torch.arange(6).view(2, 3)
    router.bind(ids)
    x = torch.zeros(6, 2)
    assert torch.equal(router(x).expert, HashRouter(4)(x, ids).expert)


def test_hash_refuses_bad_ids():
    """None, of another number, floats, beyond the table."""
    x = torch.zeros(3, 2)
    with pytest.raises(ValueError, match="no token ids"):
        HashRouter(4)(x)
    with pytest.raises(ValueError, match="for 3 rows"):
        HashRouter(4)(x, torch.arange(2))
    with pytest.raises(ValueError, match="float32"):
        HashRouter(4)(x, torch.zeros(3))
    with pytest.raises(ValueError, match="ids from 0 to 2"):
        HashRouter(2, frequencies=torch.ones(2))(x, torch.arange(3))
    with pytest.raises(ValueError, match="frequencies has shape"):
        HashRouter(2, frequencies=torch.tensor([1.0, -1.0]))
