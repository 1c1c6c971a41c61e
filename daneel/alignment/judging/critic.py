"""A critic that finds faults in plans, programs and trajectories.

After CriticGPT (McAleese et al. 2024, arXiv 2407.00215): a critic is trained on faults that were
put into good work on purpose, and helps a reviewer who misses many. There both are language models
over code; here the critic reads signs of faults (`plan_faults`, `program_faults`,
`trajectory_faults`) and learns by logistic regression what each sign is worth, with weights that
are never negative: no sign speaks for a piece of work, so a fault cannot be hidden by adding odd
but harmless things, and faults never trained on are found when they leave a sign.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from daneel.alignment.judging import plan_faults, program_faults, trajectory_faults
from daneel.alignment.judging.record import Judgement, Record
from daneel.errors import ConfigError

Array = NDArray[np.float64]
Kind = Literal["plan", "program", "trajectory"]


@dataclass(frozen=True)
class Plan:
    """What was asked, and the steps somebody means to take."""

    instruction: str
    """What was asked."""
    steps: tuple[str, ...]
    """The steps, in order."""


@dataclass(frozen=True)
class Program:
    """Source text in Python."""

    source: str
    """The text."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What was seen and done, step by step."""

    observations: Array
    """[T, N]."""
    actions: Array
    """[T, M]."""
    bound: float = 1.0
    """Largest action that the body takes."""


PRIOR = 6.0
"""Weight of a sign before anything was learned; one such sign alone is a fault."""
Work = Plan | Program | Trajectory


@dataclass(frozen=True)
class Critique:
    """What the critic says about one piece of work."""

    score: float
    """0 sound .. 1 faulty."""
    faulty: bool
    """Whether the score reaches the critic's threshold."""
    findings: tuple[str, ...]
    """Where and what, the weightiest first."""


@dataclass(frozen=True)
class CriticConfig:
    """How the critic learns."""

    precision: float = 0.9
    """Precision that the threshold must reach on the training faults."""
    ridge: float = 0.01
    """Weight of the penalty on weights."""
    rounds: int = 400
    """Steps of projected gradient descent."""

    def __post_init__(self) -> None:
        """Refuse values that learn nothing.

        Raises:
            ConfigError: A value is out of its range.
        """
        if not 0 < self.precision <= 1 or self.ridge < 0 or self.rounds < 1:
            raise ConfigError(
                f"The critic's configuration is {self}. Expected a "
                f"precision in 0 to 1, a ridge of 0 "
                "or more and at least one round. Leave them out to take the defaults."
            )


@dataclass(frozen=True)
class _Head:
    """Weights of the signs of one kind of work, and the score from which it is faulty."""

    weights: Array
    bias: float
    threshold: float

    def score(self, row: Array) -> float:
        """Return the probability of a fault."""
        return float(1.0 / (1.0 + np.exp(-(row @ self.weights + self.bias))))


class CriticRLHF:
    """Finds faults in plans, programs and trajectories; a layer for plans, a term for rewards."""

    name = "critic"

    def __init__(self, heads: Mapping[Kind, _Head] | None = None) -> None:
        """Take trained heads; without any, `train` must be called first."""
        self.heads = dict(heads or {})

    @classmethod
    def train(
        cls, work: Sequence[Work], faulty: Sequence[bool], config: CriticConfig | None = None
    ) -> CriticRLHF:
        """Return a critic that learned from work with and without faults.

        Args:
            work: Plans, programs and trajectories, mixed as they come.
            faulty: Whether each has a fault.
            config: How to learn.

        Raises:
            ConfigError: A kind of work has only good or only faulty examples.
        """
        config = config or CriticConfig()
        heads: dict[Kind, _Head] = {}
        for kind in _ALL:
            if kind not in set(map(kind_of, work)):
                continue
            pairs = [(w, f) for w, f in zip(work, faulty, strict=True) if kind_of(w) == kind]
            labels = np.array([fault for _, fault in pairs], float)
            if labels.min() == labels.max():
                raise ConfigError(
                    f"All {len(pairs)} examples of a {kind} are alike (faulty: {bool(labels[0])}). "
                    "Expected some of both. Add examples of the other sort."
                )
            heads[kind] = _learn(np.array([_row(item) for item, _ in pairs]), labels, config)
        return cls(heads)

    @classmethod
    def pretrained(cls, seed: int = 0, each: int = 400) -> CriticRLHF:
        """Return a critic trained on faults that `injected` puts into generated work (seconds)."""
        from daneel.alignment.judging.injected import examples

        work, faulty = examples(np.random.default_rng(seed), each)
        return cls.train(work, faulty)

    def criticise(self, work: Work) -> Critique:
        """Return what is wrong with a piece of work.

        Raises:
            ConfigError: The critic was not trained on this kind of work.
        """
        kind = kind_of(work)
        if kind not in self.heads:
            raise ConfigError(
                f"The critic knows {sorted(self.heads) or 'nothing'}, "
                f"and this is a {kind}. Expected a "
                "kind it was trained on. Use CriticRLHF.pretrained(), "
                "or train it with such examples."
            )
        head = self.heads[kind]
        score = head.score(_row(work))
        return Critique(score, score >= head.threshold, _findings(work, head))

    def judge(self, records: Sequence[Record]) -> list[Judgement]:
        """Return `unsure` for plans with a fault: a plan that cannot work must not be tried."""
        return [self._judge(record) for record in records]

    def reward_term(self, weight: float = 1.0) -> Callable[[Work], float]:
        """Return a term for a reward: minus `weight` times the score, 0 for sound work."""
        return lambda work: -weight * self.criticise(work).score

    def _judge(self, record: Record) -> Judgement:
        if not record.plan:
            return Judgement("allow", 0.0, "", self.name, ("There is no plan to criticise.",))
        critique = self.criticise(Plan(record.instruction, record.plan))
        if not critique.faulty:
            return Judgement("allow", 0.0, "", self.name, ("The plan has no fault that shows.",))
        return Judgement("unsure", critique.score / 2, "faulty-plan", self.name, critique.findings)


