"""Replay, the training loop, checkpoints, run folders and trackers."""

from daneel.training.candidates import agent_weights, build_candidate
from daneel.training.config import TrainConfig, from_data, parse, plan, resolve
from daneel.training.entry import train
from daneel.training.loading import load_agent, load_seen_range
from daneel.training.loop import TrainResult
from daneel.training.progress import Progress, ProgressLine
from daneel.training.released_env import ReleasedAgent
from daneel.training.replay import Replay, memory_bytes
from daneel.training.rollout import EpisodeResult, run_episodes
from daneel.training.run_folder import RunFolder
from daneel.training.tracking import TRACKERS, Tracker

__all__ = [
    "TRACKERS",
    "EpisodeResult",
    "Progress",
    "ProgressLine",
    "ReleasedAgent",
    "Replay",
    "RunFolder",
    "Tracker",
    "TrainConfig",
    "TrainResult",
    "agent_weights",
    "build_candidate",
    "from_data",
    "load_agent",
    "load_seen_range",
    "memory_bytes",
    "parse",
    "plan",
    "resolve",
    "run_episodes",
    "train",
]
