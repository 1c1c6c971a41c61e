"""One step of every linear backbone: the graph computes it, and no point leaves its bounds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification import Budget, output_bounds, stay_within, verify
from daneel.alignment.verification.bounds import Method, as_graph
from daneel.alignment.verification.recurrent import RecurrentStep
from daneel.backbones import build
from daneel.backbones.mlp import GatedMLP

DIM = 4
OPTIONS: dict[str, dict[str, Any]] = {
    "retention": {"heads": 2},
    "gla": {"heads": 2},
    "mamba": {"expand": 1, "state": 2, "width": 3},
    "mamba2": {"heads": 2, "expand": 1, "state": 3, "width": 2},
    "rwkv": {"heads": 2},
    "delta": {"heads": 2, "width": 2, "negative": True},
    "gru": {},
    "hybrid": {"heads": 2, "expand": 1, "state": 2},
    "identity": {},
}
LINEAR = ("retention", "gla", "mamba", "mamba2", "rwkv", "delta")


def step_of(name: str, seed: int = 0, spread: float = 0.2, depth: int = 1) -> RecurrentStep:
    """A small backbone whose weights were all moved, zeros too."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        depth = 2 if name == "hybrid" else depth
        backbone = build(name, DIM, depth, **OPTIONS[name])
        with torch.no_grad():
            for parameter in backbone.parameters():
                parameter.add_(spread * torch.randn_like(parameter))
    return RecurrentStep(backbone)


def box(step: RecurrentStep, seed: int, scale: float) -> tuple[Tensor, Tensor]:
    """Corners `[1, D + S]`, some units without width."""
    generator = torch.Generator().manual_seed(seed)
    size = step.inputs + step.state_size
    centre = torch.randn(1, size, generator=generator)
    half = scale * torch.rand(1, size, generator=generator)
    half[:, ::5] = 0
    return centre - half, centre + half


def points(low: Tensor, high: Tensor, count: int, seed: int) -> Tensor:
    """In the box, half of them corners."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(count, low.shape[1], generator=generator)
    share[: count // 2] = share[: count // 2].round()
    return (low + share * (high - low)).clamp(low, high)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_graph_computes_the_step(name: str) -> None:
    """In float64, two layers deep where that matters."""
    step = step_of(name, depth=2)
    graph = as_graph(step, step.inputs + step.state_size)
    x = points(*box(step, 1, 1.0), 50, 2).double()
    with torch.no_grad():
        wanted = step.double()(x)
    assert torch.allclose(graph(x), wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    power=st.floats(-3, 1),
    method=st.sampled_from(["ibp", "zonotope", "crown"]),
)
def test_no_point_leaves_the_bounds(name: str, seed: int, power: float, method: Method) -> None:
    """Neither in exact arithmetic nor in the deployed float32 step."""
    step = step_of(name, seed)
    low, high = box(step, seed + 1, 10**power)
    found = output_bounds(step, low, high, method)
    x = points(low, high, 100, seed + 2)
    with torch.no_grad():
        exact = as_graph(step, low.shape[1])(x.double())
        deployed = step(x).double()
    for values in (exact, deployed):
        assert bool((values >= found[0]).all())
        assert bool((values <= found[1]).all())


@pytest.mark.parametrize("name", LINEAR)
def test_relaxations_are_tighter_than_intervals(name: str) -> None:
    """Of the output and of the state, in the middle over boxes."""
    step = step_of(name)
    low, high = box(step, 3, 0.05)
    width = {}
    for method in ("ibp", "zonotope", "crown"):
        bounds = output_bounds(step, low, high, method)
        width[method] = (bounds[1] - bounds[0])[0]
    for method in ("zonotope", "crown"):
        ratio = width[method] / width["ibp"].clamp(min=1e-9)
        assert float(ratio[: step.inputs].median()) < 0.7
        assert bool((ratio <= 1 + 1e-6).all())


def test_a_property_of_a_policy_with_memory_is_decided() -> None:
    """An encoder in front, a head behind; the witness replays in the deployed step."""
    core = step_of("gla").backbone
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder, head = nn.Linear(2, DIM), nn.Sequential(nn.Linear(DIM, 1), nn.Tanh())
    policy = RecurrentStep(core, encoder, head, inputs=2)
    size = policy.state_size
    low = torch.cat([torch.full((2,), -0.1), torch.zeros(size)])
    high = torch.cat([torch.full((2,), 0.1), torch.full((size,), 1e-3)])
    free = [float("inf")] * size

    def within(limit: float) -> str:
        wanted = stay_within(low, high, [-limit, *(-x for x in free)], [limit, *free])
        found = verify(policy, wanted, Budget(seconds=60, boxes=600, samples=256, steps=10))
        if found.witness is not None:
            y = policy(torch.tensor([found.witness.input]))[0, 0].detach()
            assert abs(float(y)) > limit
        return found.verdict

    x = points(low[None], high[None], 500, 0)
    most = float(policy(x)[:, 0].detach().abs().max())
    assert within(1.0) == "holds"
    assert within(0.9 * most) == "violated"


def test_what_has_no_step_is_refused_by_name() -> None:
    """A state that grows, another MLP, a hook."""
    with pytest.raises(NoBoundError, match="AttentionBackbone grows"):
        RecurrentStep(build("attention", DIM, 1, heads=2))

    class Other(GatedMLP):
        """Computes something else."""

    step = RecurrentStep(build("retention", DIM, 1, heads=2, mlp=Other))
    ends = torch.zeros(step.inputs + step.state_size)
    with pytest.raises(NoBoundError, match=r"layers\.0\.mlp is a Other"):
        output_bounds(step, ends, ends)
    step = step_of("gla")
    step.backbone.get_submodule("layers.0.mixer").register_forward_hook(lambda *_: None)
    with pytest.raises(NoBoundError, match=r"layers\.0\.mixer has a hook"):
        output_bounds(step, ends[: step.inputs + step.state_size], ends)
