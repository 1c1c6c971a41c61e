"""Link slots as a layer of any backbone, built from outside: the memory imports none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from daneel.backbones import State, build
from daneel.backbones.stack import Stack
from daneel.memory.attention.link_slots import LinkSlotAttention, Slots

DIM, PIECE = 16, 4
NAMES = ["attention", "gru", "retention", "mamba2", "delta", "hybrid"]


class SlotLayer(nn.Module):
    """The adapter a caller writes: the layer signature of a backbone around link slots."""

    def __init__(self, dim: int, slots: int) -> None:
        """A norm and the slots."""
        super().__init__()
        self.norm, self.links = nn.LayerNorm(dim), LinkSlotAttention(dim, slots)
        self.shapes = {"keys": (slots, dim), "values": (slots, dim), "strength": (slots,)}

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        """The state of the layer is the slots' own tensors."""
        read, slots = self.links.unroll(self.norm(x), Slots(**state), resets, PIECE)
        return x + read, slots._asdict()


class Around(nn.Module):
    """Slots around a whole backbone, with the state in the caller's hands."""

    def __init__(self, name: str) -> None:
        """Two layers and eight slots."""
        super().__init__()
        self.backbone, self.links = build(name, DIM, 2), LinkSlotAttention(DIM, 8)

    def forward(
        self, x: Tensor, state: State | None, slots: Slots | None, resets: Tensor | None
    ) -> tuple[Tensor, State, Slots]:
        """Reads and writes what the backbone makes of x."""
        hidden, state = self.backbone(x, state, resets)
        read, slots = self.links.unroll(hidden, slots, resets, PIECE)
        return hidden + read, state, slots


def seeded(make: type[nn.Module] | None, name: str) -> nn.Module:
    """The same weights every time: around the backbone, or as its last layer."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if make is not None:
            return make(name)
        inner = build(name, DIM, 2)
        assert isinstance(inner, Stack)
        return Stack(DIM, [*inner.layers, SlotLayer(DIM, 8)])


def steps(time: int = 12) -> Tensor:
    """Two rows of inputs."""
    return torch.randn(2, time, DIM, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", [*NAMES, "identity", "rwkv"])
def test_around_a_backbone_pieces_equal_the_whole(name: str) -> None:
    """State and slots carried, with a reset in one row."""
    model, x = seeded(Around, name).eval(), steps()
    resets = torch.zeros(2, 12, dtype=torch.bool)
    resets[1, 6] = True
    whole, *_ = model(x, None, None, resets)
    state = slots = None
    outputs = []
    for begin in (0, 4, 8):
        part = slice(begin, begin + 4)
        y, state, slots = model(x[:, part], state, slots, resets[:, part])
        outputs.append(y)
    torch.testing.assert_close(torch.cat(outputs, 1), whole, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_as_a_layer_of_a_stack_state_is_carried_by_the_backbone(name: str) -> None:
    """The zero state of a backbone is empty slots."""
    model, x = seeded(None, name).eval(), steps()
    assert isinstance(model, Stack)
    whole, end = model(x)
    first, state = model(x[:, :8])
    second, state = model(x[:, 8:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, atol=1e-5, rtol=1e-4)
    strength = next(value for name, value in end.items() if name.endswith("strength"))
    assert float(strength.detach().min()) > 0


@pytest.mark.parametrize("name", ["gru", "retention"])
def test_gradients_reach_the_backbone_through_the_slots_alone(name: str) -> None:
    """The loss reads only the slots' part of the last steps; the inputs are far before them."""
    model = seeded(Around, name)
    assert isinstance(model, Around)
    x = steps(16).requires_grad_()
    hidden, _ = model.backbone(x)
    slots = model.links.write(hidden[:, :4], model.links.empty(2))
    model.links(hidden[:, 12:].detach(), slots).square().sum().backward()
    assert x.grad is not None
    assert float(x.grad[:, :4].abs().sum()) > 0
    assert float(x.grad[:, 4:].abs().sum()) == 0
