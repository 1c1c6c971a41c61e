"""Derivatives: as functions they enclose what autograd gives, and graphs of them are right."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification import functions as f
from daneel.alignment.verification import output_bounds
from daneel.alignment.verification.graph import Builder, Graph
from daneel.alignment.verification.slopes import slope_of
from daneel.alignment.verification.tangents import derivatives
from daneel.alignment.verification.torch_modules import from_torch

FUNCTIONS = [
    f.RELU, f.TANH, f.SIGMOID, f.SILU, f.GELU, f.SOFTPLUS, f.EXP, f.ABSOLUTE,
    f.leaky_relu(0.1), f.elu(1.3), f.clip(-0.4, 0.9),
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_slopes_are_enclosed(function: f.Function) -> None:
    """On a grid of each interval; kinks inside count with both sides."""
    slope = slope_of(function)
    assert slope is not None
    generator = torch.Generator().manual_seed(0)
    centre = 3 * torch.randn(1, 300, generator=generator, dtype=torch.float64)
    half = 10 ** (3 * torch.rand(1, 300, generator=generator, dtype=torch.float64) - 2.5)
    low, high = centre - half, centre + half
    share = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    x = (low + share * (high - low)).requires_grad_(True)
    (wanted,) = torch.autograd.grad(function.value(x).sum(), x)
    x = x.detach()
    below, b0, above, b1 = f.lines(slope, low, high)
    room = 1e-12 * (1 + x.abs() + below.abs() + above.abs())
    assert bool((below * x + b0 <= wanted + room).all())
    assert bool((above * x + b1 >= wanted - room).all())
    least, most = slope.range(low, high)
    assert bool((least <= wanted + 1e-12).all())
    assert bool((most >= wanted - 1e-12).all())


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "silu", "gelu"])
def test_what_is_said_of_a_slope_is_true(name: str) -> None:
    """Its own slope is its derivative, and the curvature is not exceeded."""
    function = slope_of(next(g for g in FUNCTIONS if g.name == name))
    assert function is not None
    assert function.curvature is not None
    x = torch.linspace(-9, 9, 30_001, dtype=torch.float64).requires_grad_(True)
    (slope,) = torch.autograd.grad(function.value(x).sum(), x)
    assert torch.allclose(function.slope(x), slope, atol=1e-9)
    bend = slope.detach().diff() / x.detach().diff()
    assert float(bend.abs().max()) <= float(function.curvature)


def tangent_graph(module: nn.Module, inputs: int) -> Graph:
    """From x to the derivatives along every input, one after the other."""
    builder = Builder(inputs)
    parts = derivatives(builder, from_torch(module, inputs), range(inputs))
    return builder.graph(builder.concat(*parts))


def jacobians(module: nn.Module, x: Tensor) -> Tensor:
    """By autograd, `[N, D, A]`."""
    found = torch.func.vmap(torch.func.jacrev(lambda row: module(row[None])[0]))(x)
    return found.transpose(1, 2).detach()


@pytest.mark.parametrize("kind", [nn.Tanh, nn.ReLU, nn.SiLU, nn.GELU, nn.Softplus, nn.Hardtanh])
def test_tangents_are_the_derivatives_and_are_bounded(kind: type[nn.Module]) -> None:
    """Of a network with products in it too: a norm and a gate."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Linear(3, 5), kind(), nn.Linear(5, 5), nn.SiLU(), nn.Linear(5, 2)
        ).double()
    generator = torch.Generator().manual_seed(0)
    low = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    high = low + torch.rand(8, 3, generator=generator, dtype=torch.float64)
    x = low + torch.rand(200, 8, 3, generator=generator, dtype=torch.float64) * (high - low)
    graph = tangent_graph(module, 3)
    flat = x.reshape(-1, 3)
    wanted = jacobians(module, flat).flatten(1)
    assert torch.allclose(graph(flat), wanted, atol=1e-9)
    for method in ("ibp", "zonotope", "crown"):
        least, most = output_bounds(graph, low, high, method)
        assert bool((wanted.reshape(200, 8, -1) >= least).all())
        assert bool((wanted.reshape(200, 8, -1) <= most).all())


def test_a_slope_that_is_not_known_is_named() -> None:
    """The function, not the layer."""
    with pytest.raises(NoBoundError, match="slope of reciprocal_root"):
        tangent_graph(nn.Sequential(nn.Linear(2, 4), nn.LayerNorm(4)), 2)
