"""Random arguments of every operator with a matrix state.

Legend: B batch, T time, H heads, G groups, K key width, V value width.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from daneel.backbones import ops
from daneel.backbones.ops.wkv7_slow_decay import FASTEST
from tests.backbones.ops.matching import Case, mixed_decay, normal, unit

Shape = tuple[int, int, int, int, int]
"""B, T, H, K, V; for `ssd` B, T, H, head width, state width."""


def retention(shape: Shape, strong: bool = False, resets: Tensor | None = None) -> Case:
    """Decays that depend on the token; `strong` mixes in decays of -40, -1e4 and 0."""
    batch, time, heads, key, value = shape
    over_time = _qkv(shape) | {"log_decay": _decay(batch, time, heads, strong=strong)}
    state = normal(batch, heads, key, value, seed=4)
    return Case(ops.retention, ops.retention_naive, over_time, state, {}, resets)


def gla(shape: Shape, strong: bool = False, resets: Tensor | None = None) -> Case:
    """A decay a channel; `strong` as above."""
    batch, time, heads, key, value = shape
    over_time = _qkv(shape) | {"log_decay": _decay(batch, time, heads, key, strong=strong)}
    state = normal(batch, heads, key, value, seed=4)
    return Case(ops.gla, ops.gla_naive, over_time, state, {}, resets)


def delta(shape: Shape, strong: bool = False, resets: Tensor | None = None) -> Case:
    """Keys of length 1; `strong` as above."""
    batch, time, heads, key, value = shape
    over_time = _qkv(shape) | {
        "k": unit(batch, time, heads, key, seed=1),
        "beta": normal(batch, time, heads, seed=5).sigmoid(),
        "g": _decay(batch, time, heads, strong=strong),
    }
    state = normal(batch, heads, key, value, seed=4)
    return Case(ops.gated_delta_rule, ops.gated_delta_rule_naive, over_time, state, {}, resets)


def wkv7(shape: Shape, strong: bool = False, resets: Tensor | None = None) -> Case:
    """A correction as the paper's layer makes it; `strong` as above."""
    batch, time, heads, key, value = shape
    removed = unit(batch, time, heads, key, seed=5)
    over_time = {
        "r": normal(batch, time, heads, key, seed=0),
        "w": _decay(batch, time, heads, key, strong=strong),
        "k": normal(batch, time, heads, key, seed=1),
        "v": normal(batch, time, heads, value, seed=2),
        "a": -removed,
        "b": removed * normal(batch, time, heads, key, seed=6).sigmoid(),
    }
    state = normal(batch, heads, key, value, seed=4)
    return Case(ops.wkv7, ops.wkv7_naive, over_time, state, {}, resets)


def wkv7_slow_decay(shape: Shape, strong: bool = False, resets: Tensor | None = None) -> Case:
    """No decay beyond what the written-out form takes; `strong` goes to its bound."""
    case = wkv7(shape, strong=strong, resets=resets)
    case.over_time["w"].mul_(1 if strong else 0.3).clamp_(min=-FASTEST)
    return case


def ssd(shape: Shape, strong: bool = False, resets: Tensor | None = None) -> Case:
    """Two groups where the heads are even; `strong` as above, in the step sizes."""
    batch, time, heads, width, wide = shape
    dt = normal(batch, time, heads, seed=3).abs()
    groups = 2 if heads % 2 == 0 else 1
    over_time = {
        "x": normal(batch, time, heads, width, seed=0),
        "dt": -mixed_decay(-dt) if strong else dt,
        "B": normal(batch, time, groups, wide, seed=1),
        "C": normal(batch, time, groups, wide, seed=2),
    }
    fixed = {"A": -normal(heads, seed=5).abs(), "D": normal(heads, seed=6)}
    state = normal(batch, heads, width, wide, seed=4)
    return Case(ops.ssd, ops.ssd_naive, over_time, state, fixed, resets)


CASES: dict[str, Callable[..., Case]] = {
    "retention": retention,
    "gla": gla,
    "delta": delta,
    "wkv7": wkv7,
    "wkv7 slow decay": wkv7_slow_decay,
    "ssd": ssd,
}
"""What makes arguments of a shape, by the operator's name."""


def _qkv(shape: Shape) -> dict[str, Tensor]:
    batch, time, heads, key, value = shape
    widths = {"q": key, "k": key, "v": value}
    return {
        name: normal(batch, time, heads, width, seed=seed)
        for seed, (name, width) in enumerate(widths.items())
    }


def _decay(*shape: int, strong: bool) -> Tensor:
    decay = -0.3 * normal(*shape, seed=3).abs()
    return mixed_decay(decay) if strong else decay
