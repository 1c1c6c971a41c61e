"""Memories that are a part of a model: link slots, Hopfield networks, retraining in chunks."""

from __future__ import annotations

from daneel.memory.attention.hopfield import HopfieldMemory
from daneel.memory.attention.hopfield_classical import ClassicalRule
from daneel.memory.attention.hopfield_modern import ModernRule
from daneel.memory.attention.link_slots import LinkSlotAttention, Slots
from daneel.memory.attention.retraining import ChunkwiseRetrainer, Plan, Retraining

__all__ = [
    "ChunkwiseRetrainer",
    "ClassicalRule",
    "HopfieldMemory",
    "LinkSlotAttention",
    "ModernRule",
    "Plan",
    "Retraining",
    "Slots",
]
