"""Replay, the training loop, checkpoints, run folders and trackers."""

from daneel.training.config import TrainConfig, parse
from daneel.training.loading import load_agent, load_seen_range
from daneel.training.loop import TrainResult, train
from daneel.training.replay import Replay, memory_bytes
from daneel.training.rollout import EpisodeResult, run_episodes, success_at_end
from daneel.training.run_folder import RunFolder
from daneel.training.tracking import TRACKERS, Tracker

__all__ = [
    "TRACKERS",
    "EpisodeResult",
    "Replay",
    "RunFolder",
    "Tracker",
    "TrainConfig",
    "TrainResult",
    "load_agent",
    "load_seen_range",
    "memory_bytes",
    "parse",
    "run_episodes",
    "success_at_end",
    "train",
]
