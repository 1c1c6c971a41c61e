"""Where a fact is kept: causal tracing over MLPs and places of the prompt.

Meng et al. (2022, arXiv 2202.05262), section 2: run the prompt, run it again with the subject
spoiled, and put one MLP's output of the first run, at one token, into the second; the place that
brings the object back is where it was recalled. What differs: the subject is spoiled by another
subject in its place rather than by noise, which keeps the activations likely (Zhang, Nanda 2023,
arXiv 2309.16042), and only two tokens are tried: the subject's last and the prompt's last. Small
models recall at the one or at the other; an edit at the wrong one does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from daneel.alignment.editing.fact import Fact
from daneel.alignment.interpretability.sites import Site, edited, recorded
from daneel.errors import ConfigError

Where = Literal["subject", "last"]
"""The subject's last token, or the prompt's last."""
_WHERE: tuple[Where, ...] = ("subject", "last")


@dataclass(frozen=True)
class Place:
    """Where a fact can be edited."""

    module: str
    """A linear map: an MLP's last one."""
    token: Where
    """See `Where`."""
    effect: float
    """Share of the object's log-probability that it brings back; 1 is all of it."""


def locate(
    model: nn.Module, facts: Sequence[Fact], modules: Sequence[str] | None = None
) -> list[Place]:
    """Every place with its mean effect over the facts, the strongest first.

    Args:
        model: Tokens `[B, T]` to logits `[B, T, V]` of the next.
        facts: What the model says now; at least two, with prompts of one form (the subject of the
            next one of the same length stands in for a fact's own).
        modules: Linear maps that end an MLP; None is every one named `mlp.down`.

    Raises:
        ConfigError: there is no such module, or no two prompts of the same length.
    """
    found = [n for n, _ in model.named_modules() if n.endswith("mlp.down")]
    modules = found if modules is None else list(modules)
    pairs = list(_pairs(facts))
    if not modules or not pairs:
        raise ConfigError(
            f"There are {len(modules)} modules and {len(pairs)} pairs of prompts of one length. "
            "Expected at least one of each. Name the MLPs' last maps and give more facts."
        )
    effects: dict[tuple[str, Where], float] = {(m, w): 0.0 for m in modules for w in _WHERE}
    for clean, other in pairs:
        for key, effect in _effects(model, clean, other, modules).items():
            effects[key] += effect / len(pairs)
    places = [Place(module, where, effect) for (module, where), effect in effects.items()]
    return sorted(places, key=lambda place: -place.effect)


def _pairs(facts: Sequence[Fact]) -> Iterator[tuple[Fact, Fact]]:
    """Each fact with the next one of the same shape, with another subject and another object."""
    for i, fact in enumerate(facts):
        for other in [*facts[i + 1 :], *facts[:i]]:
            alike = (len(fact.prompt), fact.subject) == (len(other.prompt), other.subject)
            at = fact.subject + 1
            if alike and fact.target != other.target and fact.prompt[:at] != other.prompt[:at]:
                yield fact, other
                break


@torch.no_grad()
def _effects(
    model: nn.Module, clean: Fact, other: Fact, modules: Sequence[str]
) -> dict[tuple[str, Where], float]:
    """What each place brings back of the log-probability of the clean object's first token."""
    spoiled = torch.tensor(
        [list(other.prompt[: clean.subject + 1] + clean.prompt[clean.subject + 1 :])]
    )
    intact = torch.tensor([list(clean.prompt)])
    sites = [Site(module) for module in modules]
    with recorded(model, sites) as kept:
        high = _says(model, intact, clean)
    low = _says(model, spoiled, clean)
    ends: dict[Where, int] = {"subject": clean.subject, "last": len(clean.prompt) - 1}
    found: dict[tuple[str, Where], float] = {}
    for site in sites:
        for where, at in ends.items():
            with edited(model, {site: _put(at, kept[site][:, at])}):
                found[site.module, where] = (_says(model, spoiled, clean) - low) / (high - low)
    return found


def _says(model: nn.Module, rows: Tensor, fact: Fact) -> float:
    return float(model(rows)[0, -1].log_softmax(-1)[fact.target[0]])


def _put(at: int, value: Tensor) -> Callable[[Tensor], Tensor]:
    def edit(activation: Tensor) -> Tensor:
        activation = activation.clone()
        activation[:, at] = value
        return activation

    return edit
