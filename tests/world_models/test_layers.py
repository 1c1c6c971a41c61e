"""Layers against plain torch, and bounds against samples."""

import numpy as np
import pytest
import torch
from torch import nn

from daneel.world_models import Rescale, Standardize, initialise
from daneel.world_models.layers import EnsembleLayerNorm, EnsembleLinear, ensemble_mlp, mlp
from tests.world_models.hand_made import generator, randomise

SAMPLES = 100_000
AWKWARD = {
    "thirds": (-1 / 3, 1 / 7),
    "tenths": (0.1, 0.3),
    "narrow": (16_777_216.0, 16_777_218.0),
    "subnormal": (1e-40, 3e-40),
    "one sided": (-1e-30, 1e20),
    "negative": (-7.7, -1e-9),
    "a point": (0.7, 0.7),
    "whole float32": (-3.4e38, 3.4e38),
}


# -- networks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_mlp_shapes(lead):
    """An mlp keeps leading axes."""
    assert mlp([4, 8, 8], 5)(torch.randn(*lead, 4)).shape == (*lead, 5)


def test_ensemble_linear_is_one_linear_layer_per_member():
    """Ensemble linear is one linear layer per member."""
    layer = randomise(EnsembleLinear(3, 4, 5))
    x = torch.randn(3, 7, 4, generator=generator())
    for member, y in enumerate(layer(x)):
        expected = nn.functional.linear(x[member], layer.weight[member].T, layer.bias[member, 0])
        torch.testing.assert_close(y, expected)


def test_ensemble_layer_norm_is_one_layer_norm_per_member():
    """Ensemble layer norm is one layer norm per member."""
    layer = randomise(EnsembleLayerNorm(3, 6))
    x = torch.randn(3, 7, 6, generator=generator())
    for member, y in enumerate(layer(x)):
        expected = nn.functional.layer_norm(
            x[member], (6,), layer.gain[member, 0], layer.bias[member, 0]
        )
        torch.testing.assert_close(y, expected)


def test_an_ensemble_begins_at_zero():
    """An ensemble begins at zero, and can leave it."""
    net = ensemble_mlp(2, [4, 8, 8], 5)
    x = torch.randn(2, 6, 4)
    assert not net(x).any()
    net(x).sum().backward()
    last = net[-1]
    assert isinstance(last, EnsembleLinear)
    assert last.weight.grad is not None
    assert bool(last.weight.grad.any())


def test_initialise_depends_on_its_generator_alone():
    """Initialise depends on its generator alone: not on the weights before, nor on torch's."""
    nets = [nn.Sequential(mlp([5, 8], 3), nn.Conv2d(2, 4, 3)) for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        initialise(net, generator(seed))
    first, same, other = (torch.cat([p.flatten() for p in net.parameters()]) for net in nets)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_initialise_gives_orthogonal_weights():
    """Initialise gives orthogonal weights, also per member, zero biases, and leaves zeros alone."""
    single, ensemble = mlp([8, 6], 4), ensemble_mlp(2, [8, 6], 4)
    for net in (single, ensemble):
        for layer in net:
            if isinstance(layer, nn.Linear | EnsembleLinear):
                layer.bias.data.fill_(0.3)
    initialise(single, generator())
    initialise(ensemble, generator())
    first, last = single[0], ensemble[-1]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, EnsembleLinear)
    torch.testing.assert_close(first.weight @ first.weight.T, torch.eye(6), rtol=0, atol=1e-5)
    assert not first.bias.any()
    members = ensemble[0]
    assert isinstance(members, EnsembleLinear)
    gram = members.weight.transpose(1, 2) @ members.weight
    torch.testing.assert_close(gram, torch.eye(6).expand(2, 6, 6), rtol=0, atol=1e-5)
    assert not torch.equal(members.weight[0], members.weight[1])
    assert not last.weight.any()


# -- Standardize ---------------------------------------------------------------------------------


def test_the_first_call_sets_the_statistics():
    """The first call sets mean and deviation of the data, whatever the rate."""
    layer, x = Standardize(4), _data(500, 0)
    layer.observe(x, 0.01)
    np.testing.assert_allclose(layer.mean, x.numpy().mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.deviation, x.numpy().std(0), rtol=1e-5)
    y = layer(x)
    torch.testing.assert_close(y.mean(0), torch.zeros(4), rtol=0, atol=1e-4)


def test_later_calls_mix_populations():
    """With a rate equal to its share, a later call gives the statistics of all data together."""
    layer, parts = Standardize(4), (_data(300, 0), _data(100, 1) + 5)
    layer.observe(parts[0], 1.0)
    layer.observe(parts[1], 0.25)
    together = torch.cat(parts).numpy()
    np.testing.assert_allclose(layer.mean, together.mean(0), rtol=1e-4)
    np.testing.assert_allclose(layer.deviation, together.std(0), rtol=1e-4)


