"""The world model's `use_lora`: nothing when off, packed fine-tuning when on."""

import torch

from daneel.backbones.adapters import LoRALinear, merge
from tests.world_models import hand_made
from tests.world_models.hand_made import STATE, unit


def test_off_changes_nothing():
    """No adapters, the parameters that there always were."""
    model = hand_made.model()
    assert not any(isinstance(module, LoRALinear) for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_trained_weights_load_and_are_packed():
    """Steps and latents of the adapted model are near those of the model it was loaded from."""
    model, tuned = hand_made.model(), hand_made.model(use_lora=True)
    tuned.load_state_dict(model.state_dict())
    z, action, obs = unit(6, 8), torch.rand(6, 2), hand_made.observe(STATE, 6)
    for layer in tuned.modules():
        if isinstance(layer, LoRALinear):
            torch.nn.init.zeros_(layer.up)  # the helper draws every parameter, updates too
    expected, found = model.step(z, action)[0], tuned.step(z, action)[0]
    assert 0 < float((found - expected).detach().square().mean().sqrt()) < 0.15
    expected, found = model.infer(obs)[0], tuned.infer(obs)[0]
    assert float((found - expected).detach().square().mean().sqrt()) < 0.15


def test_a_step_of_training_moves_updates_and_leaves_the_base():
    """Loss and gradients as ever; packed weights stay; merging gives plain layers again."""
    model = hand_made.model(use_lora=True)
    batch = hand_made.batch(STATE, hand_made.BOX, 4, 3)
    packed = {n: b.clone() for n, b in model.named_buffers() if n.endswith("packed")}
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    latents = model.observe(batch, batch.action).z
    terms = model.loss(batch, batch.action, latents[:, 0], latents[:, 1:].detach())
    torch.stack(list(terms.values())).sum().backward()
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    optimiser.step()
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert {"transition.0.down", "transition.0.up"} <= moved
    assert packed and all(torch.equal(model.get_buffer(n), b) for n, b in packed.items())
    merge(model)
    assert model.state_dict().keys() == hand_made.model().state_dict().keys()
