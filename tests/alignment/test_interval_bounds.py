"""Interval bounds against samples, adversarial inputs and hand numbers."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from daneel.alignment import Bounds, NoBoundError, output_bounds, register_bound

ACTIVATIONS = [
    nn.ReLU,
    nn.SiLU,
    nn.ELU,
    nn.GELU,
    lambda: nn.GELU(approximate="tanh"),
    nn.Mish,
    nn.Tanh,
    nn.Sigmoid,
    nn.Softplus,
    nn.LeakyReLU,
    nn.Hardtanh,
    nn.ReLU6,
    nn.Identity,
]
NORMS = [lambda size: nn.LayerNorm(size), lambda size: nn.RMSNorm(size), lambda _: nn.Identity()]


def box(values: list[float], width: float) -> tuple[Tensor, Tensor]:
    """A float32 box of this half-width about `values`."""
    centre = torch.tensor(values)
    return centre - width, centre + width


def samples(low: Tensor, high: Tensor, count: int, seed: int = 0) -> Tensor:
    """Half random points, half random corners, float32 and inside the box."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(count // 2, len(low), generator=generator)
    corners = torch.rand(count - count // 2, len(low), generator=generator) < 0.5
    points = torch.cat([low + (high - low) * share, torch.where(corners, high, low)])
    return torch.minimum(torch.maximum(points, low), high)


def assert_inside(network: nn.Module, low: Tensor, high: Tensor, x: Tensor) -> None:
    """Every output lies within the bounds."""
    lower, upper = output_bounds(network, low, high)
    with torch.no_grad():
        y = network(x).double()
    assert bool((y >= lower).all()), f"{float((lower - y).max())} under the bounds"
    assert bool((y <= upper).all()), f"{float((y - upper).max())} over the bounds"


def random_network(sizes: list[int], kinds: list[tuple[int, int]], seed: int, scale: float):
    """Linear, norm, activation blocks with random affine norms, then a last Linear."""
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for (fan_in, fan_out), (norm, activation) in zip(itertools.pairwise(sizes), kinds, strict=True):
        layers += [nn.Linear(fan_in, fan_out), NORMS[norm](fan_out), ACTIVATIONS[activation]()]
    layers.append(nn.Linear(sizes[-1], 3))
    network = nn.Sequential(*layers)
    with torch.no_grad():
        for parameter in network.parameters():
            spread = scale / max(parameter.shape[-1], 1) ** 0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
    return network


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([0.1, 1.0, 5.0]),
    width=st.sampled_from([0.0, 1e-4, 0.1, 3.0]),
    centre=st.sampled_from([0.0, 1.0, 300.0]),
    data=st.data(),
)
def test_random_networks_stay_inside(sizes, seed, scale, width, centre, data) -> None:
    """Random networks stay inside."""
    pair = st.tuples(st.integers(0, len(NORMS) - 1), st.integers(0, len(ACTIVATIONS) - 1))
    kinds = data.draw(st.lists(pair, min_size=len(sizes) - 1, max_size=len(sizes) - 1))
    network = random_network(sizes, kinds, seed, scale)
    values = torch.randn(sizes[0], generator=torch.Generator().manual_seed(seed)) + centre
    low, high = box(values.tolist(), width)
    assert_inside(network, low, high, samples(low, high, 500, seed))


@pytest.mark.parametrize("norm", range(len(NORMS)))
@pytest.mark.parametrize("seed", range(4))
def test_a_hundred_thousand_samples_stay_inside(norm: int, seed: int) -> None:
    """A hundred thousand samples stay inside."""
    network = random_network([8, 32, 32], [(norm, seed), (norm, 5)], seed, 1.0)
    low, high = box([0.3] * 8, 0.05)
    assert_inside(network, low, high, samples(low, high, 100_000, seed))


@pytest.mark.parametrize("index", range(len(ACTIVATIONS)))
@pytest.mark.parametrize("at", [-120.0, -8.0, -1.2, -0.7, 0.0, 0.3, 9.0, 5000.0])
def test_every_activation_on_points_and_intervals(index: int, at: float) -> None:
    """Every activation on points and intervals."""
    layer = ACTIVATIONS[index]()
    for width in (0.0, 1e-6, 0.2, 4.0):
        low, high = box([at], width)
        x = torch.linspace(float(low), float(high), 2001)[:, None].clamp(low, high)
        assert_inside(layer, low, high, x)
        lower, upper = output_bounds(layer, low, high)
        seen = layer(x).double()
        assert float(upper - lower) <= float(seen.max() - seen.min()) + 1e-4 * (1 + abs(at))


