"""Layers of alignment that judge what an agent is asked and what it means to do.

A `Layer` reads `Record`s (instruction, scene, plan) and answers with `Judgement`s that name the
clause of the constitution that decided.
"""

from daneel.alignment.judging.composed import judge
from daneel.alignment.judging.deliberation import DeliberationConfig, DeliberativeAligner
from daneel.alignment.judging.record import (
    Judgement,
    Layer,
    Record,
    RecordError,
    Scene,
    SceneObject,
)

__all__ = [
    "DeliberationConfig",
    "DeliberativeAligner",
    "Judgement",
    "Layer",
    "Record",
    "RecordError",
    "Scene",
    "SceneObject",
    "judge",
]
