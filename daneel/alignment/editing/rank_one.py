"""The rank-one patch of ROME: a new value for one key of an MLP's last map.

Meng et al. (2022, arXiv 2202.05262), section 3.1. The map W is read as a memory: what enters it at
the fact's token is the key k, what leaves it the value. The new value v is found by gradient
descent, so that the model says the object when v stands there; then

    W' = W + (v - W k) (C^-1 k)^T / (k^T C^-1 k),    C = E[k k^T] over text,

which maps k to v exactly and moves the keys of the text as little as any such map can.

What differs: k and v are means over given contexts, not over sampled ones; a ridge makes C
invertible on little text; the token may be the prompt's last.

Legend: B rows (one a context), T tokens, M width of keys, D width of values, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daneel.alignment.editing.fact import Fact, Tokens
from daneel.alignment.editing.locate import Place
from daneel.alignment.interpretability.sites import Site, edited, recorded


@dataclass(frozen=True)
class Search:
    """How the value is found and the patch is made."""

    steps: int = 60
    """Gradient steps at most."""
    rate: float = 0.2
    """Of Adam, as a share of the root mean square of the value that stood there."""
    penalty: float = 0.01
    """Of the squared length of the change, as a share of that of the value."""
    keep: float = 1.0
    """Weight of the divergence on prompts that should stay (the paper's KL term)."""
    enough: float = 0.02
    """Nats a token of the object at which the search stops."""
    ridge: float = 1e-4
    """Added to the diagonal of C, as a share of its mean."""


def inverse_covariance(
    model: nn.Module, module: str, text: Iterable[Tensor], ridge: float
) -> Tensor:
    """C^-1 `[M, M]` in float64 over batches of text `[N, T]`."""
    total, count = torch.zeros(()), 0
    for rows in text:
        keys = _keys(model, module, rows).flatten(0, 1).double()
        total, count = total + keys.T @ keys, count + len(keys)
    total = total / count
    return torch.linalg.inv(total + ridge * total.diagonal().mean() * torch.eye(len(total)))


def patch(
    model: nn.Module,
    place: Place,
    inverse: Tensor,
    fact: Fact,
    contexts: Sequence[Tokens],
    stay: Sequence[Fact],
    search: Search,
) -> Tensor:
    """What is added to the map's weight, `[D, M]`, of rank one.

    Args:
        model: Left as it is.
        place: The map and the token.
        inverse: `inverse_covariance` of the map.
        fact: The new fact.
        contexts: Texts before the prompt; an empty one among them is the prompt alone.
        stay: Prompts of the same subject whose continuation should not change; targets are not
            looked at.
        search: How.
    """
    linear = model.get_submodule(place.module)
    assert isinstance(linear, nn.Linear)
    prompts = [(*context, *fact.prompt) for context in contexts]
    at = [_at(place, fact, len(context)) for context in contexts]
    keys = [
        _keys(model, place.module, torch.tensor([p]))[0, i]
        for p, i in zip(prompts, at, strict=True)
    ]
    key = torch.stack(keys).mean(0)
    with torch.no_grad():
        start = linear(key)
    value = start + _change(model, place, fact, prompts, at, start, stay, search)
    with torch.no_grad():
        direction = (inverse @ key.double()).to(key)
        return torch.outer(value - start, direction) / (direction @ key)


def _change(
    model: nn.Module,
    place: Place,
    fact: Fact,
    prompts: Sequence[Tokens],
    at: Sequence[int],
    start: Tensor,
    stay: Sequence[Fact],
    search: Search,
) -> Tensor:
    """The change of the value, `[D]`, with which the model says the object."""
    rows = [torch.tensor([[*prompt, *fact.target[:-1]]]) for prompt in prompts]
    target = torch.tensor(fact.target)
    others = [(torch.tensor([other.prompt]), _at(place, other, 0)) for other in stay]
    with torch.no_grad():
        before = [model(row)[0, -1].log_softmax(-1) for row, _ in others]
    size = start.square().mean().sqrt().clamp(min=1e-6)
    change = torch.zeros_like(start, requires_grad=True)
    optimiser = torch.optim.Adam([change], search.rate * float(size))

    def run(row: Tensor, i: int) -> Tensor:
        with edited(model, {Site(place.module): _plus(i, change)}):
            return model(row)[0]

    for _ in range(search.steps):
        said = [run(r, i)[-len(target) :] for r, i in zip(rows, at, strict=True)]
        loss = torch.stack([F.cross_entropy(logits, target) for logits in said]).mean()
        if float(loss.detach()) < search.enough:
            break
        total = loss + search.penalty * (change / size).square().mean()
        for (row, i), old in zip(others, before, strict=True):
            new = run(row, i)[-1].log_softmax(-1)
            total = total + search.keep / len(others) * F.kl_div(
                new, old, log_target=True, reduction="sum"
            )
        (change.grad,) = torch.autograd.grad(total, change)
        optimiser.step()
    return change.detach()


def _at(place: Place, fact: Fact, shift: int) -> int:
    return shift + (fact.subject if place.token == "subject" else len(fact.prompt) - 1)


@torch.no_grad()
def _keys(model: nn.Module, module: str, rows: Tensor) -> Tensor:
    """What enters the map, `[B, T, M]`."""
    site = Site(module, "input")
    with recorded(model, [site]) as kept:
        model(rows)
    return kept[site]


def _plus(at: int, change: Tensor) -> Callable[[Tensor], Tensor]:
    def edit(activation: Tensor) -> Tensor:
        added = torch.zeros_like(activation)
        added[:, at] = change
        return activation + added

    return edit
