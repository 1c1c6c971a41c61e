"""The classical Hopfield network: Hebb's rule and one neuron at a time.

Hopfield (1982, "Neural networks and physical systems with emergent collective computational
abilities"). For patterns x of +-1 and a state s of +-1:

    W = sum_x x x^T with a zero diagonal      s_i' = sign(W_i . s), and s_i where that is zero
    E = -s^T W s / (2 D)

Changing one neuron at a time never raises E. About 0.14 D random patterns fit (Amit et al. 1985),
fewer if the probes are noisy: it is here as the baseline of the modern rule.

Legend: N patterns, Q states, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ClassicalRule:
    """Recall by asynchronous updates; patterns and states are signs."""

    sweeps: int = 20
    """Passes over all neurons at the most; a recall ends at the first that changes nothing."""

    def __post_init__(self) -> None:
        """Refuses fewer than one sweep."""
        if self.sweeps < 1:
            raise ValueError(f"sweeps is {self.sweeps}. Expected 1 or more.")

    def recall(
        self, patterns: Tensor, states: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """States `[Q, D]` of +-1 at rest; neurons in a random order if there is a generator."""
        weights, states = hebb(patterns), _signs("queries", states).clone()
        for _ in range(self.sweeps):
            before = states.clone()
            for neuron in _order(states.shape[1], generator):
                states[:, neuron] = _settled(weights[neuron], states, neuron)
            if torch.equal(before, states):
                break
        return states

    def energy(self, patterns: Tensor, states: Tensor) -> Tensor:
        """Energy of each of `states [Q, D]`: `[Q]`."""
        return -((states @ hebb(patterns)) * states).sum(-1) / (2 * states.shape[1])


def hebb(patterns: Tensor) -> Tensor:
    """Weights `[D, D]`: whole numbers, so that a field of exactly zero is seen as zero.

    Raises:
        ValueError: A pattern holds something else than +-1.
    """
    patterns = _signs("patterns", patterns)
    weights = patterns.T @ patterns
    return weights.fill_diagonal_(0)


def _settled(weights: Tensor, states: Tensor, neuron: int) -> Tensor:
    """The neuron `[Q]` in its field; where the field is zero it stays as it is."""
    field = states @ weights
    return torch.where(field == 0, states[:, neuron], field.sign())


def _order(dim: int, generator: torch.Generator | None) -> list[int]:
    if generator is None:
        return list(range(dim))
    return torch.randperm(dim, generator=generator).tolist()


def _signs(name: str, values: Tensor) -> Tensor:
    if bool((values.abs() != 1).any()):
        raise ValueError(
            f"{name} hold {float(values[values.abs() != 1][0]):g}. Expected only -1 and 1 for the "
            "classical rule. Use values.sign(), or the modern rule."
        )
    return values
