"""Weights from 1e-30 to 1e30, subnormal values and single points: no bound may be crossed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification import (
    Budget,
    Case,
    Polyhedron,
    Property,
    from_torch,
    output_bounds,
    verify,
)
from daneel.alignment.verification.bounds import Method
from daneel.alignment.verification.functions import (
    SIGMOID,
    SOFTPLUS,
    TANH,
    Function,
    band,
    lines,
)
from daneel.alignment.verification.intervals import Interval
from daneel.alignment.verification.search import cut_box

KINDS = (nn.ReLU, nn.LeakyReLU, nn.Tanh)


def network(seed: int, powers: Sequence[float], kind: type[nn.Module]) -> nn.Sequential:
    """Layers of width 3 whose weights are about ten to these powers."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [2, *[3] * (len(powers) - 1), 1]
    layers: list[nn.Module] = []
    for k, power in enumerate(powers):
        layer = nn.Linear(sizes[k], sizes[k + 1])
        with torch.no_grad():
            scale = 10.0**power
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * scale)
            layer.bias.zero_()
        layers += [layer, kind()]
    return nn.Sequential(*layers[:-1])


@st.composite
def cases(draw: st.DrawFn) -> tuple[nn.Sequential, Tensor, Tensor]:
    """A network, and a box that may be a point or subnormal."""
    powers = draw(st.lists(st.floats(-30, 30), min_size=2, max_size=4))
    module = network(draw(st.integers(0, 10**6)), powers, draw(st.sampled_from(KINDS)))
    scale = 10.0 ** draw(st.sampled_from([-42, -30, -3, 0, 5, 20]))
    half = scale * torch.tensor(draw(st.sampled_from([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])))
    centre = scale * draw(st.sampled_from([0.0, 0.7, -3.0])) * torch.ones(2)
    return module, centre - half, centre + half


@settings(max_examples=60, deadline=None)
@given(cases(), st.sampled_from(["ibp", "zonotope", "crown"]), st.booleans())
def test_no_point_leaves_the_bounds(
    case: tuple[nn.Sequential, Tensor, Tensor], method: Method, coarse: bool
) -> None:
    """In float64 and deployed, whichever engine bounded them; where none is known, none is said."""
    module, low, high = case
    share = torch.linspace(0, 1, 9)
    x = torch.cartesian_prod(share, share)
    points = (low + x * (high - low)).clamp(low, high)
    try:
        found = output_bounds(module, low, high, method, torch.float32 if coarse else torch.float64)
    except NoBoundError:
        return
    with torch.no_grad():
        exact, deployed = from_torch(module, 2)(points.double()), module(points).double()
    for values in (exact, deployed):
        assert bool((values >= found[0].double()).all())
        assert bool((values <= found[1].double()).all())


@pytest.mark.parametrize("function", [TANH, SIGMOID, SOFTPLUS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("half", [1.0, 1e3, 1e9, 1e20, 1e30])
def test_lines_of_flat_slopes_are_kept_between_the_ends(
    function: Function, dtype: torch.dtype, half: float
) -> None:
    """A chord over a wide interval is flatter than 1 is round: its extremes are near the middle."""
    low = torch.tensor([-half, -half, -half / 3], dtype=dtype)
    high = torch.tensor([half, half / 7, half], dtype=dtype)
    x = torch.cat([torch.linspace(-60, 60, 481), torch.linspace(-1, 1, 81) * half]).to(dtype)
    x = x[:, None].clamp(low, high)
    slope, centre, radius = band(function, low, high)
    assert bool(((function.value(x) - slope * x - centre).abs() <= radius).all())
    below, least, above, most = lines(function, low, high)
    assert bool((function.value(x) >= below * x + least).all())
    assert bool((function.value(x) <= above * x + most).all())


CHAINS = [(30, -30, -30), (-30, 30, 30), (-20, 30, 30, -38), (-35, 38, 38, -38), (0, -30, -12)]


@pytest.mark.parametrize("powers", CHAINS)
@pytest.mark.parametrize("seed", [1, 6])
def test_coefficients_out_of_range_prove_nothing_false(powers: tuple[int, ...], seed: int) -> None:
    """The value is in range, the product of the weights behind it is not."""
    module = network(seed, [power - 0.5 for power in powers], nn.ReLU)
    graph = from_torch(module, 2)
    ones = torch.ones(2, dtype=torch.float64)
    x = torch.cartesian_prod(*[torch.linspace(-1, 1, 41, dtype=torch.float64)] * 2)
    y = graph(x)
    inside = (float(y.min()) + float(y.max())) / 2
    row = torch.ones(1, 1, dtype=torch.float64)
    part = Polyhedron(row, torch.tensor([inside], dtype=torch.float64))
    budget = Budget(seconds=1, boxes=500, samples=1, steps=1)
    found = verify(graph, Property((Case(-ones, ones, (part,)),)), budget)
    assert found.verdict != "holds"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_many_inputs_with_huge_weights(seed: int) -> None:
    """Values near the end of float32 are values: splitting ReLUs must not cut them off."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        first, last = nn.Linear(30, 4, bias=False), nn.Linear(4, 1, bias=False)
    for layer, scale in ((first, 1e34), (last, 1e-34)):
        layer.weight.data = torch.randn(layer.weight.shape, generator=generator) * scale
    network = nn.Sequential(first, nn.ReLU(), last)
    graph, ones = from_torch(network, 30), torch.ones(30, dtype=torch.float64)
    x = 2 * torch.rand(4000, 30, generator=generator, dtype=torch.float64) - 1
    y = graph(x.sign())
    row = torch.ones(1, 1, dtype=torch.float64)
    for limit, allowed in ((float(y.min()) + 1, ("violated", "unknown")), (-1e3, ("holds",))):
        part = Polyhedron(row, torch.tensor([limit], dtype=torch.float64))
        budget = Budget(seconds=30, boxes=20, samples=1, steps=1)
        found = verify(graph, Property((Case(-ones, ones, (part,)),)), budget)
        assert found.verdict in allowed


def test_a_plane_that_overflows_cuts_nothing() -> None:
    """Infinite and NaN factors leave the box as it is."""
    box = Interval(torch.zeros(1, 2), torch.ones(1, 2))
    for factor in (math.inf, -math.inf, math.nan, 3e38):
        weight = torch.tensor([[factor, 1.0]])
        cut = cut_box(box, weight, torch.zeros(1), torch.tensor([3e38], dtype=torch.float64))
        assert bool((cut.low <= 0).all())
        assert bool((cut.high >= 1).all())


def test_a_norm_whose_epsilon_hangs_on_the_precision_is_refused_in_float64() -> None:
    """With eps None torch takes 2e-16 in float64: bounds with that of float32 were wrong."""
    first = nn.Linear(2, 3)
    with torch.no_grad():
        first.weight.mul_(1e-9)
        first.bias.zero_()
    module = nn.Sequential(first, nn.RMSNorm(3), nn.Linear(3, 1)).double()
    low, high = -torch.ones(2), torch.ones(2)
    with pytest.raises(NoBoundError, match="eps None"):
        output_bounds(module, low, high)
    points = torch.rand(200, 2) * 2 - 1
    bounds = output_bounds(module.float(), low, high)
    with torch.no_grad():
        found = module(points).double()
    assert bool((found >= bounds[0]).all() and (found <= bounds[1]).all())
