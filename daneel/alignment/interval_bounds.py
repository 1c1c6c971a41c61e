"""Interval bound propagation: every output a float32 network can give for inputs in a box.

The box is pushed through the network layer by layer; each layer's rule returns an interval per
unit that contains every value the deployed float32 layer can return (see `rounding`). The result
is sound, not sampled; it is not tight: the correlation between units is lost at every layer.

Legend: D width of a layer, low/high `[D]` float64.

How a layer gets a rule, one way for each side of the import table:

- A layer of torch: `@register_bound(nn.Tanh)` on a function `(layer, low, high) -> (low, high)`.
- A layer of this project: the class defines `bounds(self, low, high) -> (low, high)` next to its
  `forward` (`BoundedLayer`). Alignment imports no model code, and model code no alignment.

A layer has a rule only under its exact type, and `bounds` counts only when no subclass below it
replaces `forward`: whoever changes what a layer computes must also say what it is bounded by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from daneel.alignment.rounding import (
    LARGEST,
    TINY,
    Bounds,
    NoBoundError,
    float32_outward,
    gamma,
    magnitude,
    widen,
)

Rule = Callable[[Any, Tensor, Tensor], Bounds]
"""Bounds of a layer's float32 output `[D']` from bounds of its float32 input `[D]`."""


@runtime_checkable
class BoundedLayer(Protocol):
    """A project layer that knows its own bounds."""

    def bounds(self, low: Tensor, high: Tensor) -> Bounds:
        """Float64 ends of every float32 output, rounding included, for inputs in `[low, high]`.

        Where an intermediate value may overflow float32, an end must be infinite or NaN.
        """
        ...


_RULES: dict[type[nn.Module], Rule] = {}


def register_bound(*layer_types: type[nn.Module]) -> Callable[[Rule], Rule]:
    """Decorator: the function is the rule of these exact layer types.

    Raises:
        ValueError: A type already has a rule.
    """

    def register(rule: Rule) -> Rule:
        for layer_type in layer_types:
            if layer_type in _RULES:
                raise ValueError(f"{layer_type.__name__} already has a bound.")
            _RULES[layer_type] = rule
        return rule

    return register


def output_bounds(network: nn.Module, low: Tensor, high: Tensor) -> Bounds:
    """Bounds `[A]` (float64) of all float32 outputs for all float32 inputs in the box.

    Args:
        network: Float32 layers with rules, in any nesting of `nn.Sequential`.
        low: Lower corner `[D]` of the box, finite.
        high: Upper corner `[D]`, not below `low`.

    Raises:
        NoBoundError: A layer has no rule, is not plain float32, has weights that are not finite, or
            may overflow; the message names it.
    """
    low, high = low.detach().double().cpu(), high.detach().double().cpu()
    _require_interval(low, high, "The box")
    with torch.no_grad():
        return _propagate(network, low, high, "actor")


def _propagate(module: nn.Module, low: Tensor, high: Tensor, where: str) -> Bounds:
    _require_plain(module, where)
    if type(module) is nn.Sequential:
        for name, child in module.named_children():
            low, high = _propagate(child, low, high, f"{where}.{name}")
        return low, high
    low, high = _rule(module, where)(module, low, high)
    _require_interval(low, high, f"{where} ({type(module).__name__})")
    return low, high


def _rule(module: nn.Module, where: str) -> Rule:
    layer_type = type(module)
    if layer_type in _RULES:
        return _RULES[layer_type]
    forward = next(c for c in layer_type.__mro__ if "forward" in vars(c))
    bounds = next((c for c in layer_type.__mro__ if "bounds" in vars(c)), None)
    if bounds is not None and issubclass(bounds, forward):
        return lambda layer, low, high: layer.bounds(low, high)
    raise NoBoundError(f"{where} is a {layer_type.__name__}, for which no bound is known.")


def _require_plain(module: nn.Module, where: str) -> None:
    """The layer computes what its type says, on float32 weights."""
    if "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks:
        raise NoBoundError(f"{where} has a hook or a replaced forward: its type says nothing.")
    own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    for tensor in own:
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise NoBoundError(f"{where} is {tensor.dtype}. The bounds are for float32.")
        if not torch.isfinite(tensor).all():
            raise NoBoundError(f"{where} has weights that are not finite.")


def _require_interval(low: Tensor, high: Tensor, where: str) -> None:
    if low.ndim != 1 or low.shape != high.shape:
        raise NoBoundError(f"{where} has ends of shapes {list(low.shape)}, {list(high.shape)}.")
    if not bool((low <= high).all()):  # false for NaN too
        raise NoBoundError(f"{where} has a lower end above its upper end, or NaN.")
    if not bool((magnitude(low, high) <= LARGEST).all()):
        raise NoBoundError(f"{where} may overflow float32.")


@register_bound(nn.Linear)
def _linear(layer: nn.Linear, low: Tensor, high: Tensor) -> Bounds:
    """W x + b: n products and n additions, so at most gamma(n + 1) of sum |w x| + |b|."""
    if layer.in_features != low.numel():
        raise NoBoundError(f"Linear expects {layer.in_features} inputs, {low.numel()} came.")
    weight = layer.weight.double().cpu()
    bias = layer.bias.double().cpu() if layer.bias is not None else weight.new_zeros(len(weight))
    positive, negative = weight.clamp(min=0), weight.clamp(max=0)
    largest = magnitude(low, high)
    total = weight.abs() @ largest + bias.abs()
    n = layer.in_features
    # One rounding more than counted is room for the float64 sums here (2^-53 against 2^-24).
    underflow = 2 * (n + 1) * TINY * (1 + float(weight.abs().max()) + float(largest.max()))
    error = gamma(n + 2) * total + underflow
    if float((total + error).max()) > LARGEST:  # a partial sum can be larger than the result
        raise NoBoundError("Linear may overflow float32 in a partial sum.")
    lower = positive @ low + negative @ high + bias
    upper = positive @ high + negative @ low + bias
    lower, upper = widen(lower, upper, 0.0, error)
    single = (weight != 0).sum(1) <= 1
    exact_low, exact_high = _single_products(weight, bias, low, high)
    return torch.where(single, exact_low, lower), torch.where(single, exact_high, upper)


def _single_products(weight: Tensor, bias: Tensor, low: Tensor, high: Tensor) -> Bounds:
    """Ends of w x + b for rows with one input, as the kernel rounds them.

    One product and one sum, fused or not, are monotone in x: so the ends are reached at the ends,
    and computing them as float32 does costs no margin. A change of units after tanh stays provable.
    """
    column = weight.abs().argmax(1)
    factor = weight.gather(1, column[:, None])[:, 0]
    x_low, x_high = float32_outward(low[column], high[column])
    ends = factor * x_low, factor * x_high  # exact in float64: 24 + 24 bits
    flushed = (1 + factor.abs()) * TINY  # what a kernel without subnormals loses; 1 + 2^-126 is 1
    product = torch.minimum(*ends) - flushed, torch.maximum(*ends) + flushed
    fused = float32_outward(product[0] + bias, product[1] + bias)
    rounded = product[0].float().double() + bias, product[1].float().double() + bias
    plain = float32_outward(*rounded)
    return torch.minimum(fused[0], plain[0]), torch.maximum(fused[1], plain[1])


@register_bound(nn.Identity, nn.Flatten)
def _identity(layer: nn.Module, low: Tensor, high: Tensor) -> Bounds:
    return low, high
