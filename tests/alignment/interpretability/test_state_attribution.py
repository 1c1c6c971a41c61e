"""Shares add up to the state; taking one out is what the effect says."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from daneel.alignment.interpretability import (
    gradient_attribution,
    layer_inputs,
    state_attribution,
)
from daneel.backbones import build
from daneel.errors import ConfigError

LINEAR = ["retention", "gla", "mamba", "mamba2", "rwkv", "delta"]


@pytest.mark.parametrize("name", LINEAR)
def test_shares_add_up_to_the_state(name: str) -> None:
    """Shares add up to the state."""
    torch.manual_seed(0)
    backbone = build(name, 16, 2)
    found = state_attribution(*layer_inputs(backbone, torch.randn(1, 9, 16), 1))
    assert found.defect < 1e-4
    torch.testing.assert_close(found.shares.sum(0), found.state, rtol=1e-3, atol=1e-5)


class Decay(nn.Module):
    """s = s / 2 + x, y = s: everything is known."""

    def forward(self, x, state, resets):
        """As a layer of a backbone."""
        s, outputs = state["s"], []
        for t in range(x.shape[1]):
            s = s / 2 + x[:, t]
            outputs.append(s)
        return torch.stack(outputs, 1), {"s": s}


def test_shares_and_effects_equal_hand_numbers() -> None:
    """Shares and effects equal hand numbers."""
    x = torch.tensor([[[4.0], [2.0], [1.0]]])
    found = state_attribution(Decay(), x, {"s": torch.zeros(1, 1)})
    assert found.shares[:, 0].tolist() == [1.0, 1.0, 1.0]
    assert found.effects[:, 0].tolist() == [1.0, 1.0, 0.0]  # the last write is no memory


class Bent(Decay):
    """A memory that is not affine."""

    def forward(self, x, state, resets):
        """As a layer of a backbone."""
        y, after = super().forward(x, state, resets)
        return y, {"s": after["s"].tanh()}


def test_what_is_not_affine_is_refused() -> None:
    """What is not affine is refused."""
    with pytest.raises(ConfigError, match="bends its memory"):
        state_attribution(Bent(), torch.ones(1, 3, 1), {"s": torch.zeros(1, 1)})
    with pytest.raises(ConfigError, match="no 's'"):
        state_attribution(*layer_inputs(build("gru", 8), torch.randn(1, 3, 8), 0))


def test_gradient_attribution_of_a_linear_map_adds_up_to_the_output() -> None:
    """Gradient attribution of a linear map adds up to the output."""

    def last(x):
        return x.flip(1).cumsum(1).abs()

    x = torch.rand(1, 5, 1) + 0.1
    found = gradient_attribution(last, x)
    torch.testing.assert_close(found, x[0, :, 0])
    backbone = build("gru", 8)
    assert gradient_attribution(lambda x: backbone(x)[0], torch.randn(1, 6, 8)).shape == (6,)
