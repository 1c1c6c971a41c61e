"""Quantised linear layers and low-rank updates: values, gradients, what is kept, files.

Legend: I inputs, O outputs, r rank.
"""

import copy
import gc
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.adapters import (
    LoRALinear,
    QuantLinear,
    apply_lora,
    apply_quant_lora,
    load,
    merge,
    quant_linear,
    save,
    trainable,
    training_bytes,
)
from daneel.errors import CheckpointError


def generator(seed: int = 0) -> torch.Generator:
    """A generator with this seed."""
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(*shape, generator=generator(seed))


def net(seed: int = 0) -> nn.Sequential:
    """Embedding, two linear layers, a norm; all drawn from `seed`."""
    made = nn.Sequential(
        nn.Embedding(7, 24), nn.Linear(24, 48), nn.LayerNorm(48), nn.Tanh(), nn.Linear(48, 5)
    )
    source = generator(seed)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.3, generator=source)
    return made


IDS = torch.arange(7).repeat(3)


def stir(model: nn.Module) -> None:
    """Gives every update some weight."""
    for layer in model.modules():
        if isinstance(layer, LoRALinear):
            nn.init.normal_(layer.up, std=0.3, generator=generator(9))


# -- the layer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("least", [64, 2**18])
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 8), (24, 48), (13, 7), (100, 65), (1, 3)])
def test_packed_layer_equals_its_dequantised_self(inputs, outputs, least, monkeypatch):
    """Output and input gradient, also when the weight is read in many slices."""
    monkeypatch.setattr(quant_linear, "SLICE", least)
    linear = nn.Linear(inputs, outputs)
    packed = QuantLinear(linear)
    x = normal(2, 3, inputs).requires_grad_()
    y = packed(x)
    expected = F.linear(x, packed.dequantised(), linear.bias)
    torch.testing.assert_close(y, expected)
    probe = normal(2, 3, outputs, seed=1)
    found, wanted = (torch.autograd.grad((out * probe).sum(), x)[0] for out in (y, expected))
    torch.testing.assert_close(found, wanted)


def test_gradients_equal_those_of_the_float_layer_with_the_same_update():
    """x, down and up, through a LoRA layer over packed and over dequantised weights."""
    packed = QuantLinear(nn.Linear(40, 30))
    plain = nn.Linear(40, 30)
    plain.weight.data, plain.bias.data = packed.dequantised(), packed.get_buffer("bias").clone()
    ours, theirs = (LoRALinear(base, 4, generator=generator()) for base in (packed, plain))
    stir(ours)
    stir(theirs)
    grads = []
    for layer in (ours, theirs):
        x = normal(6, 40).requires_grad_()
        layer(x).square().sum().backward()
        assert x.grad is not None and layer.down.grad is not None and layer.up.grad is not None
        grads.append((x.grad, layer.down.grad, layer.up.grad))
    for found, wanted in zip(*grads, strict=True):
        torch.testing.assert_close(found, wanted)


def test_nothing_of_the_weights_size_outlives_the_forward():
    """Between forward and backward no tensor as large as the weight exists, packed ones aside."""
    linear = nn.Linear(256, 512, bias=False)
    layer = LoRALinear(QuantLinear(linear), 2, generator=generator())
    weight_bytes = linear.weight.nbytes
    del linear
    y = layer(normal(3, 256).requires_grad_())
    gc.collect()
    big = [t for t in gc.get_objects() if type(t) is Tensor and t.shape == (512, 256)]
    assert not big
    kept = sum(t.nbytes for t in [*layer.parameters(), *layer.buffers()])
    assert kept < 0.2 * weight_bytes
    y.sum().backward()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_inputs_of_other_dtypes(dtype):
    """Base and update compute in the dtype of x."""
    layer = LoRALinear(QuantLinear(nn.Linear(32, 16)), 2, generator=generator())
    assert layer(normal(3, 32).to(dtype)).dtype == dtype


def test_bad_input_is_refused():
    """Widths and ranks that do not fit."""
    with pytest.raises(ValueError, match=r"\[2, 5\] and the packed weight \[3, 4\]"):
        QuantLinear(nn.Linear(4, 3))(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="rank is 4"):
        LoRALinear(nn.Linear(4, 3), 4)
    with pytest.raises(ValueError, match="No linear layer of the Tanh"):
        apply_lora(nn.Tanh())
    with pytest.raises(ValueError, match="has no adapted layer"):
        save(nn.Tanh(), "nowhere")


# -- models --------------------------------------------------------------------------------------


def test_apply_lora_changes_nothing_at_first_and_freezes_the_rest():
    """The output is the same to the bit; only updates learn."""
    model = net()
    before = model(IDS)
    assert apply_lora(model, 2, generator=generator()) == ["1", "4"]
    assert torch.equal(model(IDS), before)
    learned = {name for name, p in model.named_parameters() if p.requires_grad}
    assert learned == {"1.down", "1.up", "4.down", "4.up"}


def test_targets_and_the_rest():
    """A pattern chooses layers; the rest can go on learning."""
    model = net()
    assert apply_quant_lora(model, 2, targets="^4$", freeze_rest=False) == ["4"]
    assert isinstance(model[4], LoRALinear) and isinstance(model[4].base, QuantLinear)
    assert model[1].weight.requires_grad and model[0].weight.requires_grad