def kind_of(work: Work) -> Kind:
    """Return the kind of a piece of work."""
    if isinstance(work, Plan):
        return "plan"
    return "program" if isinstance(work, Program) else "trajectory"


def _signs(work: Work) -> list[tuple[int, str, float]]:
    """Return (place, sign, strength) of everything odd."""
    if isinstance(work, Plan):
        return [(at, sign, 1.0) for at, sign in plan_faults.signs(work.instruction, work.steps)]
    if isinstance(work, Program):
        return [(at, sign, 1.0) for at, sign in program_faults.signs(work.source)]
    found = trajectory_faults.signs(work.observations, work.actions, work.bound)
    return [(at, sign, strength) for sign, (at, strength) in found.items() if strength > 0]


_ALL: Mapping[Kind, tuple[str, ...]] = {
    "plan": plan_faults.SIGNS,
    "program": program_faults.SIGNS,
    "trajectory": trajectory_faults.SIGNS,
}


def _row(work: Work) -> Array:
    """Return the strengths of all signs, [S], on a logarithmic scale."""
    names = _ALL[kind_of(work)]
    row = np.zeros(len(names))
    for _, sign, strength in _signs(work):
        row[names.index(sign)] += strength
    return np.log1p(row)


def _learn(rows: Array, labels: Array, config: CriticConfig) -> _Head:
    """Fit a logistic regression whose weights are not negative, then its threshold.

    A sign that training never showed keeps its prior weight: it is odd enough to count alone.
    """
    weights, bias = np.full(rows.shape[1], PRIOR), -PRIOR / 2
    step = 4.0 / (np.square(rows).sum(1).mean() + 1.0)
    for _ in range(config.rounds):
        error = 1.0 / (1.0 + np.exp(-(rows @ weights + bias))) - labels
        weights = np.maximum(
            weights
            - step * (rows.T @ error / len(rows) + config.ridge * (weights - PRIOR) / len(rows)),
            0.0,
        )
        bias -= step * float(error.mean())
    scores = 1.0 / (1.0 + np.exp(-(rows @ weights + bias)))
    return _Head(weights, bias, _threshold(scores, labels, config.precision))


def _threshold(scores: Array, labels: Array, precision: float) -> float:
    """Return the lowest score, at least 0.5, from which `precision` of the work is faulty."""
    for threshold in np.linspace(0.5, 0.99, 50):
        chosen = labels[scores >= threshold]
        if len(chosen) and chosen.mean() >= precision:
            return float(threshold)
    return 1.0


def _findings(work: Work, head: _Head) -> tuple[str, ...]:
    names, unit = (
        _ALL[kind_of(work)],
        {"plan": "step", "program": "line"}.get(kind_of(work), "time"),
    )
    weighed = [(head.weights[names.index(s)] * np.log1p(v), at, s) for at, s, v in _signs(work)]
    kept = sorted((row for row in weighed if row[0] > 0), key=lambda row: -row[0])
    return tuple(
        f"{unit} {at}: {sign}" if at else f"as a whole: {sign}" for _, at, sign in kept[:5]
    )
