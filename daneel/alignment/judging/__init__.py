"""Layers of alignment that judge what an agent is asked and what it means to do.

A `Layer` reads `Record`s (instruction, scene, plan) and answers with `Judgement`s that name the
clause of the constitution that decided.
"""

from daneel.alignment.judging.record import (
    Judgement,
    Layer,
    Record,
    RecordError,
    Scene,
    SceneObject,
)

__all__ = ["Judgement", "Layer", "Record", "RecordError", "Scene", "SceneObject"]
