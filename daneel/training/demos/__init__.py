"""Demonstrations: collected from experts, stored and read in the LeRobot dataset layout.

Needs pyarrow, which the extra `demos` brings.
"""

from daneel.training.demos.check import find_problems
from daneel.training.demos.collect import CollectConfig, Collected, collect_skill
from daneel.training.demos.collection import Outcome, collect
from daneel.training.demos.features import Demonstration
from daneel.training.demos.layout import DatasetError, Feature, Info
from daneel.training.demos.reader import DemoDataset, RecordedEpisode, find_datasets
from daneel.training.demos.writer import DatasetWriter

__all__ = [
    "CollectConfig",
    "Collected",
    "DatasetError",
    "DatasetWriter",
    "DemoDataset",
    "Demonstration",
    "Feature",
    "Info",
    "Outcome",
    "RecordedEpisode",
    "collect",
    "collect_skill",
    "find_datasets",
    "find_problems",
]
