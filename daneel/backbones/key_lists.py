"""Keys grouped into short lists that say how high any key inside can score.

k-means (Lloyd 1982) groups the keys of a full segment once, when it is sealed; a list keeps its
centre, its radius and the variance of each coordinate. For a query q, Cauchy and Schwarz bound the
score of every key of a list by `q . centre + |q| radius`; to second order the mean of their
exponentials is `exp(q . centre + q^2 . variance / 2)`.

Legend: R rows (batch times heads), S keys of a segment, D key width, V value width, L lists.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDS = 4
"""Lloyd iterations: more change the radii by a few percent."""


@dataclass(frozen=True)
class Lists:
    """Sealed keys and values of R rows, list after list, and what bounds the scores of each."""

    keys: Tensor
    """`[R, S, D]`, list after list."""
    values: Tensor
    """`[R, S, V]`, in the order of the keys."""
    centres: Tensor
    """`[R, L, D]`."""
    radii: Tensor
    """`[R, L]`, distance from the centre to the farthest key; 0 of an empty list."""
    variances: Tensor
    """`[R, L, D]`, per coordinate."""
    sizes: Tensor
    """`[R, L]`, int64, keys of the list; may be 0."""


def seal(keys: Tensor, values: Tensor, lists: int) -> Lists:
    """Groups `keys [R, S, D]` with their `values [R, S, V]` into `lists` lists a row."""
    homes, centres = _k_means(keys, lists)
    order = homes.argsort(dim=1, stable=True)
    sizes = torch.zeros_like(centres[..., 0], dtype=torch.int64)
    sizes.scatter_add_(1, homes, torch.ones_like(homes))
    offsets = keys - centres.gather(1, _wide(homes, keys))
    square = torch.zeros_like(centres).scatter_add_(1, _wide(homes, keys), offsets.square())
    radii = torch.zeros_like(centres[..., 0])
    radii.scatter_reduce_(1, homes, offsets.norm(dim=-1), "amax")
    return Lists(
        keys.gather(1, _wide(order, keys)),
        values.gather(1, _wide(order, values)),
        centres,
        radii,
        square / sizes.clamp(min=1)[..., None],
        sizes,
    )


def _k_means(keys: Tensor, lists: int) -> tuple[Tensor, Tensor]:
    """List of each key `[R, S]` and the centres `[R, L, D]`, the means of their keys."""
    # Evenly spread over time: no chance is needed, and topics that last get a centre each.
    centres = keys[:, torch.linspace(0, keys.shape[1] - 1, lists, device=keys.device).long()]
    homes = _nearest(keys, centres)
    for _ in range(ROUNDS):
        homes = _nearest(keys, centres)
        total = torch.zeros_like(centres).scatter_add_(1, _wide(homes, keys), keys)
        count = torch.zeros_like(centres[..., 0]).scatter_add_(
            1, homes, torch.ones_like(keys[..., 0])
        )
        centres = torch.where(count[..., None] > 0, total / count.clamp(min=1)[..., None], centres)
    return homes, centres


def _nearest(keys: Tensor, centres: Tensor) -> Tensor:
    # |k - c|^2 without |k|^2, which is the same for every centre.
    return torch.baddbmm(
        0.5 * centres.square().sum(-1)[:, None], keys, centres.mT, alpha=-1
    ).argmin(-1)


def _wide(index: Tensor, like: Tensor) -> Tensor:
    return index[..., None].expand(-1, -1, like.shape[-1])
