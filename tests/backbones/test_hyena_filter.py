"""The Hyena filter: streaming equals the convolution it stands for.

Legend: B batch, T time, D channels, L longest memory.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from daneel.backbones.hyena_filter import HyenaFilter
from daneel.backbones.ops import long_conv_naive
from daneel.backbones.protocol import State

WIDE = 6
CUTS = {"whole": [150], "steps": [1] * 150, "uneven": [1, 64, 3, 20, 1, 1, 37, 23]}


def made(max_len: int) -> HyenaFilter:
    """A filter in float64."""
    return HyenaFilter(WIDE, max_len, generator=torch.Generator().manual_seed(0)).double()


def inputs(batch: int = 2, time: int = 150, seed: int = 1) -> Tensor:
    """Random inputs."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, time, WIDE, generator=generator, dtype=torch.float64)


def in_parts(
    core: HyenaFilter, u: Tensor, cuts: list[int], resets: Tensor | None = None
) -> tuple[Tensor, State]:
    """Outputs of parts with the state carried."""
    state, outputs = None, []
    ends = list(itertools.accumulate(cuts))
    for start, stop in zip([0, *ends], ends, strict=False):
        some = None if resets is None else resets[:, start:stop]
        y, state = core(u[:, start:stop], state, some)
        outputs.append(y)
    return torch.cat(outputs, 1), state or {}


@pytest.mark.parametrize("max_len", [1, 2, 5, 16, 37, 64, 1000])
@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_any_cut_equals_the_convolution(max_len: int, cuts: list[int]) -> None:
    """Also past the longest memory, where inputs are forgotten."""
    core, u = made(max_len), inputs()
    expected = long_conv_naive(u, core.kernel(150), core.bias)
    torch.testing.assert_close(in_parts(core, u, cuts)[0], expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_episodes_do_not_hear_each_other(cuts: list[int]) -> None:
    """With resets anywhere, in any cut, each episode is as if alone, gradients too."""
    core, u = made(37), inputs(3).requires_grad_()
    resets = torch.rand(3, 150, generator=torch.Generator().manual_seed(2)) < 0.04
    resets[:, 70] = True
    rows = []
    for row in range(3):
        begins = [0, *resets[row, 1:].nonzero()[:, 0].add(1).tolist(), 150]
        episodes = itertools.pairwise(begins)
        parts = [core(u[row : row + 1, start:stop])[0] for start, stop in episodes]
        rows.append(torch.cat(parts, 1))
    expected, y = torch.cat(rows), in_parts(core, u, cuts, resets)[0]
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-11)
    weight = inputs(3, seed=3)
    leaves = [u, *core.parameters()]
    found = torch.autograd.grad((y * weight).sum(), leaves)
    wanted = torch.autograd.grad((expected * weight).sum(), leaves)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)


def test_a_longer_filter_begins_with_the_shorter() -> None:
    """Positions are steps, whatever the length; past the memory there is nothing."""
    core = made(50)
    torch.testing.assert_close(core.kernel(10), core.kernel(80)[:, :10])
    assert not core.kernel(80)[:, 50:].any()
    assert core.kernel(80)[:, :50].any(0).all()


def test_an_old_state_stays_good() -> None:
    """Two futures from one past: neither changes it, nor the other."""
    core, u = made(37), inputs()
    with torch.no_grad():
        _, past = in_parts(core, u[:, :93], [90, 1, 2])
        kept = {name: block.clone() for name, block in past.items()}
        first, _ = core(u[:, 93:], past)
        core(-u[:, 93:], past)
        again, _ = core(u[:, 93:], past)
    assert torch.equal(first, again)
    assert all(torch.equal(past[name], block) for name, block in kept.items())


def test_the_state_stops_growing() -> None:
    """It is bounded by the memory, not by the stream, and batch first."""
    core, u = made(16), inputs(time=300)
    state, most = None, 0
    with torch.no_grad():
        for t in range(300):
            _, state = core(u[:, t : t + 1], state)
            assert all(block.shape[0] == 2 for block in state.values())
            most = max(most, sum(block.shape[1] for block in state.values()))
    assert most <= 3 * 16


def test_weights_that_change_are_noticed() -> None:
    """The taps remembered without gradients follow the weights."""
    core, u = made(16), inputs()
    with torch.no_grad():
        before, _ = core(u)
        core.last.weight.mul_(2)
        after, _ = core(u)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, core(u)[0].detach())


def test_equal_generators_give_equal_filters() -> None:
    """Randomness comes from the generator alone, and outputs are as loud as inputs."""
    assert torch.equal(made(64).kernel(64), made(64).kernel(64))
    u = torch.randn(1, 2048, 128, generator=torch.Generator().manual_seed(0))
    core = HyenaFilter(128, 2048, generator=torch.Generator().manual_seed(0))
    assert 0.5 < float(core(u)[0].std()) < 2.5


def test_half_precision_keeps_a_wide_state() -> None:
    """Bfloat16 in and out, float32 carried."""
    core = HyenaFilter(WIDE, 16)
    y, state = core(inputs().bfloat16())
    assert y.dtype == torch.bfloat16
    assert {block.dtype for block in state.values()} == {torch.float32}


def test_bad_arguments_are_refused_by_name() -> None:
    """With both shapes."""
    core = made(16)
    _, state = core(inputs())
    with pytest.raises(ValueError, match=r"(?s)state\['.*\(2, .*u has shape \(3, 6\)"):
        core(inputs(3), state)
    with pytest.raises(ValueError, match=r"u has shape \(2, 150, 5\)"):
        core(inputs()[..., :5])
    with pytest.raises(ValueError, match="resets has dtype"):
        core(inputs(), None, torch.zeros(2, 150))
    with pytest.raises(ValueError, match="max_len is 0"):
        HyenaFilter(4, max_len=0)
