"""Replay, the training loop, checkpoints, run folders and trackers."""

from daneel.training.replay import Replay, memory_bytes

__all__ = ["Replay", "memory_bytes"]
