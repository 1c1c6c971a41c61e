"""Tiers in front of a vector store: RAM, SSD."""

from daneel.memory.hierarchy.frequency import AccessFrequency
from daneel.memory.hierarchy.memory import HierarchicalMemory, TierCounts
from daneel.memory.hierarchy.ssd_cache import SSDCache

__all__ = ["AccessFrequency", "HierarchicalMemory", "SSDCache", "TierCounts"]
