"""Optimiser state as a plain tree."""

import copy
import itertools

import pytest
import torch
from torch import nn

from daneel.agents.optimiser_state import pack_optimiser, unpack_optimiser
from daneel.errors import CheckpointError


def make(*widths: int, steps: int = 0) -> tuple[nn.Sequential, torch.optim.Adam]:
    """A linear network and its optimiser after `steps` steps; what is drawn is always the same."""
    net = nn.Sequential(*(nn.Linear(a, b) for a, b in itertools.pairwise(widths)))
    source = torch.Generator().manual_seed(1)
    for parameter in net.parameters():
        parameter.data.normal_(generator=source)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(steps):
        step(net, optimiser)
    return net, optimiser


def step(net: nn.Sequential, optimiser: torch.optim.Adam) -> None:
    """One step on a fixed loss."""
    optimiser.zero_grad()
    first = net[0]
    assert isinstance(first, nn.Linear)
    net(torch.ones(2, first.in_features)).square().sum().backward()
    optimiser.step()


def weights(net: nn.Module) -> torch.Tensor:
    """All weights."""
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def test_what_was_packed_goes_on_exactly():
    """A fresh optimiser with the packed state goes on bit for bit as the packed one."""
    net, optimiser = make(3, 4, 2, steps=5)
    other, fresh = make(3, 4, 2)
    other.load_state_dict(net.state_dict())
    unpack_optimiser(fresh, pack_optimiser(optimiser))
    for _ in range(3):
        step(net, optimiser)
        step(other, fresh)
        assert torch.equal(weights(net), weights(other))


def test_without_the_state_it_would_differ():
    """Without the state it would go on otherwise."""
    net, optimiser = make(3, 4, 2, steps=5)
    other, fresh = make(3, 4, 2)
    other.load_state_dict(net.state_dict())
    step(net, optimiser)
    step(other, fresh)
    assert not torch.equal(weights(net), weights(other))


def test_packed_state_is_a_copy_both_ways():
    """Further steps change neither what was packed nor what was unpacked from."""
    net, optimiser = make(3, 2, steps=2)
    packed = pack_optimiser(optimiser)
    before = copy.deepcopy(packed)
    unpack_optimiser(optimiser, packed)
    step(net, optimiser)
    assert _equal(packed, before)
    assert not _equal(pack_optimiser(optimiser), before)


def test_before_the_first_step_there_is_nothing():
    """An optimiser that made no step packs nothing, and unpacking that clears another."""
    _, fresh = make(3, 2)
    assert pack_optimiser(fresh) == [{}, {}]
    _, used = make(3, 2, steps=3)
    unpack_optimiser(used, pack_optimiser(fresh))
    assert pack_optimiser(used) == [{}, {}]


@pytest.mark.parametrize(
    ("widths", "parts"),
    [
        ((3, 4, 2), ["of 4 parameters", "has 2"]),
        ((4, 2), ["shape (2, 4)", "shape (2, 3)"]),
    ],
)
def test_messages_for_state_of_other_parameters(widths, parts):
    """State of other parameters is refused: what it holds, what was expected."""
    _, optimiser = make(3, 2)
    _, foreign = make(*widths, steps=1)
    with pytest.raises(CheckpointError) as error:
        unpack_optimiser(optimiser, pack_optimiser(foreign))
    for part in (*parts, "Expected"):
        assert part in str(error.value)


def _equal(first: list[dict[str, torch.Tensor]], second: list[dict[str, torch.Tensor]]) -> bool:
    return all(
        a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
        for a, b in zip(first, second, strict=True)
    )
