"""Backbones: sequence cores with one protocol, the temporal slot of a world model."""

from __future__ import annotations

from typing import Any

from daneel.backbones.protocol import Backbone, State
from daneel.registry import Entry, Registry

BACKBONES = Registry(
    "backbone",
    Entry("identity", "daneel.backbones.identity:IdentityBackbone", "no memory: y = x"),
)


def build(name: str, dim: int, depth: int = 1, **options: Any) -> Backbone:
    """Builds the backbone that `name` registers.

    Raises:
        UnknownNameError: no backbone has this name.
    """
    return BACKBONES.load(name)(dim, depth, **options)


__all__ = ["BACKBONES", "Backbone", "State", "build"]