def test_a_shared_layer_is_adapted_once():
    """The same module in two places stays the same module."""
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.Tanh(), nn.Sequential(shared))
    apply_lora(model, 2)
    inner = model[2]
    assert isinstance(inner, nn.Sequential) and inner[0] is model[0]


@pytest.mark.parametrize("apply", [apply_lora, apply_quant_lora])
def test_merge_computes_the_same_in_plain_layers(apply):
    """After merging the model has the structure it had and the adapted outputs."""
    model = net()
    apply(model, 3, generator=generator())
    stir(model)
    before = model(IDS)
    assert merge(model) == ["1", "4"]
    torch.testing.assert_close(model(IDS), before, rtol=1e-5, atol=1e-5)
    assert [type(layer) for layer in model] == [type(layer) for layer in net()]
    assert model.state_dict().keys() == net().state_dict().keys()


def test_training_moves_updates_only_and_learns():
    """A fit through packed weights: the loss falls, packed bytes and norms stay."""
    model = net()
    apply_quant_lora(model, 4, generator=generator())
    frozen = {
        n: b.clone() for n, b in model.state_dict().items() if "down" not in n and "up" not in n
    }
    optimiser = torch.optim.Adam(trainable(model), lr=0.02)
    target = normal(7, 5, seed=3).repeat(3, 1)
    losses = []
    for _ in range(100):
        loss = (model(IDS) - target).square().mean()
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < 0.05 * losses[0]
    now = model.state_dict()
    assert all(torch.equal(now[name], value) for name, value in frozen.items())


def test_a_plain_checkpoint_loads_into_an_adapted_model():
    """The weights of the model as it was before adapters: packed on the way in."""
    other = net(seed=5)
    exact, packed = net(), net()
    apply_lora(exact, 2, generator=generator())
    apply_quant_lora(packed, 2, generator=generator())
    exact.load_state_dict(other.state_dict())
    packed.load_state_dict(other.state_dict())
    torch.testing.assert_close(exact(IDS), other(IDS))
    apply_quant_lora(other, 2)
    torch.testing.assert_close(packed(IDS), other(IDS))
    wrong = {**net().state_dict(), "1.weight": torch.zeros(3, 3)}
    with pytest.raises(ValueError, match=r"1\.base\.weight is \[3, 3\]"):
        packed.load_state_dict(wrong)


def test_state_and_copies_keep_the_packed_weights():
    """state_dict round trip and deepcopy give the same outputs."""
    model, other = net(), net(seed=5)
    apply_quant_lora(model, 2, generator=generator())
    apply_quant_lora(other, 2, generator=generator(7))
    stir(model)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(IDS), model(IDS))
    assert torch.equal(copy.deepcopy(model)(IDS), model(IDS))


# -- files and bytes -----------------------------------------------------------------------------


def test_save_and_load(tmp_path: Path):
    """The file is small, and brings the updates to another copy of the base."""
    model, other = net(), net()
    for each in (model, other):
        apply_quant_lora(each, 2, generator=generator())
    stir(model)
    save(model, tmp_path / "adapter.safetensors")
    load(other, tmp_path / "adapter.safetensors")
    assert torch.equal(other(IDS), model(IDS))
    floats = sum(p.numel() for p in trainable(model))
    assert (tmp_path / "adapter.safetensors").stat().st_size < 4 * floats + 1000


def test_foreign_files_are_refused(tmp_path: Path):
    """Another rank, no such file, not ours."""
    model, other = net(), net()
    apply_lora(model, 2)
    apply_lora(other, 3)
    path = tmp_path / "adapter.safetensors"
    save(model, path)
    with pytest.raises(CheckpointError, match=r"1\.down of shape \[2, 24\], the model \[3, 24\]"):
        load(other, path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(other, tmp_path / "missing")
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(other, path)


def test_bytes_against_hand_numbers():
    """Adam on two floats of eight: weights 32, gradients 8, moments 16 and a step counter of 4."""
    model = nn.Linear(2, 4, bias=False)
    model.weight.requires_grad_(False)
    model.register_parameter("extra", nn.Parameter(torch.ones(2)))
    optimiser = torch.optim.Adam([model.get_parameter("extra")])
    model.get_parameter("extra").sum().backward()
    optimiser.step()
    found = training_bytes(model, optimiser)
    assert (found.weights, found.grads, found.optimiser) == (40, 8, 20)
    assert found.total == 68


def test_training_takes_a_third_of_the_memory_of_full_fp16():
    """One step of each on a wide model; under 40 per cent, updates in float32."""
    totals = []
    for full in (True, False):
        model = nn.Sequential(nn.Linear(512, 1024), nn.Tanh(), nn.Linear(1024, 512))
        if full:
            model.half()
        else:
            apply_quant_lora(model, 16, generator=generator())
        optimiser = torch.optim.AdamW(trainable(model))
        for parameter in trainable(model):
            parameter.grad = torch.ones_like(parameter)
        optimiser.step()
        totals.append(training_bytes(model, optimiser).total)
    assert totals[1] < 0.35 * totals[0]
