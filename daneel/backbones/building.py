"""The backbones by name."""

from __future__ import annotations

from inspect import signature
from typing import Any

from daneel.backbones.protocol import Backbone
from daneel.registry import Entry, Registry

BACKBONES = Registry(
    "backbone",
    Entry("identity", "daneel.backbones.identity:IdentityBackbone", "no memory: y = x"),
    Entry("attention", "daneel.backbones.attention:AttentionBackbone", "softmax over all steps"),
    Entry("gru", "daneel.backbones.gru:GRUBackbone", "gated recurrence, one step at a time"),
    Entry("retention", "daneel.backbones.retention:RetentionBackbone", "one fixed decay per head"),
    Entry("gla", "daneel.backbones.gla:GLABackbone", "a decay per key channel, by the input"),
    Entry("mamba", "daneel.backbones.mamba:MambaBackbone", "selective scan, channel by channel"),
    Entry("mamba2", "daneel.backbones.mamba2:Mamba2Backbone", "one decay per head, by the input"),
    Entry("rwkv", "daneel.backbones.rwkv:RWKV", "RWKV-7: a state that corrects itself"),
    Entry("delta", "daneel.backbones.delta:DeltaBackbone", "gated delta rule: writes what is new"),
    Entry("hyena", "daneel.backbones.hyena:HyenaBackbone", "gated long convolutions"),
    Entry("hybrid", "daneel.backbones.hybrid:HybridRetention", "retention and mamba in turn"),
)


def build(name: str, dim: int, depth: int = 1, **options: Any) -> Backbone:
    """Builds the backbone that `name` registers.

    Args:
        name: As `daneel list backbones` shows it.
        dim: D, width of input and output.
        depth: Layers.
        **options: The backbone's own, such as `heads`.

    Raises:
        UnknownNameError: no backbone has this name.
        ValueError: the backbone has no such option, or it is out of range.
    """
    kind = BACKBONES.load(name)
    known = [option for option in signature(kind).parameters if option not in ("dim", "depth")]
    for option in options:
        if option not in known:
            raise ValueError(
                f"The backbone {name!r} has no option {option!r}. Expected "
                f"{', '.join(known) or 'none at all'}. Leave {option} out."
            )
    return kind(dim, depth, **options)