@pytest.mark.parametrize(
    ("layer", "at", "least"),
    [
        (nn.SiLU(), -1.2784645427610738, -0.2784645427610738),
        (nn.Mish(), -1.1924312145154952, -0.3088434130172504),
        (nn.GELU(), -0.7517915246935645, -0.1699712074799037),
        (nn.GELU(approximate="tanh"), -0.7524614220710162, -0.1700407505712541),
    ],
)
def test_minimum_inside_the_interval_is_found(layer: nn.Module, at: float, least: float) -> None:
    """Roots of the derivative to 40 digits by mpmath.

    Both ends are above the minimum between them.
    """
    low, high = torch.tensor([at - 0.5]), torch.tensor([at + 0.4])
    lower, _ = output_bounds(layer, low, high)
    assert float(lower) <= least
    assert float(lower) == pytest.approx(least, abs=1e-5)
    outside, _ = output_bounds(layer, torch.tensor([at + 0.5]), torch.tensor([at + 1.0]))
    assert float(outside) > least + 0.01  # and it is not claimed where it is not


def test_linear_against_hand_numbers() -> None:
    """Linear against hand numbers."""
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[2.0, -3.0]]))
        layer.bias.fill_(0.5)
    lower, upper = output_bounds(layer, torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 2.0]))
    assert (float(lower), float(upper)) == pytest.approx((-7.5, 2.5), abs=1e-5)
    assert float(lower) < -7.5 and float(upper) > 2.5  # outward, never inward


def test_cancellation_is_covered() -> None:
    """1e8 - 1e8 + x: float32 loses x altogether, and may return anything of the order of 8."""
    layer = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    low, high = torch.tensor([1e8, 3.0, -1e8]), torch.tensor([1e8, 3.0, -1e8])
    lower, upper = output_bounds(layer, low, high)
    orders = torch.tensor([[1e8, 3.0, -1e8]])
    computed = [float((orders[0, a] + orders[0, b]) + orders[0, c]) for a, b, c in
                ((0, 1, 2), (0, 2, 1), (1, 2, 0))]  # fmt: skip
    assert min(computed) != max(computed)
    assert float(lower) <= min(computed) and max(computed) <= float(upper)


def test_change_of_units_after_tanh_has_no_margin() -> None:
    """One product and one sum per row round monotonely: 3 * tanh <= 3 exactly."""
    units = nn.Linear(2, 2)
    with torch.no_grad():
        units.weight.copy_(torch.diag(torch.tensor([3.0, -0.5])))
        units.bias.copy_(torch.tensor([0.0, 0.25]))
    network = nn.Sequential(nn.Tanh(), units)
    lower, upper = output_bounds(network, torch.full((2,), -50.0), torch.full((2,), 50.0))
    assert lower.tolist() == [-3.0, -0.25]
    assert upper.tolist() == [3.0, 0.75]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    weight=st.floats(-1e3, 1e3, width=32),
    bias=st.floats(-1e6, 1e6, width=32),
    x=st.floats(-1e4, 1e4, width=32),
)
def test_single_products_are_the_kernels_own(weight: float, bias: float, x: float) -> None:
    """Single products are the kernels own."""
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[weight, 0.0]]))
        layer.bias.fill_(bias)
        given = torch.tensor([[x, 7.0]])
        lower, upper = output_bounds(layer, given[0], given[0])
        w, b, at = np.float32(weight), np.float32(bias), np.float32(x)
        plain = float(np.float32(w * at) + b)
        for computed in (float(layer(given)), plain):
            assert float(lower) <= computed <= float(upper)


def test_hardtanh_clamps_to_the_float32_next_to_its_limits() -> None:
    """Hardtanh clamps to the float32 next to its limits."""
    layer = nn.Hardtanh(-0.1, 0.1)  # float32(0.1) is above 0.1
    lower, upper = output_bounds(layer, torch.tensor([-9.0]), torch.tensor([9.0]))
    assert float(upper) == float(np.float32(0.1)) > 0.1
    assert float(lower) == -float(np.float32(0.1))
    assert float(layer(torch.tensor([9.0])).double()) == float(upper)


