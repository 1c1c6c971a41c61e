"""One step of a layer of RWKV-7 (`daneel.backbones.rwkv`), as nodes of a graph.

Legend: D model width, H heads, K head width.
"""

from __future__ import annotations

import math

import torch

from daneel.alignment.verification import functions
from daneel.alignment.verification.graph import Builder
from daneel.alignment.verification.norms import layer_norm, unit_length
from daneel.alignment.verification.recurrent.parts import (
    MatrixMemory,
    State,
    blended,
    linear_map,
    minus,
)
from daneel.alignment.verification.torch_modules import translate
from daneel.backbones.rwkv import ChannelMix, LowRank, RWKVLayer, TimeMix

_FASTEST = math.exp(-0.5)
"""Log decay per step is never below minus this."""
_LEAST_LENGTH = 1e-12
"""Of `F.normalize`."""


def rwkv_layer(
    b: Builder, layer: RWKVLayer, x: int, state: State, first: int | None, where: str
) -> tuple[int, State, int]:
    """The output, the state, and the values that later layers blend in."""
    normed = translate(b, layer.time_norm, x, f"{where}.time_norm")
    y, after, values = _time_mix(b, layer.time, normed, state, first, f"{where}.time")
    x = b.add(x, y)
    normed = translate(b, layer.channel_norm, x, f"{where}.channel_norm")
    y = _channel_mix(b, layer.channel, normed, state["channel"], f"{where}.channel")
    return b.add(x, y), {**after, "channel": normed}, values


def _time_mix(
    b: Builder, mix: TimeMix, x: int, state: State, first: int | None, where: str
) -> tuple[int, State, int]:
    """S = diag(w) S - (kk * a) (kk^T S) + k v^T, read by r; section 4.1."""
    away = minus(b, state["shift"], x)
    shares = mix.mix.detach().double().cpu()
    xr, xw, xk, xv, xa, xg = (b.add(x, b.scale(away, share)) for share in shares)
    r, k, v = (
        translate(b, layer, source, f"{where}.{name}")
        for name, layer, source in (("r", mix.r, xr), ("k", mix.k, xk), ("v", mix.v, xv))
    )
    if first is None or mix.blend is None:
        first = v
    else:
        share = b.apply(_low_rank(b, mix.blend, xv, f"{where}.blend"), functions.SIGMOID)
        v = blended(b, v, first, share)
    decay = b.apply(_low_rank(b, mix.decay, xw, f"{where}.decay"), functions.exp_sigmoid(_FASTEST))
    rate = b.apply(_low_rank(b, mix.rate, xa, f"{where}.rate"), functions.SIGMOID)
    removal, renewal = (p.detach().double().cpu() for p in (mix.removal, mix.renewal))
    erase = unit_length(b, b.scale(k, removal), _LEAST_LENGTH, mix.heads)
    k = b.product(k, b.scale(b.scale(rate, 1.0, -1.0), renewal, 1.0))
    memory = MatrixMemory(mix.heads, mix.head, mix.head)
    held = b.scale(memory.read(b, erase, state["s"]), -1.0)
    kept = b.product(memory.by_key(b, decay), state["s"])
    moved = memory.outer(b, b.product(erase, rate), held)
    after = b.add(kept, moved, memory.outer(b, k, v))
    y = layer_norm(b, memory.read(b, r, after), mix.norm.weight, mix.norm.bias, mix.norm.eps,
                   mix.heads)  # fmt: skip
    y = b.add(y, b.product(_bonus(b, mix, r, k), v))
    gate = _low_rank(b, mix.gate, xg, f"{where}.gate")
    y = translate(b, mix.out, b.product(y, gate), f"{where}.out")
    return y, {"shift": x, "s": after}, first


def _bonus(b: Builder, mix: TimeMix, r: int, k: int) -> int:
    """Sum of r k bonus over each head, for each of its values `[H, K]`."""
    weights = mix.bonus.detach().double().cpu()
    rows = torch.block_diag(*weights).repeat_interleave(mix.head, 0)
    return linear_map(b, b.product(r, k), rows, roundings=2)


def _low_rank(b: Builder, low: LowRank, source: int, where: str) -> int:
    """Up(act(down x)) + bias."""
    middle = translate(b, low.down, source, f"{where}.down")
    middle = translate(b, low.act, middle, f"{where}.act")
    up = translate(b, low.up, middle, f"{where}.up")
    return up if low.bias is None else b.scale(up, 1.0, low.bias.detach().double().cpu())


def _channel_mix(b: Builder, mix: ChannelMix, x: int, before: int, where: str) -> int:
    """Section 4.2: down(relu(up(mixed))^2)."""
    mixed = blended(b, x, before, mix.mix)
    inner = b.apply(translate(b, mix.up, mixed, f"{where}.up"), functions.RELU)
    return translate(b, mix.down, b.apply(inner, functions.SQUARE), f"{where}.down")
