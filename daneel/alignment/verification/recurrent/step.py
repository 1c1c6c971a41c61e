"""One step of a backbone, (x, state) -> (y, state), as a flat network that can be bounded.

The input is x, then the state's tensors in the order of `initial_state`; the output is y, then the
state after the step in the same order. Around the backbone there may be an encoder of the
observation and a head that makes the action. What is bounded is the deployed single step (T = 1)
in float32; whole sequences run in chunks of their own arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification.graph import Builder
from daneel.alignment.verification.recurrent.mixers import MIXERS
from daneel.alignment.verification.recurrent.parts import State, gated_mlp, split
from daneel.alignment.verification.recurrent.rwkv import rwkv_layer
from daneel.alignment.verification.torch_modules import require_plain, translate
from daneel.backbones import Backbone
from daneel.backbones.identity import IdentityBackbone
from daneel.backbones.mlp import GatedMLP
from daneel.backbones.rwkv import RWKV, RWKVLayer
from daneel.backbones.stack import Layer, Stack


class RecurrentStep(nn.Module):
    """`[N, inputs + S]` to `[N, outputs + S]`, S the numbers of a state.

    Args:
        backbone: retention, gla, mamba, mamba2, rwkv, delta, gru, hybrid or identity.
        encoder: From the observation to the backbone's input `[N, D]`; None passes it on.
        head: From the backbone's output `[N, D]` to what is wanted of it.
        inputs: Size of the observation where there is an encoder.

    Raises:
        NoBoundError: The backbone's state grows, as attention's does.
    """

    def __init__(
        self,
        backbone: Backbone,
        encoder: nn.Module | None = None,
        head: nn.Module | None = None,
        inputs: int | None = None,
    ) -> None:
        """Keeps the parts."""
        super().__init__()
        self.backbone = backbone
        self.encoder = nn.Identity() if encoder is None else encoder
        self.head = nn.Identity() if head is None else head
        self.inputs = backbone.dim if inputs is None else inputs
        state = backbone.initial_state(1)
        self.shapes = {name: tuple(value.shape[1:]) for name, value in state.items()}
        if any(math.prod(shape) == 0 for shape in self.shapes.values()):
            raise NoBoundError(
                f"The state of {type(backbone).__name__} grows with every step. Expected a state "
                "of one size. Use a linear backbone: retention, gla, mamba, mamba2, rwkv, delta."
            )

    @property
    def state_size(self) -> int:
        """S."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def forward(self, z: Tensor) -> Tensor:
        """`[N, inputs + S]` to `[N, outputs + S]`."""
        x, *parts = z.split([self.inputs, *self._sizes()], 1)
        state = {
            name: part.unflatten(1, shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }
        y, state = self.backbone(self.encoder(x).unsqueeze(1), state)
        after = [state[name].flatten(1) for name in self.shapes]
        return torch.cat([self.head(y.squeeze(1)), *after], 1)

    def to_graph(self, builder: Builder, source: int) -> int:
        """The same arithmetic as nodes of a verifier's graph."""
        x, *parts = split(builder, source, [self.inputs, *self._sizes()])
        x = translate(builder, self.encoder, x, "encoder")
        y, after = backbone_step(
            builder, self.backbone, x, dict(zip(self.shapes, parts, strict=True))
        )
        y = translate(builder, self.head, y, "head")
        return builder.concat(y, *(after[name] for name in self.shapes))

    def _sizes(self) -> list[int]:
        return [math.prod(shape) for shape in self.shapes.values()]


def backbone_step(builder: Builder, backbone: nn.Module, x: int, state: State) -> tuple[int, State]:
    """The nodes of y and of the state, named `layer0.s`, ..., behind those of x and the state.

    Raises:
        NoBoundError: A part of the backbone is not known; it is named.
    """
    require_plain(backbone, "backbone")
    if type(backbone) is IdentityBackbone:
        return x, {}
    known = isinstance(backbone, Stack) and type(backbone).forward is Stack.forward
    if not known or type(backbone).run not in (Stack.run, RWKV.run):
        raise _unknown(backbone, "backbone")
    after: State = {}
    first: int | None = None
    for index, layer in enumerate(backbone.layers):
        where, prefix = f"backbone.layers.{index}", f"layer{index}."
        own = {k.removeprefix(prefix): node for k, node in state.items() if k.startswith(prefix)}
        if type(layer) is RWKVLayer:
            x, own, first = rwkv_layer(builder, layer, x, own, first, where)
        elif type(layer) is Layer:
            x, own = _layer(builder, layer, x, own, where)
        else:
            raise _unknown(layer, where)
        after |= {prefix + name: node for name, node in own.items()}
    return translate(builder, backbone.norm, x, "backbone.norm"), after


def _layer(builder: Builder, layer: Layer, x: int, state: State, where: str) -> tuple[int, State]:
    rule = MIXERS.get(type(layer.mixer))
    if rule is None:
        raise _unknown(layer.mixer, f"{where}.mixer")
    for name, part in layer.named_modules():
        require_plain(part, f"{where}.{name}")
    normed = translate(builder, layer.norm, x, f"{where}.norm")
    y, after = rule(builder, layer.mixer, normed, state, f"{where}.mixer")
    x = builder.add(x, y)
    if layer.mlp is not None and layer.mlp_norm is not None:
        if type(layer.mlp) is not GatedMLP:
            raise _unknown(layer.mlp, f"{where}.mlp")
        normed = translate(builder, layer.mlp_norm, x, f"{where}.mlp_norm")
        x = builder.add(x, gated_mlp(builder, layer.mlp, normed, f"{where}.mlp"))
    return x, after


def _unknown(module: nn.Module, where: str) -> NoBoundError:
    known: Sequence[str] = sorted(kind.__name__ for kind in (*MIXERS, RWKVLayer))
    return NoBoundError(
        f"{where} is a {type(module).__name__}, for whose step no bound is known. Known are "
        f"{', '.join(known)}. Use one of them, each layer with a GatedMLP or none."
    )
