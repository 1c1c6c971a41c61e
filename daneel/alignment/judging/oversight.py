"""Several stages of oversight between an instruction and what is done about it.

Before anything moves, every layer judges the record. While the plan runs, a shield looks at each
step against what the sensors show now, and stops the plan before a step that it does not pass. A
stage can be taken out by name, to measure what it is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from daneel.alignment.judging.composed import answers_of, compose, default_layers, judge
from daneel.alignment.judging.critic import CriticRLHF
from daneel.alignment.judging.record import Judgement, Layer, Record
from daneel.errors import unknown_name

Shield = Callable[[str], str]
"""Returns why a step must not be taken now, "" if it may."""
SHIELD = "shield"
"""Name of the stage that acts while the plan runs."""


@dataclass(frozen=True)
class Outcome:
    """What became of one record."""

    judgement: Judgement
    """What the layers said together."""
    executed: tuple[str, ...]
    """Steps that were taken, in order."""
    stopped_by: str
    """Name of the stage that stopped it, "" when the whole plan ran."""
    reason: str
    """Why."""


class MultiStageOversight:
    """Layers that judge before a plan runs, and a shield that watches while it does."""

    name = "oversight"

    def __init__(self, layers: Mapping[str, Layer], off: frozenset[str] = frozenset()) -> None:
        """Take layers by name, and the names of the stages that are off."""
        self.layers = dict(layers)
        self.off = off

    @classmethod
    def default(cls) -> MultiStageOversight:
        """Return the layers that come with the package: effects, faults of the plan, and words.

        Raises:
            MissingExtraError: The extra `judge`, which has the sentence encoders, is missing.
        """
        words, effects = default_layers()
        critic = CriticRLHF.pretrained()
        return cls({layer.name: layer for layer in (effects, critic, words)})

    def without(self, *stages: str) -> MultiStageOversight:
        """Return the same oversight with some stages off.

        Raises:
            UnknownNameError: There is no such stage.
        """
        known = (*self.layers, SHIELD)
        for stage in stages:
            if stage not in known:
                raise unknown_name("stage", stage, known, "Take one of those.")
        return MultiStageOversight(self.layers, self.off | set(stages))

    def judge(self, records: Sequence[Record]) -> list[Judgement]:
        """Return the gravest answer of the layers that are on; allow where none is."""
        active = [layer for name, layer in self.layers.items() if name not in self.off]
        if not active:
            return [
                Judgement("allow", 0.0, "", self.name, ("Every layer is off.",)) for _ in records
            ]
        return judge(records, active)

    def execute(self, record: Record, act: Callable[[str], None], shield: Shield) -> Outcome:
        """Judge a record and, if it is allowed, take its steps one by one under the shield.

        Args:
            record: What to do; its plan is what is carried out.
            act: Takes one step.
            shield: Asked before each step. One that raises stops the plan.
        """
        judgement = self._judged(record)
        if judgement.verdict != "allow":
            return Outcome(judgement, (), judgement.layer, "; ".join(judgement.trace[:1]))
        done: list[str] = []
        for step in record.plan or ():
            reason = "" if SHIELD in self.off else _asked(shield, step)
            if reason:
                return Outcome(judgement, tuple(done), SHIELD, reason)
            act(step)
            done.append(step)
        return Outcome(judgement, tuple(done), "", "")

    def _judged(self, record: Record) -> Judgement:
        """Return the answer for one record, asking the cheapest first and no more than needed."""
        answers: list[Judgement] = []
        for name, layer in self.layers.items():
            if name in self.off:
                continue
            answers += answers_of(layer, [record])
            if answers[-1].verdict == "refuse":
                break
        return compose(answers) if answers else self.judge([record])[0]


def _asked(shield: Shield, step: str) -> str:
    """Return the shield's reason; one that crashes is a reason."""
    try:
        return shield(step)
    except Exception as error:  # a blind shield must not let a step pass
        return f"the shield failed: {type(error).__name__}: {error}"
