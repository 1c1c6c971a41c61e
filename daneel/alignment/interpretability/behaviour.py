"""What a head does, read off its attention: looking one step back, or completing a repetition.

Olsson et al. (2022, arXiv 2209.11895): on a text that is said twice, an induction head looks from a
token to the one that followed it the first time. The figure needs no intervention, so it can be
held against what interventions find; a head can look and still write nothing.

Legend: B batch, T tokens, H heads, K head width.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

import torch
from torch import Tensor, nn

from daneel.alignment.interpretability.sites import Site, heads
from daneel.backbones.attention import CausalAttention
from daneel.backbones.rotary import angles, rotate
from daneel.errors import ConfigError


@torch.no_grad()
def attention_patterns(model: nn.Module, *inputs: object) -> dict[str, Tensor]:
    """Shares of the softmax `[B, H, T, T]` of every attention layer, in one run from the beginning.

    Raises:
        ConfigError: the model has no attention layer.
    """
    layers = {n: m for n, m in model.named_modules() if isinstance(m, CausalAttention)}
    if not layers:
        raise ConfigError(
            f"{type(model).__name__} has no attention layer. Expected CausalAttention inside. For "
            "linear backbones use state_attribution."
        )
    kept: dict[str, Tensor] = {}

    def keep(name: str, _: nn.Module, __: object, output: Tensor) -> None:
        kept[name] = output

    with ExitStack() as stack:
        for name, layer in layers.items():
            stack.callback(layer.qkv.register_forward_hook(partial(keep, name)).remove)
        model(*inputs)
    return {name: _shares(layer, kept[name]) for name, layer in layers.items()}


def _shares(layer: CausalAttention, qkv: Tensor) -> Tensor:
    steps = qkv.shape[1]
    q, k = qkv.reshape(*qkv.shape[:2], 3, layer.heads, layer.key).unbind(2)[:2]
    places = torch.arange(steps)
    cos, sin = (a[None, :, None] for a in angles(places, layer.key, q.dtype))
    scores = torch.einsum("bqhk,bshk->bhqs", rotate(q, cos, sin), rotate(k, cos, sin))
    back = places[:, None] - places
    seen = back >= 0
    if layer.window is not None:
        seen &= back < layer.window
    return (scores * layer.key**-0.5).masked_fill(~seen, -torch.inf).softmax(-1)


def previous_token(model: nn.Module, *inputs: object) -> dict[Site, float]:
    """Mean share that each head gives to the token just before."""
    return _mean(
        model, {n: p.diagonal(-1, 2, 3) for n, p in attention_patterns(model, *inputs).items()}
    )


def prefix_matching(model: nn.Module, period: int, *inputs: object) -> dict[Site, float]:
    """Mean share that each head gives to the token after the last occurrence of the present one.

    Args:
        model: Reads tokens `[B, T]` that repeat themselves with this period from some place on.
        period: Tokens after which the text repeats itself.
        inputs: Of the model; the last `period` tokens are looked from.
    """
    patterns = attention_patterns(model, *inputs)
    # From t to t - period + 1; only the last period is a repetition for certain.
    shares = {n: p.diagonal(1 - period, 2, 3)[..., -period:] for n, p in patterns.items()}
    return _mean(model, shares)


def _mean(model: nn.Module, shares: dict[str, Tensor]) -> dict[Site, float]:
    """Of shares `[B, H, T]` by layer, for each head of the model."""
    values: dict[str, list[float]] = {n: s.mean((0, 2)).tolist() for n, s in shares.items()}
    found = {}
    for site in heads(model):
        name = site.module.removesuffix(".out")
        if name in values:
            found[site] = values[name].pop(0)
    return found
