"""From dictionaries of modalities to latents."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from daneel.errors import SpaceError
from daneel.world_models import MultiModalEncoder
from tests.world_models.hand_made import EVERYTHING, GOAL, IMAGE, STATE, observe, vector

SPACES = {"state": STATE, "goal": GOAL, "image": IMAGE, "everything": EVERYTHING}


def encoder(space: spaces.Dict) -> MultiModalEncoder:
    """A small encoder of this space."""
    return MultiModalEncoder(space, dim=8, width=16)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
def test_any_leading_axes_agree(space, lead):
    """Any leading axes give the same latents."""
    encode, obs = encoder(space), observe(space, *lead)
    z = encode(obs)
    assert z.shape == (*lead, 8)
    flat = {key: value.reshape(-1, *(space[key].shape or ())) for key, value in obs.items()}
    torch.testing.assert_close(z, encode(flat).reshape(*lead, 8), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_latents_are_normalised(space):
    """Each latent has zero mean and unit variance, whatever the units of the sensors."""
    obs = observe(space, 6)
    far = {key: value if value.dtype == torch.uint8 else 1e4 * value for key, value in obs.items()}
    z = encoder(space)(far)
    torch.testing.assert_close(z.mean(-1), torch.zeros(6), rtol=0, atol=1e-5)
    torch.testing.assert_close(z.var(-1, correction=0), torch.ones(6), rtol=0, atol=1e-2)


@pytest.mark.parametrize("key", EVERYTHING.spaces)
def test_every_modality_is_seen(key):
    """Changing one row of one modality changes that row's latent and no other's."""
    encode, obs = encoder(EVERYTHING), observe(EVERYTHING, 4)
    before = encode(obs)
    changed = obs[key].clone()
    changed[1] = 255 - changed[1] if key == "image" else -changed[1]
    rows = (encode({**obs, key: changed}) - before).abs().amax(-1) > 1e-4
    assert rows.tolist() == [False, True, False, False]


def test_the_order_of_an_observation_does_not_matter():
    """The order of an observation's keys does not matter, and further keys are ignored."""
    encode, obs = encoder(EVERYTHING), observe(EVERYTHING, 3)
    backwards = {"unseen": torch.zeros(3, 1), **dict(reversed(obs.items()))}
    assert torch.equal(encode(obs), encode(backwards))


def test_flat_joins_the_vectors_in_the_order_of_the_keys():
    """Flat joins the vectors in the order of `vector_keys`."""
    encode, obs = encoder(EVERYTHING), observe(EVERYTHING, 3)
    assert sorted(encode.vector_keys) == ["achieved", "goal", "state"]
    assert encode.image_keys == ("image",)
    expected = torch.cat([obs[key] for key in encode.vector_keys], -1)
    assert torch.equal(encode.flat(obs), expected)


def test_standardisation_follows_valid_observations():
    """The statistics are those of the valid observations, against numpy."""
    encode, obs = encoder(GOAL), observe(GOAL, 20, 4)
    valid = torch.rand(20, 4) < 0.6
    poisoned = {key: torch.where(valid[..., None], x, 1e9) for key, x in obs.items()}
    encode.observe(poisoned, valid, rate=1.0)
    seen = encode.flat(obs)[valid].numpy()
    statistics = {key: value.numpy() for key, value in encode.state_dict().items()}
    np.testing.assert_allclose(_ending(statistics, "mean"), seen.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(_ending(statistics, "deviation"), seen.std(0), rtol=1e-4)


def test_standardisation_undoes_units():
    """An encoder that has seen its data gives the same latents in metres and in millimetres."""
    encode, obs = encoder(STATE), observe(STATE, 50)
    small = {key: 1000 * value + 7 for key, value in obs.items()}
    latents = []
    for seen in (obs, small):
        encode.observe(seen, torch.ones(50, dtype=torch.bool), rate=1.0)
        latents.append(encode(seen))
    torch.testing.assert_close(latents[0], latents[1], rtol=1e-3, atol=1e-3)


def test_images_alone_have_nothing_to_standardise():
    """Images alone have nothing to standardise."""
    encode, obs = encoder(IMAGE), observe(IMAGE, 3)
    before = encode(obs)
    encode.observe(obs, torch.ones(3, dtype=torch.bool), rate=1.0)
    assert torch.equal(encode(obs), before)


def test_gradients_reach_every_weight():
    """Gradients reach every weight of every modality."""
    encode = encoder(EVERYTHING)
    (encode(observe(EVERYTHING, 4)) * torch.arange(8)).sum().backward()
    silent = [name for name, p in encode.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@pytest.mark.parametrize(
    ("space", "parts"),
    [
        ({"image": spaces.Box(0, 255, (64, 20, 3), np.uint8)}, ["64 x 20", "at least 36"]),
        ({"state": vector(3), "note": spaces.Text(5)}, ["'note'", "float vectors [D]"]),
        ({"state": spaces.Discrete(3)}, ["'state'", "float vectors [D]"]),
        ({"depth": spaces.Box(0, 9, (40, 40, 1), np.float32)}, ["'depth'", "uint8 images"]),
        ({}, ["none", "float vectors [D]"]),
    ],
)
def test_messages_say_what_is_wrong_and_what_is_expected(space, parts):
    """Each message says what was seen and what was expected."""
    with pytest.raises(SpaceError) as error:
        encoder(spaces.Dict(space))
    for part in (*parts, "Expected"):
        assert part in str(error.value)


def _ending(statistics: dict[str, np.ndarray], name: str) -> np.ndarray:
    (found,) = (value for key, value in statistics.items() if key.endswith(name))
    return found
