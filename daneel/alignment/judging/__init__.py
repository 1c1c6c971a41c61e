"""Layers of alignment that judge what an agent is asked and what it means to do.

A `Layer` reads `Record`s (instruction, scene, plan) and answers with `Judgement`s that name the
clause of the constitution that decided.
"""

from daneel.alignment.judging.composed import judge
from daneel.alignment.judging.critic import (
    CriticConfig,
    CriticRLHF,
    Critique,
    Plan,
    Program,
    Trajectory,
)
from daneel.alignment.judging.deliberation import DeliberationConfig, DeliberativeAligner
from daneel.alignment.judging.oversight import MultiStageOversight, Outcome, Shield
from daneel.alignment.judging.record import (
    Judgement,
    Layer,
    Record,
    RecordError,
    Scene,
    SceneObject,
)

__all__ = [
    "CriticConfig",
    "CriticRLHF",
    "Critique",
    "DeliberationConfig",
    "DeliberativeAligner",
    "Judgement",
    "Layer",
    "MultiStageOversight",
    "Outcome",
    "Plan",
    "Program",
    "Record",
    "RecordError",
    "Scene",
    "SceneObject",
    "Shield",
    "Trajectory",
    "judge",
]
