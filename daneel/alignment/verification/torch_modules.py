"""From torch modules to a graph.

Known are the exact types of the table below, in any nesting of `nn.Sequential`, and modules that
say themselves how they are computed: `to_graph(builder, source) -> node` next to their `forward`,
as `Standardize` and `Rescale` do. Everything else is refused by name: whoever changes what a layer
computes must say what it is bounded by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification import functions
from daneel.alignment.verification.graph import Builder, Graph
from daneel.alignment.verification.norms import layer_norm, rms_norm


@runtime_checkable
class Translatable(Protocol):
    """A module that writes itself into a graph."""

    def to_graph(self, builder: Builder, source: int) -> int:
        """Add the nodes of this module behind `source`; return the last."""
        ...


def from_torch(network: nn.Module, inputs: int) -> Graph:
    """The graph of a float32 or float64 network on `inputs` flat inputs.

    Raises:
        NoBoundError: A layer that is not known, or weights that are not finite; it is named.
    """
    builder = Builder(inputs)
    return builder.graph(translate(builder, network, 0, "network"))


def translate(builder: Builder, module: nn.Module, source: int, where: str = "network") -> int:
    """Add one module behind a node; return the node it ends in."""
    require_plain(module, where)
    if type(module) is nn.Sequential:
        for name, child in module.named_children():
            source = translate(builder, child, source, f"{where}.{name}")
        return source
    if isinstance(module, Translatable):
        return module.to_graph(builder, source)
    rule = _RULES.get(type(module))
    if rule is None:
        known = ", ".join(sorted(layer.__name__ for layer in _RULES))
        raise NoBoundError(
            f"{where} is a {type(module).__name__}, for which no bound is known. "
            f"Known are {known}. Use one of them, or give the module `to_graph(builder, source)`."
        )
    return rule(builder, module, source)


def require_plain(module: nn.Module, where: str) -> None:
    """Refuse a module whose type does not say what it computes.

    Raises:
        NoBoundError: It has a hook, or a forward of its own.
    """
    if "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks:
        raise NoBoundError(
            f"{where} has a hook or a replaced forward: its type says nothing. Expected plain "
            "layers. Remove the hook, then type the command again."
        )


def linear_step(builder: Builder, weight: Tensor, bias: Tensor | None, source: int) -> int:
    """Weight x + bias, where a bias may be missing."""
    return builder.affine(source, weight, weight.new_zeros(len(weight)) if bias is None else bias)


def _linear(builder: Builder, layer: nn.Linear, source: int) -> int:
    return linear_step(builder, layer.weight, layer.bias, source)


def _layer_norm(builder: Builder, layer: nn.LayerNorm, source: int) -> int:
    _require_span(builder, layer, source)
    return layer_norm(builder, source, layer.weight, layer.bias, layer.eps)


def _rms_norm(builder: Builder, layer: nn.RMSNorm, source: int) -> int:
    _require_span(builder, layer, source)
    if layer.eps is None and layer.weight is not None and layer.weight.dtype != torch.float32:
        raise NoBoundError(
            f"RMSNorm of {layer.weight.dtype} has eps None, which torch takes from the precision "
            "it runs in: two networks in one. Expected a number. Pass nn.RMSNorm(size, eps=1e-6)."
        )
    eps = torch.finfo(torch.float32).eps if layer.eps is None else layer.eps
    return rms_norm(builder, source, layer.weight, eps)


def _require_span(builder: Builder, layer: nn.LayerNorm | nn.RMSNorm, source: int) -> None:
    if tuple(layer.normalized_shape) != (builder.size(source),):
        raise NoBoundError(
            f"{type(layer).__name__} over {tuple(layer.normalized_shape)} does not span its "
            f"{builder.size(source)} inputs. Expected one norm over a flat vector. Flatten first."
        )


def gru_cell(builder: Builder, cell: nn.GRUCell, x: int, hidden: int) -> int:
    """One step: h' = n + z (h - n) with the gates of `nn.GRUCell`.

    z (h - n) is one product: z n and z h apart would lose that the same gate weighs both.
    """
    size = cell.hidden_size
    from_x = linear_step(builder, cell.weight_ih, cell.bias_ih, x)
    from_h = linear_step(builder, cell.weight_hh, cell.bias_hh, hidden)
    gates = [torch.arange(k * size, (k + 1) * size) for k in range(3)]  # r, z, n
    x_r, x_z, x_n = (builder.gather(from_x, gate) for gate in gates)
    h_r, h_z, h_n = (builder.gather(from_h, gate) for gate in gates)
    r = builder.apply(builder.add(x_r, h_r), functions.SIGMOID)
    z = builder.apply(builder.add(x_z, h_z), functions.SIGMOID)
    n = builder.apply(builder.add(x_n, builder.product(r, h_n)), functions.TANH)
    away = builder.add(hidden, builder.scale(n, -1.0))
    return builder.add(n, builder.product(z, away))


def _gru_cell(builder: Builder, cell: nn.GRUCell, source: int) -> int:
    """Behind one flat input: x first, then the hidden state."""
    width = cell.input_size
    x = builder.gather(source, torch.arange(width))
    hidden = builder.gather(source, torch.arange(width, width + cell.hidden_size))
    return gru_cell(builder, cell, x, hidden)


def _function(function: functions.Function) -> Callable[[Builder, Any, int], int]:
    return lambda builder, layer, source: builder.apply(source, function)


def _gelu(builder: Builder, layer: nn.GELU, source: int) -> int:
    if layer.approximate != "none":
        raise NoBoundError(
            f"GELU is approximated by {layer.approximate!r}. Expected 'none'. "
            "Replace it by nn.GELU()."
        )
    return builder.apply(source, functions.GELU)


def _softplus(builder: Builder, layer: nn.Softplus, source: int) -> int:
    if layer.beta != 1 or layer.threshold < 20:
        raise NoBoundError(
            f"Softplus has beta {layer.beta} and threshold {layer.threshold}. Expected beta 1 and "
            "a threshold from 20. Replace it by nn.Softplus()."
        )
    return builder.apply(source, functions.SOFTPLUS)


def _keep(builder: Builder, layer: nn.Module, source: int) -> int:
    return source


_RULES: dict[type[nn.Module], Callable[[Builder, Any, int], int]] = {
    nn.Linear: _linear,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: _rms_norm,
    nn.GRUCell: _gru_cell,
    nn.ReLU: _function(functions.RELU),
    nn.Tanh: _function(functions.TANH),
    nn.Sigmoid: _function(functions.SIGMOID),
    nn.SiLU: _function(functions.SILU),
    nn.GELU: _gelu,
    nn.Softplus: _softplus,
    nn.ELU: lambda b, layer, s: b.apply(s, functions.elu(layer.alpha)),
    nn.LeakyReLU: lambda b, layer, s: b.apply(s, functions.leaky_relu(layer.negative_slope)),
    nn.Hardtanh: lambda b, layer, s: b.apply(s, functions.clip(layer.min_val, layer.max_val)),
    nn.ReLU6: lambda b, layer, s: b.apply(s, functions.clip(0.0, 6.0)),
    nn.Identity: _keep,
    nn.Flatten: _keep,
    nn.Dropout: _keep,
}
"""Rules by exact type. Dropout is what it is in deployment: nothing."""
