"""Bounds: no point of a box may leave them, in float64 and in the deployed float32."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification import linear_bounds, output_bounds
from daneel.alignment.verification.bounds import Method, as_graph
from daneel.errors import ConfigError
from daneel.world_models.layers import Rescale, Standardize, mlp

METHODS: tuple[Method, ...] = get_args(Method)
ACTIVATIONS = [
    nn.ReLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.SiLU,
    nn.GELU,
    nn.Softplus,
    nn.ELU,
    nn.LeakyReLU,
    nn.Hardtanh,
]


def network(seed: int, sizes: list[int], kinds: list[type[nn.Module]], norm: bool) -> nn.Sequential:
    """A random network with activations of these kinds."""
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for (width_in, width), kind in zip(itertools.pairwise(sizes[:-1]), kinds, strict=True):
        layers += [nn.Linear(width_in, width), *([nn.LayerNorm(width)] if norm else []), kind()]
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    module = nn.Sequential(*layers)
    with torch.no_grad():
        for layer in module:
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
                layer.weight.mul_(1 + layer.in_features**-0.5)
                layer.bias.copy_(torch.randn(layer.bias.shape, generator=generator))
            elif isinstance(layer, nn.LayerNorm):
                layer.weight.add_(torch.randn(layer.weight.shape, generator=generator))
                layer.bias.add_(torch.randn(layer.bias.shape, generator=generator))
    return module


@st.composite
def cases(draw: st.DrawFn) -> tuple[nn.Sequential, Tensor, Tensor, Tensor]:
    """A network, boxes `[N, D]` and points `[P, N, D]` in them, corners among these."""
    depth = draw(st.integers(1, 3))
    sizes = [draw(st.integers(1, 4)) for _ in range(depth + 2)]
    kinds = [draw(st.sampled_from(ACTIVATIONS)) for _ in range(depth)]
    seed = draw(st.integers(0, 2**31))
    module = network(seed, sizes, kinds, draw(st.booleans()))
    generator = torch.Generator().manual_seed(seed + 1)
    scale = 10 ** draw(st.floats(-3, 1.5))
    centre = torch.randn(3, sizes[0], generator=generator)
    half = scale * torch.rand(3, sizes[0], generator=generator)
    low, high = centre - half, centre + half
    share = torch.rand(64, 3, sizes[0], generator=generator)
    share[:32] = share[:32].round()
    return module, low, high, (low + share * (high - low)).clamp(low, high)


@settings(max_examples=25, deadline=None)
@given(cases(), st.sampled_from(METHODS), st.sampled_from([torch.float64, torch.float32]))
def test_no_point_leaves_the_bounds(
    case: tuple[nn.Sequential, Tensor, Tensor, Tensor], method: Method, dtype: torch.dtype
) -> None:
    """Neither in exact arithmetic nor in the deployed float32 network."""
    module, low, high, points = case
    found = linear_bounds(module, low, high, method, dtype)
    graph = as_graph(module, low.shape[1])
    flat = points.reshape(-1, low.shape[1])
    shape = (*points.shape[:2], -1)
    with torch.no_grad():
        exact = graph(flat.double()).reshape(shape)
        deployed = module(flat).double().reshape(shape)
    x = points.double()
    lower = torch.einsum("nad,pnd->pna", found.lower_weight.double(), x) + found.lower_bias
    upper = torch.einsum("nad,pnd->pna", found.upper_weight.double(), x) + found.upper_bias
    for values in (exact, deployed):
        assert (values >= found.low).all()
        assert (values <= found.high).all()
        room = 1e-12 * (1 + lower.abs() + upper.abs())  # of evaluating the planes here
        assert (values >= lower - room).all()
        assert (values <= upper + room).all()


def test_methods_are_ordered_by_tightness() -> None:
    """Dearer methods are tighter."""
    module = network(0, [3, 16, 16, 2], [nn.ReLU, nn.ReLU], norm=False)
    low, high = -0.1 * torch.ones(1, 3), 0.1 * torch.ones(1, 3)
    width = {}
    for method in METHODS:
        bounds = output_bounds(module, low, high, method)
        width[method] = float((bounds[1] - bounds[0]).sum())
    assert width["alpha"] <= width["crown"] * (1 + 1e-9)
    assert width["crown"] < width["ibp"]
    assert width["zonotope"] < width["ibp"]


def test_a_linear_network_is_bounded_exactly() -> None:
    """Up to rounding."""
    module = nn.Linear(2, 1)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[2.0, -3.0]]))
        module.bias.fill_(1.0)
    found = linear_bounds(module, torch.zeros(2), torch.ones(2))
    assert found.low.item() == pytest.approx(-2, abs=1e-5)
    assert found.high.item() == pytest.approx(3, abs=1e-5)
    assert found.lower_weight.flatten().tolist() == [2.0, -3.0]


def test_a_clamped_action_is_bounded_by_its_clamp_exactly() -> None:
    """No room is added to what a clamp cannot leave."""
    layers = [Standardize(3), *mlp([3, 8], 2), nn.Tanh()]
    ends = torch.tensor([-0.3, 0.0]), torch.tensor([0.7, 0.1])
    module = nn.Sequential(*layers, Rescale(*ends))
    low, high = output_bounds(module, -9 * torch.ones(3), 9 * torch.ones(3))
    assert (low >= ends[0].double()).all()
    assert (high <= ends[1].double()).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["ibp", "zonotope", "crown"]))
def test_a_gru_step_is_bounded(seed: int, method: Method) -> None:
    """The input is the observation, then the hidden state."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        cell = nn.GRUCell(2, 3)
    low = torch.rand(2, 5, generator=generator) - 0.8
    high = low + torch.rand(2, 5, generator=generator)
    found = output_bounds(cell, low, high, method)
    x = low + torch.rand(200, 2, 5, generator=generator) * (high - low)
    with torch.no_grad():
        hidden = cell(x[..., :2].reshape(-1, 2), x[..., 2:].reshape(-1, 3)).reshape(200, 2, 3)
    assert (hidden >= found[0]).all()
    assert (hidden <= found[1]).all()


def test_what_cannot_be_bounded_is_refused_by_name() -> None:
    """Each message says what is wrong."""
    with pytest.raises(NoBoundError, match=r"network\.1 is a Softmax"):
        output_bounds(nn.Sequential(nn.Linear(2, 2), nn.Softmax(-1)), torch.zeros(2), torch.ones(2))
    with pytest.raises(NoBoundError, match="empty"):
        output_bounds(nn.Linear(2, 2), torch.ones(2), torch.zeros(2))
    with pytest.raises(NoBoundError, match="infinite or NaN"):
        output_bounds(nn.Linear(2, 2), torch.zeros(2), torch.full((2,), torch.inf))
    broken = nn.Linear(2, 2)
    with torch.no_grad():
        broken.weight[0, 0] = torch.nan
    with pytest.raises(NoBoundError, match="not finite"):
        output_bounds(broken, torch.zeros(2), torch.ones(2))
    with pytest.raises(ConfigError, match="ibp"):
        output_bounds(nn.Linear(2, 2), torch.zeros(2), torch.ones(2), "sdp")  # type: ignore[arg-type]
