"""What every backbone refuses, and what its options do."""

import pytest
import torch
from torch import nn

from daneel.backbones import build
from tests.backbones.hand_made import DIM, NAMES, every_backbone, inputs, small

WITH_HEADS = [name for name in NAMES if name not in ("gru", "mamba", "hyena")]


@every_backbone
def test_bad_inputs_are_refused(name):
    """Rank, width, empty axes, dtype, NaN: a ValueError that names x and its shape."""
    core = small(name, torch.float32)
    bad = inputs(1, 3, torch.float32)
    bad[0, 1, 2] = torch.nan
    cases = {
        "x has shape (3, 16)": torch.zeros(3, DIM),
        "x has shape (1, 3, 15)": torch.zeros(1, 3, 15),
        "x has shape (1, 0, 16)": torch.zeros(1, 0, DIM),
        "x has shape (0, 2, 16)": torch.zeros(0, 2, DIM),
        "x has dtype torch.int64": torch.zeros(1, 2, DIM, dtype=torch.int64),
        "x (shape (1, 3, 16)) holds 1 values": bad,
    }
    for message, x in cases.items():
        with pytest.raises(ValueError, match="Expected") as error:
            core(x)
        assert message in str(error.value)


@pytest.mark.parametrize(
    "resets", [torch.zeros(2, 3), torch.zeros(3, 2, dtype=torch.bool)], ids=["float", "turned"]
)
def test_bad_resets_are_refused(resets):
    """Resets are bool [B, T]."""
    with pytest.raises(ValueError, match=r"resets has shape .* for x of shape \(2, 3, 16\)"):
        small("gru")(inputs(2, 3), None, resets)


@pytest.mark.parametrize(
    "lengths", [torch.tensor([1, 4]), torch.tensor([-1, 1]), torch.ones(2), torch.tensor([1])]
)
@pytest.mark.parametrize("name", ["gru", "hyena"])
def test_bad_lengths_are_refused(name, lengths):
    """Lengths are integers [B] from 0 to T."""
    with pytest.raises(ValueError, match="lengths h"):
        small(name)(inputs(2, 3), lengths=lengths)


def test_hyena_does_not_join_rows_of_different_ends():
    """With a state that has seen steps, lengths are refused and not guessed."""
    core = small("hyena")
    _, state = core(inputs(2, 3))
    with pytest.raises(ValueError, match="state=None"):
        core(inputs(2, 3), state, lengths=torch.tensor([1, 3]))


@pytest.mark.parametrize("name", WITH_HEADS)
def test_heads_that_do_not_divide_are_refused(name):
    """The message names both numbers."""
    with pytest.raises(ValueError, match=r"(14|28) is not divisible by heads 5"):
        build(name, 14, 1, heads=5)


@pytest.mark.parametrize("name", ["retention", "attention"])
def test_rotary_heads_are_even(name):
    """Pairs are turned, so a head has an even width."""
    with pytest.raises(ValueError, match="odd width 3"):
        build(name, 12, 1, heads=4)


@every_backbone
def test_sizes_below_one_are_refused(name):
    """Depth 0 and width 0."""
    with pytest.raises(ValueError, match="depth is 0"):
        build(name, DIM, 0)
    with pytest.raises(ValueError, match="dim is 0"):
        build(name, 0, 1)
    with pytest.raises(ValueError, match="batch is 0"):
        small(name).initial_state(0)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "rwkv"])
def test_an_mlp_can_be_given(name):
    """The option `mlp` puts another module into the layers, for example a mixture of experts."""

    class Doubled(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.full((dim,), 2.0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.scale * x

    core = build(name, DIM, 2, mlp=Doubled)
    assert any(isinstance(module, Doubled) for module in core.modules())
    assert core(inputs(1, 3, torch.float32))[0].shape == (1, 3, DIM)


@every_backbone
def test_it_compiles(name):
    """torch.compile (without a code generator, for speed) gives the same values."""
    core, x = small(name, torch.float32), inputs(2, 6, torch.float32)
    torch.compiler.reset()
    y, _ = torch.compile(core, backend="eager")(x)
    torch.testing.assert_close(y, core(x)[0])


def test_a_sequence_goes_through_torch_export_without_gradients():
    """With gradients it is refused, for operators bring their own backward."""
    core, x = small("retention", torch.float32), inputs(2, 6, torch.float32)
    with pytest.raises(ValueError, match="no_grad"):
        torch.export.export(core, (x,), strict=False)
    with torch.no_grad():
        y, _ = torch.export.export(core, (x,), strict=False).module()(x)
    torch.testing.assert_close(y, core(x)[0])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "hyena"])
def test_a_step_goes_through_torch_export(name):
    """torch.export records one step with its state."""
    core, x = small(name, torch.float32), inputs(2, 1, torch.float32)
    _, state = core(inputs(2, 3, torch.float32))
    exported = torch.export.export(core, (x, state), strict=False)
    y, after = exported.module()(x, state)
    expected, expected_after = core(x, state)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(after, expected_after)


def test_an_option_that_a_backbone_lacks_is_named():
    """With those that it has."""
    with pytest.raises(ValueError, match=r"'gru' has no option 'heads'. Expected mlp"):
        build("gru", 8, heads=2)
    with pytest.raises(ValueError, match="Expected none at all"):
        build("identity", 8, heads=2)
    assert build("retention", 8, 2, heads=2).dim == 8
