"""One step of each mixer of the backbones: retention, GLA, Mamba, Mamba-2, gated delta rule, GRU.

Equations and names are those of the mixers' own files; the order of operations is that of their
deployed single step. A decay is one function of what makes it (`functions.sigmoid_power`), so it
is known to stay in (0, 1); keys of length 1 and normed outputs keep their laws (`norms`).

Legend: D model width, H heads, K key width, V value width, E channels, N state width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from daneel.alignment.verification import functions
from daneel.alignment.verification.graph import Builder
from daneel.alignment.verification.norms import layer_norm, unit_length
from daneel.alignment.verification.recurrent.parts import (
    MatrixMemory,
    State,
    linear_map,
    minus,
    shifted,
    short_conv,
    split,
)
from daneel.alignment.verification.torch_modules import gru_cell, translate
from daneel.backbones.delta import GatedDeltaNet
from daneel.backbones.gla import GatedLinearAttention
from daneel.backbones.gru import GRUMixer
from daneel.backbones.mamba import MambaBlock
from daneel.backbones.mamba2 import Mamba2Block
from daneel.backbones.ops.retention import default_log_decay
from daneel.backbones.retention import RetNetRetention
from daneel.backbones.rotary import angles, rotate

_EPS = 1e-5
"""Of `F.layer_norm`."""

Step = tuple[int, State]
"""The node of y, and those of the state after the step."""


def retention(b: Builder, mixer: RetNetRetention, x: int, state: State, where: str) -> Step:
    """A fixed decay per head, and keys turned back by one position."""
    memory = MatrixMemory(mixer.heads, mixer.key, mixer.value)
    q, k, v, gate = split(b, translate(b, mixer.qkvg, x, f"{where}.qkvg"), mixer.sizes)
    decay = default_log_decay(mixer.heads).exp().repeat_interleave(mixer.key * mixer.value)
    after = b.add(b.scale(state["s"], decay), memory.outer(b, k, v))
    y = memory.read(b, q, after, mixer.key**-0.5)
    turned = linear_map(b, after, _turned_back(memory), roundings=4)
    return _gated(b, mixer, y, gate, where), {"s": turned}


def _turned_back(memory: MatrixMemory) -> Tensor:
    """The matrix that turns the keys of S by -1, `[H K V, H K V]`."""
    cos, sin = angles(torch.tensor(-1), memory.key, torch.float64)
    eye = torch.eye(memory.size, dtype=torch.float64)
    parts = eye.reshape(-1, memory.heads, memory.key, memory.value).transpose(-1, -2)
    return rotate(parts, cos, sin).transpose(-1, -2).reshape(memory.size, -1).T


def gla(b: Builder, mixer: GatedLinearAttention, x: int, state: State, where: str) -> Step:
    """A decay per key channel: sigmoid(low rank map)^(1/16)."""
    memory = MatrixMemory(mixer.heads, mixer.key, mixer.value)
    parts = split(b, translate(b, mixer.project, x, f"{where}.project"), mixer.sizes)
    q, k, v, gate, low = parts
    fading = translate(b, mixer.decay, low, f"{where}.decay")
    decay = b.apply(fading, functions.sigmoid_power(1 / 16))
    kept = b.product(memory.by_key(b, decay), state["s"])
    after = b.add(kept, memory.outer(b, k, v))
    y = memory.read(b, q, after, mixer.key**-0.5)
    return _gated(b, mixer, y, gate, where), {"s": after}


def _gated(b: Builder, mixer: Any, y: int, gate: int, where: str) -> int:
    """out(silu(gate) norm(y)), the norm over each head."""
    y = layer_norm(b, y, None, None, _EPS, mixer.heads)
    return translate(b, mixer.out, b.product(b.apply(gate, functions.SILU), y), f"{where}.out")


def mamba(b: Builder, mixer: MambaBlock, x: int, state: State, where: str) -> Step:
    """A diagonal state per channel: h = exp(step A) h + step u B, y = C h + skip u."""
    channels, width = mixer.log_rate.shape
    both = translate(b, mixer.inputs, x, f"{where}.inputs")
    u, gate = split(b, both, [channels, channels])
    u, tail = short_conv(b, mixer.conv, u, state["conv"])
    low, enter, leave = split(b, translate(b, mixer.select, u, f"{where}.select"), mixer.sizes)
    slow = translate(b, mixer.step, low, f"{where}.step")
    memory = MatrixMemory(1, channels, width)  # [E, N]
    rate = mixer.log_rate.detach().double().cpu().exp().flatten()
    decay = b.apply(memory.by_key(b, slow), functions.sigmoid_power(rate, rising=False))
    drive = b.product(b.apply(slow, functions.SOFTPLUS), u)
    after = b.add(b.product(decay, state["s"]), memory.outer(b, drive, enter))
    given = b.product(memory.by_value(b, leave), after)
    total = torch.eye(channels, dtype=torch.float64).repeat_interleave(width, 1)
    y = b.add(linear_map(b, given, total), b.scale(u, mixer.skip.detach().double().cpu()))
    y = b.product(b.apply(gate, functions.SILU), y)
    return translate(b, mixer.out, y, f"{where}.out"), {"conv": tail, "s": after}


def mamba2(b: Builder, mixer: Mamba2Block, x: int, state: State, where: str) -> Step:
    """One decay per head: h = exp(dt A) h + dt u B^T, y = h C + skip u."""
    gate, u, slow = split(b, translate(b, mixer.inputs, x, f"{where}.inputs"), mixer.sizes)
    u, tail = short_conv(b, mixer.conv, u, state["conv"])
    u, enter, leave = split(b, u, mixer.inner_sizes)
    slow = shifted(b, slow, mixer.step_bias)
    rate = mixer.log_rate.detach().double().cpu().exp()
    memory = MatrixMemory(mixer.heads, mixer.head, mixer.inner_sizes[1])  # [H, P, N]
    spread = torch.arange(mixer.heads).repeat_interleave(mixer.head)
    step = b.gather(b.apply(slow, functions.SOFTPLUS), spread)
    decay = b.apply(slow, functions.sigmoid_power(rate, rising=False))
    enter, leave = (b.gather(part, _same_for_heads(memory)) for part in (enter, leave))
    kept = b.product(memory.by_head(b, decay), state["s"])
    after = b.add(kept, memory.outer(b, b.product(step, u), enter))
    given = b.product(memory.by_value(b, leave), after)
    total = torch.eye(memory.heads * memory.key, dtype=torch.float64)
    y = linear_map(b, given, total.repeat_interleave(memory.value, 1))
    skip = mixer.skip.detach().double().cpu()[spread]
    y = b.product(b.add(y, b.scale(u, skip)), b.apply(gate, functions.SILU))
    y = translate(b, mixer.norm, y, f"{where}.norm")
    return translate(b, mixer.out, y, f"{where}.out"), {"conv": tail, "s": after}


def _same_for_heads(memory: MatrixMemory) -> Tensor:
    """Index that repeats `[N]` for each head."""
    return torch.arange(memory.value).repeat(memory.heads)


def delta(b: Builder, mixer: GatedDeltaNet, x: int, state: State, where: str) -> Step:
    """S = e^g S + k (beta (v - k^T e^g S))^T, keys and queries of length 1."""
    memory = MatrixMemory(mixer.heads, mixer.key, mixer.value)
    parts = split(b, translate(b, mixer.inputs, x, f"{where}.inputs"), mixer.sizes)
    qkv, gate, write, slow = parts
    qkv, tail = short_conv(b, mixer.conv, qkv, state["conv"])
    q, k, v = split(b, qkv, mixer.inner_sizes)
    q, k = (unit_length(b, part, 1e-6, mixer.heads) for part in (q, k))
    rate = mixer.log_rate.detach().double().cpu().exp()
    slow = shifted(b, slow, mixer.step_bias)
    decay = b.apply(slow, functions.sigmoid_power(rate, rising=False))
    beta = b.apply(write, functions.SIGMOID)
    beta = beta if mixer.strength == 1 else b.scale(beta, mixer.strength)
    beta = b.gather(beta, torch.arange(mixer.heads).repeat_interleave(mixer.value))
    faded = b.product(memory.by_head(b, decay), state["s"])
    new = b.product(beta, minus(b, v, memory.read(b, k, faded)))
    after = b.add(faded, memory.outer(b, k, new))
    y = memory.read(b, q, after, mixer.key**-0.5)
    return _gated(b, mixer, y, gate, where), {"conv": tail, "s": after}


def gru(b: Builder, mixer: GRUMixer, x: int, state: State, where: str) -> Step:
    """As `nn.GRUCell`."""
    cell = nn.utils.skip_init(nn.GRUCell, mixer.cell.input_size, mixer.cell.hidden_size)
    with torch.no_grad():
        for own, given in zip(cell.parameters(), mixer.cell.all_weights[0], strict=True):
            own.copy_(given)
    hidden = gru_cell(b, cell, x, state["h"])
    return hidden, {"h": hidden}


MIXERS: dict[type[nn.Module], Callable[[Builder, Any, int, State, str], Step]] = {
    RetNetRetention: retention,
    GatedLinearAttention: gla,
    MambaBlock: mamba,
    Mamba2Block: mamba2,
    GatedDeltaNet: delta,
    GRUMixer: gru,
}
"""Rules by exact type."""