class Twice(nn.Module):
    """A project layer that knows its bounds."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, D]` to `[B, A]`."""
        return 2 * x

    def bounds(self, low: Tensor, high: Tensor) -> Bounds:
        """See `BoundedLayer`."""
        return 2 * low, 2 * high


class Thrice(Twice):
    """Changes what is computed and inherits bounds that no longer hold."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, D]` to `[B, A]`."""
        return 3 * x


class Honest(Thrice):
    """Says anew what it is bounded by."""

    def bounds(self, low: Tensor, high: Tensor) -> Bounds:
        """See `BoundedLayer`."""
        return 3 * low, 3 * high


class Leaky(nn.Linear):
    """A Linear that is none."""

    def forward(self, input: Tensor) -> Tensor:
        """`[B, D]` to `[B, A]`."""
        return super().forward(input) + 100


def test_a_project_layer_brings_its_bounds() -> None:
    """A project layer brings its bounds."""
    low, high = torch.tensor([-1.0]), torch.tensor([2.0])
    assert output_bounds(nn.Sequential(Twice(), Honest()), low, high)[1].tolist() == [12.0]


@pytest.mark.parametrize(
    "layer",
    [Thrice(), Leaky(1, 1), nn.GRUCell(1, 1), nn.Softplus(beta=2.0), nn.LeakyReLU(-1.0)],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_that_cannot_be_bounded_is_named(layer: nn.Module) -> None:
    """A layer that cannot be bounded is named."""
    with pytest.raises(NoBoundError, match=type(layer).__name__):
        output_bounds(nn.Sequential(layer), torch.zeros(1), torch.ones(1))


def test_hooks_and_replaced_forwards_are_refused() -> None:
    """Hooks and replaced forwards are refused."""
    low, high = torch.zeros(2), torch.ones(2)
    hooked, replaced = nn.Linear(2, 2), nn.Linear(2, 2)
    output_bounds(hooked, low, high)
    hooked.register_forward_hook(lambda module, given, y: -y)
    vars(replaced)["forward"] = lambda x: x + 100
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    for layer in (hooked, replaced, normed):
        with pytest.raises(NoBoundError):
            output_bounds(nn.Sequential(layer), low, high)


def test_overflow_is_refused_even_inside_a_sum() -> None:
    """Overflow is refused even inside a sum."""
    layer = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3e38, -3e38]]))
    x = torch.tensor([1.2, 1.2])  # the result is 0, a partial sum is infinite
    with pytest.raises(NoBoundError, match="overflow"):
        output_bounds(layer, x, x)
    # On some processors torch's GELU computes 2 x inside, which overflows; on others it does not.
    with pytest.raises(NoBoundError, match="overflow"):
        output_bounds(nn.GELU(), torch.tensor([2e38]), torch.tensor([2e38]))


def test_weights_that_are_not_finite_or_not_float32_are_refused() -> None:
    """Weights that are not finite or not float32 are refused."""
    broken = nn.Linear(1, 1)
    with torch.no_grad():
        broken.weight.fill_(torch.nan)
    for layer, reason in ((broken, "not finite"), (nn.Linear(1, 1).double(), "float64")):
        with pytest.raises(NoBoundError, match=reason):
            output_bounds(layer, torch.zeros(1), torch.ones(1))


@pytest.mark.parametrize(
    ("low", "high"), [([1.0], [0.0]), ([torch.nan], [1.0]), ([0.0], [torch.inf]), ([0.0], [1.0, 2])]
)
def test_a_box_that_is_none_is_refused(low: list[float], high: list[float]) -> None:
    """A box that is none is refused."""
    with pytest.raises(NoBoundError, match="The box"):
        output_bounds(nn.Identity(), torch.tensor(low), torch.tensor(high))


def test_a_type_has_one_bound() -> None:
    """A type has one bound."""
    with pytest.raises(ValueError, match="already has a bound"):
        register_bound(nn.Tanh)(lambda layer, low, high: (low, high))


def test_the_network_is_not_touched() -> None:
    """The network is not touched."""
    network = random_network([3, 8], [(0, 1)], 0, 1.0)
    before = copy.deepcopy(network.state_dict())
    output_bounds(network, torch.zeros(3), torch.ones(3))
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