def test_a_constant_input_stays_small():
    """An input that never changes is not blown up, and one far away is clamped."""
    layer = Standardize(1)
    layer.observe(torch.full((10, 1), 3.0), 1.0)
    assert layer(torch.tensor([3.0])).item() == pytest.approx(0, abs=1e-5)
    assert layer(torch.tensor([1e30])).item() == Standardize.LIMIT
    assert layer(torch.tensor([-1e30])).item() == -Standardize.LIMIT


def test_forward_changes_no_statistics():
    """The statistics change in `observe` alone, also in training mode."""
    layer = Standardize(4).train()
    layer.observe(_data(50, 0), 1.0)
    before = {key: value.clone() for key, value in layer.state_dict().items()}
    layer(_data(50, 1))
    assert all(torch.equal(before[key], value) for key, value in layer.state_dict().items())


def test_standardize_bounds_hold_and_are_attained():
    """Standardize's bounds contain 1e5 samples and are attained at the corners."""
    layer = Standardize(4)
    layer.observe(_data(200, 0), 1.0)
    low = torch.tensor([-3.0, 0.1, -1e9, 2.0], dtype=torch.float64)
    high = torch.tensor([-1.0, 0.3, 1e9, 2.0], dtype=torch.float64)
    _check_bounds(layer, low, high)


def _data(rows: int, seed: int) -> torch.Tensor:
    scale = torch.tensor([1.0, 0.1, 30.0, 2.0])
    return torch.randn(rows, 4, generator=generator(seed)) * scale + torch.tensor([1.0, -2, 9, 0.5])


# -- Rescale -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AWKWARD)
def test_rescale_never_leaves_the_box(name):
    """No float32 in [-1, 1] leaves the box, and the ends are reached up to rounding."""
    layer, low, high = _rescale(name)
    x = _between_minus_one_and_one()
    y = layer(x)
    assert bool((y >= low).all()), "below, or not a number"
    assert bool((y <= high).all()), "above, or not a number"
    ends = layer(torch.tensor([[-1.0], [1.0]]))
    torch.testing.assert_close(ends, torch.stack([low, high]), rtol=1e-6, atol=1e-44)


@pytest.mark.parametrize("name", AWKWARD)
def test_inverse_undoes_rescale(name):
    """Inverse undoes rescale where the box has room; a point gives some number in [-1, 1]."""
    layer, low, high = _rescale(name)
    back = layer.inverse(torch.stack([low, high]))
    assert bool((back.abs() <= 1).all()), "not a number"
    if name not in ("a point", "subnormal"):
        torch.testing.assert_close(back, torch.tensor([[-1.0], [1.0]]))


def test_rescale_against_hand_numbers():
    """Rescale against hand numbers, per dimension; beyond [-1, 1] it clamps."""
    layer = Rescale(torch.tensor([-2.0, 0.0]), torch.tensor([1.0, 10.0]))
    x = torch.tensor([[-1.0, 1.0], [0.0, 0.0], [1.0, -0.5], [7.0, -7.0]])
    expected = torch.tensor([[-2.0, 10.0], [-0.5, 5.0], [1.0, 2.5], [1.0, 0.0]])
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer.inverse(expected[:3]), x[:3])


@pytest.mark.parametrize("name", [name for name in AWKWARD if name != "whole float32"])
def test_rescale_bounds_hold_and_are_attained(name):
    """Rescale's bounds contain 1e5 samples and are attained at the corners."""
    layer, _, _ = _rescale(name)
    low = torch.tensor([-1 / 3], dtype=torch.float64)
    _check_bounds(layer, low, torch.tensor([0.9], dtype=torch.float64))


def _rescale(name: str) -> tuple[Rescale, torch.Tensor, torch.Tensor]:
    low, high = (torch.tensor([bound], dtype=torch.float32) for bound in AWKWARD[name])
    return Rescale(low, high), low, high


def _between_minus_one_and_one() -> torch.Tensor:
    """Uniform samples, samples of every magnitude, and the neighbours of -1, 0 and 1."""
    uniform = 2 * torch.rand(SAMPLES, generator=generator()) - 1
    tiny = uniform * 10 ** (-45 * torch.rand(SAMPLES, generator=generator(1)))
    special = torch.tensor([-1.0, -0.0, 0.0, 1e-45, -1e-45, 1.0])
    inside = torch.nextafter(torch.tensor([-1.0, 1.0]), torch.zeros(2))
    return torch.cat([uniform, tiny, special, inside]).unsqueeze(1)


def _check_bounds(layer: Standardize | Rescale, low: torch.Tensor, high: torch.Tensor) -> None:
    """Every float32 between float64 corners maps into the bounds, which are reached."""
    down, up = layer.bounds(low, high)
    share = torch.rand(SAMPLES, len(low), generator=generator(), dtype=torch.float64)
    x = (low + share * (high - low)).to(torch.float32)
    y = layer(x).to(torch.float64)
    assert bool((y >= down).all())
    assert bool((y <= up).all())
    corners = layer(torch.stack([low, high]).to(torch.float32)).to(torch.float64)
    torch.testing.assert_close(torch.stack([down, up]), corners, rtol=1e-5, atol=1e-5)
