"""The backbone bench in small: every part gives records, the table reads them."""

from pathlib import Path

import pytest
import torch

from daneel.backbones import build
from daneel.backbones.byte_lm import ByteLM
from daneel.evaluation import evidence
from daneel.evaluation.bench import backbones, backbones_memory, backbones_streams
from daneel.evaluation.bench.backbones import Options
from daneel.evaluation.bench.backbones_layers import SDPA, Mixers, SDPALayer
from daneel.evaluation.bench.operator_layers import operator_layers

SMALL = Options(names=("gru",), lengths=(8, 16), repeats=2, dim=16)


def test_speeds_and_their_ratio_to_sdpa_are_recorded(tmp_path: Path) -> None:
    """For each length, and a table of them."""
    found = list(backbones.speed(SMALL))
    keys = {item.key for item in found}
    assert ("16 tokens", backbones.BOTH, SDPA) in keys
    assert ("8 tokens", backbones.TIMES, "gru") in keys
    assert all(item.figure is not None and item.figure > 0 for item in found)
    for item in (*found, *backbones.step(SMALL)):
        evidence.append(item, tmp_path)
    table = backbones.table(tmp_path)
    assert "| 8 tokens | 16 tokens |" in table and "| `gru` |" in table and "one step" in table
    picture = backbones.picture(tmp_path)
    assert picture is not None and picture.read_text().lstrip().startswith("<?xml")


@pytest.mark.parametrize("name", operator_layers(16))
def test_bare_operators_are_causal_layers(name: str) -> None:
    """Of the shape of their input; a later input changes no earlier output."""
    torch.manual_seed(0)
    layer, x = operator_layers(16)[name], torch.randn(2, 9, 16)
    y, _ = layer(x)
    later = torch.cat([x[:, :5], -x[:, 5:]], 1)
    assert y.shape == x.shape
    assert torch.allclose(layer(later)[0][:, :5], y[:, :5], atol=1e-5)
    assert not torch.allclose(layer(later)[0][:, 5:], y[:, 5:], atol=1e-3)


def test_a_budget_that_is_spent_begins_nothing() -> None:
    """What is missing reads as not measured, nothing is guessed."""
    assert list(backbones.speed(Options(names=("gru",), lengths=(8,), budget_minutes=0.0))) == []


def test_what_grows_with_the_square_is_expected_to() -> None:
    """Attention quadruples when T doubles, the others double."""
    previous = {"attention": (100, 1.0), "gru": (100, 1.0)}
    assert backbones.expected("attention", 200, previous) == 4
    assert backbones.expected("gru", 200, previous) == 2
    assert backbones.expected("mamba", 200, previous) == 0


def test_a_mixer_alone_is_the_layer_without_norm_and_mlp() -> None:
    """By hand from the layer's own parts."""
    torch.manual_seed(0)
    core, x = build("gru", 16, 1), torch.randn(1, 5, 16)
    state = {name.partition(".")[2]: s for name, s in core.initial_state(1).items()}
    layer = core.get_submodule("layers.0")
    assert torch.equal(Mixers(core)(x)[0], layer.get_submodule("mixer")(x, state, None)[0])


def test_blocks_carry_the_state() -> None:
    """Two blocks in turn are the whole."""
    torch.manual_seed(0)
    module, x = Mixers(build("hybrid", 16, 2)), torch.randn(1, 12, 16)
    first, state = module(x[:, :5])
    second, _ = module(x[:, 5:], state)
    assert torch.allclose(torch.cat([first, second], 1), module(x)[0], atol=1e-5)


def test_the_peer_is_causal() -> None:
    """Else its speed would be that of another thing."""
    torch.manual_seed(0)
    layer, x = SDPALayer(16), torch.randn(1, 6, 16)
    other = x.clone()
    other[0, 4] += 1
    assert torch.allclose(layer(x)[0][:, :4], layer(other)[0][:, :4], atol=1e-6)


def test_memory_is_read_in_place() -> None:
    """Streaming counts tokens and peaks; a training pass adds something that is not negative."""
    found = backbones_memory.stream("gru", 16, 8_192, 60.0)
    assert found["tokens"] == 8_192 and found["end_mib"] >= found["early_mib"] > 0
    assert backbones_memory.train("gru", 16, 32)["peak_mib"] >= 0


@pytest.mark.slow
def test_memory_is_read_in_a_fresh_process() -> None:
    """And comes back as numbers."""
    found = backbones_memory.ask("stream", "gru", 16, 8_192, 5.0)
    assert set(found) == {"tokens", "early_mib", "end_mib"}


def test_a_stream_of_text_gives_a_norm_for_each_step() -> None:
    """The rate rises from nearly nothing, so the first step changes little; the loss is in bits."""
    torch.manual_seed(0)
    model = ByteLM(build("hyena", 16, 1, memory=64))
    data = torch.randint(256, (300,), generator=torch.Generator().manual_seed(0))
    norms, bits = backbones_streams.learn(model, data[None], 64)
    assert len(norms) == 5 and all(norm > 0 for norm in norms)
    assert 6 < bits < 12  # 8 by chance
