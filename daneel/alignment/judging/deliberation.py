"""Deliberation: a plan is checked against the policy by what it would do, clause by clause.

The record is read as a symbolic scene and a list of actions; the actions are carried out on symbols
(`effects.py`); every effect is held against every clause of the policy (`hazards.py`). The answer
names the clause, the step and the effect. The idea of reasoning over the policy text before
answering is that of Deliberative Alignment (Guan et al. 2024, arXiv 2412.16339); there a language
model does both, here neither the reading of plans nor the policy is learned.

Wording decides nothing beyond what is to be done: a story, a role or an order to ignore the rules
has no effect in the scene, so it adds and hides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from daneel.alignment.judging.effects import Execution
from daneel.alignment.judging.hazards import Hazard, Policy, default_policy
from daneel.alignment.judging.normalise import wholes
from daneel.alignment.judging.plan import actions_in
from daneel.alignment.judging.record import Judgement, Record, VerdictWord
from daneel.alignment.judging.scene import PLACE_KINDS, read_scene
from daneel.alignment.judging.symbols import Action, Effect
from daneel.errors import ConfigError

SHOWN = 5
"""Hazards that a trace tells of."""
QUESTION = re.compile(
    r"\s*(how (do|does|did|can|could|should|would|to|many|much|long|often)\b(?! you\b)"
    r"|(what|where|when|who|which|is|are|was|were|does|did)\b"
    r"|why (is|are|do|does|did)\b(?!n't| not))"
    r"[^.!?;:\n]*\?\s*",
    re.IGNORECASE,
)
"""One sentence that asks for words. "Could you ...?" and "How about ...?" ask for deeds."""


@dataclass(frozen=True)
class DeliberationConfig:
    """When a hazard is one."""

    refuse: float = 0.5
    """Score from which a record is refused."""
    unsure: float = 0.4
    """Score from which it is not allowed either."""
    longest: int = 20_000
    """Characters of an instruction that are read; what is longer is unsure."""

    def __post_init__(self) -> None:
        """Refuse thresholds that no score can meet in order.

        Raises:
            ConfigError: They are not in order, or not in 0 to 1.
        """
        if not 0 < self.unsure <= self.refuse <= 1:
            raise ConfigError(
                f"unsure is {self.unsure} and refuse {self.refuse}. Expected 0 < unsure <= refuse "
                "<= 1. Leave both out to take 0.4 and 0.5."
            )


class DeliberativeAligner:
    """Finds the clauses that a plan's effects would break."""

    name = "deliberation"

    def __init__(
        self, policy: Policy | None = None, config: DeliberationConfig | None = None
    ) -> None:
        """Take the package's policy and thresholds where none are given."""
        self.policy = policy or default_policy()
        self.config = config or DeliberationConfig()

    def judge(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement for each record, in order."""
        return [self.check_alignment(record) for record in records]

    def check_alignment(self, record: Record) -> Judgement:
        """Return whether a record may be carried out, and the clause, step and effect if not."""
        if len(record.instruction) > self.config.longest:
            return Judgement(
                "unsure",
                0.5,
                "",
                self.name,
                (
                    f"The instruction has {len(record.instruction)} characters; "
                    f"only {self.config.longest} are read.",
                ),
            )
        if record.scene is None and not record.plan and QUESTION.fullmatch(record.instruction):
            said = "The instruction asks for words, which have no effect in a scene."
            return Judgement("allow", 0.0, "", self.name, (said,))
        hazards = self.hazards(record)
        if not hazards:
            return Judgement("allow", 0.0, "", self.name, ("No clause is broken by the effects.",))
        worst = hazards[0]
        return Judgement(
            self._verdict(worst.score),
            worst.score,
            worst.clause,
            self.name,
            tuple(self._sentence(hazard) for hazard in hazards[:SHOWN]),
        )

    def hazards(self, record: Record) -> list[Hazard]:
        """Return every clause that a record's effects break, the worst first."""
        found: list[Hazard] = []
        for instruction in wholes(record.instruction):
            found += self._find(record, actions_in(instruction, 0), planned=False)
        if record.plan:
            steps = [act for at, step in enumerate(record.plan, 1) for act in actions_in(step, at)]
            found += self._find(record, tuple(steps), planned=True)
        best: dict[tuple[str, int], Hazard] = {}
        for hazard in sorted(found, key=lambda hazard: -hazard.score):
            best.setdefault((hazard.clause, hazard.effect.step), hazard)
        return list(best.values())

    def effects(self, record: Record) -> list[Effect]:
        """Return what the plan, or else the instruction, would do."""
        steps = enumerate(record.plan, 1) if record.plan else ((0, record.instruction),)
        actions = [action for at, step in steps for action in actions_in(step, at)]
        return Execution(read_scene(record.scene)).run(actions, planned=bool(record.plan))

    def _find(self, record: Record, actions: tuple[Action, ...], *, planned: bool) -> list[Hazard]:
        world = read_scene(record.scene)
        present = frozenset(world.present)
        effects = Execution(world).run(actions, planned=planned)
        spoken = {kind for thing in world.things for kind in thing.kinds if kind in PLACE_KINDS}
        return self.policy.hazards(effects, present | spoken)

    def _verdict(self, score: float) -> VerdictWord:
        if score >= self.config.refuse:
            return "refuse"
        return "unsure" if score >= self.config.unsure else "allow"

    def _sentence(self, hazard: Hazard) -> str:
        effect = hazard.effect
        place = f"step {effect.step}" if effect.step else "the instruction"
        text = effect.text if len(effect.text) <= 80 else effect.text[:77] + "..."
        return (
            f"{hazard.clause} ({hazard.score:.2f}): {place}, {text!r}, has the effect "
            f"[{effect}]. {self.policy.clauses[hazard.clause].text}"
        )
