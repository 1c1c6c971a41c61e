"""From a dictionary of modalities to one embedding.

Vectors (`state`, `goal`, `achieved`, ...) are concatenated in the order of the space's keys,
standardised and passed through a layer; each image goes through a small strided convolution stack
(Mnih et al., 2015). What is there is joined and projected to the latent width, with a LayerNorm:
latents have zero mean and unit variance over their D entries whatever the sensors' units are.

Legend: B rows (any leading axes), D latent width, W hidden width.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from gymnasium import spaces
from torch import Tensor, nn

from daneel.errors import SpaceError
from daneel.world_models.layers import Standardize

_SMALLEST_IMAGE = 36


class VectorEncoder(nn.Sequential):
    """Standardise, Linear, LayerNorm, SiLU: `[..., V] -> [..., W]`."""

    def __init__(self, width_in: int, width: int) -> None:
        """Builds the layers."""
        super().__init__(
            Standardize(width_in), nn.Linear(width_in, width), nn.LayerNorm(width), nn.SiLU()
        )


class ImageEncoder(nn.Module):
    """uint8 `[..., H, W, C]` to `[..., W]`: three strided convolutions and a linear layer."""

    def __init__(self, shape: tuple[int, int, int], width: int) -> None:
        """Builds the layers for images of `shape` (H, W, C)."""
        super().__init__()
        height, wide, channels = shape
        if min(height, wide) < _SMALLEST_IMAGE:
            raise SpaceError(
                f"An image observation has {height} x {wide} pixels. Expected at least "
                f"{_SMALLEST_IMAGE} each way. Render 64 x 64, or type `daneel list envs` "
                "for tasks with vectors."
            )
        self.convolutions = nn.Sequential(
            *(nn.Conv2d(channels, 32, 8, stride=4), nn.ReLU()),
            *(nn.Conv2d(32, 64, 4, stride=2), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten()),
        )
        with torch.no_grad():
            features = self.convolutions(torch.zeros(1, channels, height, wide)).shape[1]
        self.project = nn.Sequential(nn.Linear(features, width), nn.LayerNorm(width), nn.SiLU())

    def forward(self, image: Tensor) -> Tensor:
        """`[..., H, W, C]` to `[..., W]`."""
        lead = image.shape[:-3]
        pixels = image.reshape(-1, *image.shape[-3:]).permute(0, 3, 1, 2).float() / 255 - 0.5
        return self.project(self.convolutions(pixels)).reshape(*lead, -1)


class MultiModalEncoder(nn.Module):
    """A dictionary observation to a normalised latent `[..., D]`.

    Args:
        space: Observation space of one environment.
        dim: D.
        width: W, hidden width of each modality.

    Raises:
        SpaceError: a modality is neither a vector nor an image, or there is none.
    """

    def __init__(self, space: spaces.Dict, dim: int, width: int) -> None:
        """Builds one encoder for all vectors and one per image."""
        super().__init__()
        self.vector_keys = tuple(key for key, box in space.items() if _is_vector(box))
        self.image_keys = tuple(key for key, box in space.items() if _is_image(box))
        unknown = set(space) - set(self.vector_keys) - set(self.image_keys)
        if unknown or not space:
            raise SpaceError(
                f"The observation has modalities {sorted(unknown) or 'none'} that the world model"
                " cannot encode. Expected float vectors [D] and uint8 images [H, W, C]."
                " Type `daneel list envs` for tasks that have them."
            )
        sizes = [_shape(space[key])[0] for key in self.vector_keys]
        self.width_in = sum(sizes)
        self.vector = VectorEncoder(self.width_in, width) if sizes else None
        # A list: keys of a space may hold dots, names of modules may not.
        shapes = (_shape(space[key]) for key in self.image_keys)
        self.images = nn.ModuleList(ImageEncoder((h, w, c), width) for h, w, c in shapes)
        parts = (self.vector is not None) + len(self.images)
        self.project = nn.Sequential(nn.Linear(parts * width, dim), nn.LayerNorm(dim))

    def flat(self, obs: Mapping[str, Tensor]) -> Tensor:
        """The vectors of an observation, joined: `[..., V]`."""
        return torch.cat([obs[key] for key in self.vector_keys], -1)

    def observe(self, obs: Mapping[str, Tensor], valid: Tensor, rate: float) -> None:
        """Moves the standardisation towards the vectors of `obs` where `valid` is true."""
        if self.vector is not None:
            layer = self.vector[0]
            assert isinstance(layer, Standardize)
            layer.observe(self.flat(obs)[valid], rate)

    def forward(self, obs: Mapping[str, Tensor]) -> Tensor:
        """Observations `[..., *shape]` by key to latents `[..., D]`."""
        parts = [] if self.vector is None else [self.vector(self.flat(obs))]
        images = zip(self.image_keys, self.images, strict=True)
        parts += [encoder(obs[key]) for key, encoder in images]
        return self.project(parts[0] if len(parts) == 1 else torch.cat(parts, -1))


def _shape(space: spaces.Space) -> tuple[int, ...]:
    assert space.shape is not None  # a vector or an image, see `_is_vector` and `_is_image`
    return tuple(map(int, space.shape))


def _is_vector(space: spaces.Space) -> bool:
    return isinstance(space, spaces.Box) and len(space.shape) == 1


def _is_image(space: spaces.Space) -> bool:
    return isinstance(space, spaces.Box) and len(space.shape) == 3 and space.dtype == "uint8"
