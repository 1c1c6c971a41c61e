"""Layers of alignment that judge what an agent is asked and what it means to do.

A `Layer` reads `Record`s (instruction, scene, plan) and answers with `Judgement`s that name the
clause of the constitution that decided.
"""

from daneel.alignment.judging.clauses import (
    Clause,
    ConstitutionError,
    Provenance,
    load_constitution,
    save_constitution,
)
from daneel.alignment.judging.composed import judge
from daneel.alignment.judging.constitution import (
    CollectiveConstitution,
    Conversation,
    read_polis,
)
from daneel.alignment.judging.critic import (
    CriticConfig,
    CriticRLHF,
    Critique,
    Plan,
    Program,
    Trajectory,
)
from daneel.alignment.judging.deliberation import DeliberationConfig, DeliberativeAligner
from daneel.alignment.judging.iterate import IterAlign, IterConfig, red_team
from daneel.alignment.judging.oversight import MultiStageOversight, Outcome, Shield
from daneel.alignment.judging.providers import Provider, ProviderLayer
from daneel.alignment.judging.record import (
    Judgement,
    Layer,
    Record,
    RecordError,
    Scene,
    SceneObject,
)
from daneel.alignment.judging.remembered import Read, Readings
from daneel.alignment.judging.ruled import RuledLayer
from daneel.alignment.judging.rules import Rule
from daneel.alignment.judging.safe_set import SafeSet
from daneel.alignment.judging.text import TextLayer

__all__ = [
    "Clause",
    "CollectiveConstitution",
    "ConstitutionError",
    "Conversation",
    "CriticConfig",
    "CriticRLHF",
    "Critique",
    "DeliberationConfig",
    "DeliberativeAligner",
    "IterAlign",
    "IterConfig",
    "Judgement",
    "Layer",
    "MultiStageOversight",
    "Outcome",
    "Plan",
    "Program",
    "Provenance",
    "Provider",
    "ProviderLayer",
    "Read",
    "Readings",
    "Record",
    "RecordError",
    "Rule",
    "RuledLayer",
    "SafeSet",
    "Scene",
    "SceneObject",
    "Shield",
    "TextLayer",
    "Trajectory",
    "judge",
    "load_constitution",
    "read_polis",
    "red_team",
    "save_constitution",
]
