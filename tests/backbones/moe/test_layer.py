"""The mixture layer against its loops, in value and gradient; dispatch; bad input.

Legend: N tokens, D width, F hidden width, E experts, K experts of each token.
"""

import copy
import pickle

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from daneel.backbones.moe import (
    Experts,
    HashRouter,
    MoELayer,
    SwitchRouter,
    auxiliary_loss,
    grouped_matmul,
    grouped_matmul_naive,
    moe_naive,
    rebalance,
)

SHAPES = [(1, 4, 3, 2, 1), (7, 5, 6, 3, 2), (33, 8, 4, 8, 2), (64, 6, 5, 5, 3), (3, 4, 4, 9, 9)]
"""N, D, F, E, K."""


def generator(seed: int = 0) -> torch.Generator:
    """A generator with this seed."""
    return torch.Generator().manual_seed(seed)


def make(dim: int, hidden: int, experts: int, top_k: int, **settings: float) -> MoELayer:
    """A float64 layer with a learned router."""
    router = SwitchRouter(dim, experts, top_k, generator=generator(1), **settings)
    return MoELayer(dim, hidden, experts, router, generator(2)).double()


def rows(*shape: int, seed: int = 3) -> Tensor:
    """Random float64 inputs with gradient."""
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64, requires_grad=True)


def grads(loss: Tensor, *inputs: Tensor) -> list[Tensor]:
    """Gradients of `loss`, zeros where it does not depend on an input."""
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    pairs = zip(found, inputs, strict=True)
    return [torch.zeros_like(x) if grad is None else grad for grad, x in pairs]


@pytest.mark.parametrize(("n", "dim", "hidden", "experts", "top_k"), SHAPES)
def test_the_layer_equals_the_loop_over_tokens(n, dim, hidden, experts, top_k):
    """Sorted dispatch gives the loop's outputs and every gradient of it."""
    layer, x = make(dim, hidden, experts, top_k), rows(n, dim)
    probe = torch.randn(n, dim, generator=generator(4), dtype=torch.float64)
    leaves = (x, layer.experts.up, layer.experts.down, layer.router.get_parameter("weight"))
    fast = layer(x)
    slow = moe_naive(x, layer.experts, layer.router.route(x, None))
    torch.testing.assert_close(fast, slow)
    found, expected = (grads((y * probe).sum(), *leaves) for y in (fast, slow))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("counts", [(3,), (0, 4, 0), (1, 2, 5, 0)])
def test_grouped_products_equal_the_loop_over_rows(counts):
    """Groups of any size, empty ones too, in value and gradient."""
    x, weight = rows(sum(counts), 4), rows(len(counts), 4, 3, seed=5)
    fast, slow = grouped_matmul(x, weight, counts), grouped_matmul_naive(x, weight, counts)
    torch.testing.assert_close(fast, slow)
    for ours, theirs in zip(
        grads(fast.square().sum(), x, weight), grads(slow.square().sum(), x, weight), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_equal_experts_make_a_dense_layer():
    """When every expert is the same the mixture is that expert, whatever the router says."""
    layer, x = make(6, 5, 4, 2), rows(2, 3, 6)
    for child in range(1, 4):
        layer.experts.copy(0, child)
    hidden = torch.nn.functional.silu(x @ layer.experts.up[0])
    torch.testing.assert_close(layer(x), hidden @ layer.experts.down[0])


def test_every_token_is_on_its_own():
    """A permuted batch gives permuted outputs, a changed row changes no other."""
    layer, x = make(6, 5, 8, 2), rows(20, 6)
    y, order = layer(x), torch.randperm(20, generator=generator())
    torch.testing.assert_close(layer(x[order]), y[order])
    changed = x.detach().clone()
    changed[7] = -changed[7]
    same = (layer(changed) - y).abs().amax(1) < 1e-12
    assert (~same).nonzero().flatten().tolist() == [7]


def test_no_assignment_is_dropped_however_skewed():
    """All tokens to two experts: every pair is served, none dropped."""
    layer = make(4, 3, 6, 2)
    layer.router.get_buffer("bias")[:2] = 100.0
    layer(rows(50, 4))
    report = layer.router.load_report()
    assert report.counts == (50, 50, 0, 0, 0, 0)
    assert report.drop_rate == 0
    assert layer.router.token_drop_rate(1.25) == pytest.approx(1 - 1.25 / 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precision(dtype):
    """Output in the dtype of the input, near the float64 loop."""
    layer, x = make(16, 8, 4, 2).float(), rows(40, 16).detach()
    exact = moe_naive(x, layer.experts, layer.router.route(x.to(dtype), None))
    y = layer(x.to(dtype))
    assert y.dtype == dtype
    error = (y.double() - exact).square().mean().sqrt() / exact.square().mean().sqrt()
    assert error < {torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]


def test_autocast_keeps_the_choice():
    """Under autocast the router still computes in float32."""
    layer, x = make(16, 8, 4, 2).float(), rows(40, 16).detach().float()
    chosen = layer.router.route(x, None)
    with torch.autocast("cpu", torch.bfloat16):
        inside = layer.router.route(x, None)
    assert torch.equal(inside.expert, chosen.expert)
    assert inside.logits is not None and inside.logits.dtype == torch.float32


def test_a_layer_that_ran_can_be_copied_and_pickled():
    """The graph of the last forward stands in the way of neither."""
    layer, x = make(4, 3, 2, 2), rows(5, 4)
    y = layer(x)
    torch.testing.assert_close(copy.deepcopy(layer)(x), y)
    torch.testing.assert_close(pickle.loads(pickle.dumps(layer))(x), y)


def test_auxiliary_loss_and_rebalance_find_every_layer():
    """Helpers visit the mixtures of a model; without one the loss is zero."""
    layers = [make(4, 3, 4, 2), make(4, 3, 4, 2)]
    model = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1])
    model(rows(30, 4))
    routers = [layer.router for layer in layers]
    expected = sum(term for router in routers for term in router.losses().values())
    torch.testing.assert_close(auxiliary_loss(model), expected)
    rebalance(model)
    assert all(not r.counts.any() and r.get_buffer("bias").any() for r in routers)
    assert auxiliary_loss(torch.nn.Linear(2, 2)) == 0


def test_checkpointing_repeats_the_same_forward():
    """Recomputation in the backward gives the gradients of the plain backward."""
    layer, x = make(6, 5, 4, 2), rows(9, 6)
    plain = grads(layer(x).square().sum(), x)[0]
    again = checkpoint(layer, x, use_reentrant=False)
    torch.testing.assert_close(grads(again.square().sum(), x)[0], plain)


@pytest.mark.parametrize(
    "x", [torch.zeros(2, 0, 4), torch.zeros(2, 3, 5), torch.zeros(4), torch.zeros(2, 4).long()]
)
def test_bad_inputs_are_refused(x):
    """Empty batches, other widths, no row axis, integers."""
    with pytest.raises(ValueError, match="Expected floats"):
        make(4, 3, 2, 1)(x)


def test_other_bad_input_is_refused():
    """Every message names what was given."""
    with pytest.raises(ValueError, match="are not finite"):
        make(4, 3, 2, 1)(torch.full((2, 4), torch.nan).double())
    with pytest.raises(ValueError, match="3 experts and its router 2"):
        MoELayer(4, 3, 3, HashRouter(2))
    with pytest.raises(ValueError, match="hidden 0"):
        Experts(4, 0, 2)
    with pytest.raises(ValueError, match="sum to 3"):
        grouped_matmul(torch.zeros(4, 2), torch.zeros(2, 2, 2), [1, 2])
