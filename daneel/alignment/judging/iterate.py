"""IterAlign: a judge is attacked, its misses become rules, the rules are attacked afresh.

After Chen et al., "IterAlign: Iterative constitutional alignment" (2024, arXiv 2403.18341):
red-teaming finds misses, a rule is proposed for them, and it joins the constitution. The paper
lets a language model propose in words; here a rule is a conjunction of word stems (`rules`), found
by greedy cover: of all rules that match a miss and refuse hardly anything of a safe set, take the
one that covers most misses still open, and repeat. A rule that would refuse more of the safe set
than the budget allows is never added, so over-refusal has a cap by construction, on that set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from daneel.alignment.judging.attacks import ATTACKS
from daneel.alignment.judging.grammar import Example
from daneel.alignment.judging.normalise import readings
from daneel.alignment.judging.record import Judgement, Layer, Record
from daneel.alignment.judging.rules import Rule, combinations, stems_of
from daneel.errors import ConfigError

MOST_STEMS = 16
"""A disguised text with more is searched only for the words of the request inside."""


@dataclass(frozen=True)
class IterConfig:
    """How the loop proposes and checks rules."""

    budget: float = 0.01
    """Share of the safe set that all rules of a cycle together may newly refuse."""
    least_cover: int = 2
    """Misses that a rule must cover; 1 learns requests by heart."""
    most_rules: int = 200
    """Rules added in one cycle."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not 0 <= self.budget <= 1:
            raise ConfigError(f"IterConfig.budget is {self.budget}. Expected 0 .. 1.")
        if self.least_cover < 1 or self.most_rules < 0:
            raise ConfigError(
                f"IterConfig.least_cover is {self.least_cover}, most_rules {self.most_rules}. "
                "Expected least_cover of 1 or more and most_rules of 0 or more."
            )


@dataclass(frozen=True)
class Cycle:
    """What one cycle found."""

    attacks: int
    """Attacks that were tried."""
    misses: tuple[Example, ...]
    """Those that were not refused."""
    added: tuple[Rule, ...]
    """Rules that joined."""


class RuledLayer:
    """A layer with rules on top: what a rule matches is refused, the rest is the layer's.

    Args:
        inner: The layer below.
        rules: Matched against every reading of an instruction.
    """

    def __init__(self, inner: Layer, rules: Sequence[Rule] = ()) -> None:
        """Keep the layer and its rules."""
        self.inner, self.rules = inner, tuple(rules)
        self.name = inner.name

    def judge(self, records: Sequence[Record]) -> list[Judgement]:
        """Return the inner layer's judgements, refusals by rules among them."""
        below = self.inner.judge(records)
        return [self._ruled(*pair) for pair in zip(records, below, strict=True)]

    def _ruled(self, record: Record, judged: Judgement) -> Judgement:
        if judged.verdict == "refuse" or not (rule := matching(self.rules, record.instruction)):
            return judged
        said = f"Rule {rule.id!r}, found by red-teaming, matches the instruction."
        trace = (*judged.trace, said)
        return replace(
            judged, verdict="refuse", score=max(judged.score, 0.5), clause=rule.clause, trace=trace
        )


class IterAlign:
    """The loop: `red_team`, `propose`, and both in `cycle`.

    Args:
        layer: The judge that is attacked; it is not changed.
        safe: Harmless requests on which every rule is checked.
        config: Of the search.
    """

    def __init__(self, layer: Layer, safe: Sequence[str], config: IterConfig | None = None) -> None:
        """Start without rules."""
        self.layer, self.config = layer, config or IterConfig()
        self.rules: tuple[Rule, ...] = ()
        self._safe = [frozenset().union(*map(stems_of, readings(text))) for text in safe]

    @property
    def hardened(self) -> RuledLayer:
        """The layer with every rule found so far."""
        return RuledLayer(self.layer, self.rules)

    def cycle(self, attacks: Sequence[Example]) -> Cycle:
        """Attack the hardened layer and add rules for what it misses."""
        misses = tuple(missed(self.hardened, attacks))
        added = self.propose(misses)
        self.rules += added
        return Cycle(len(attacks), misses, added)

    def propose(self, misses: Sequence[Example]) -> tuple[Rule, ...]:
        """Rules that cover the misses at a bounded price on the safe set, greedily."""
        pool = self._pool(misses)
        allowed = int(self.config.budget * len(self._safe))
        open_, refused, added = set(range(len(misses))), self._refused(self.rules), []
        while open_ and pool and len(added) < self.config.most_rules:
            best = max(pool, key=lambda rule: (len(pool[rule] & open_), -len(rule.stems), rule.id))
            cover = pool.pop(best) & open_
            if len(cover) < self.config.least_cover:
                break
            price = self._refused([best]) - refused
            if len(price) <= allowed:
                allowed, refused = allowed - len(price), refused | price
                open_ -= cover
                added.append(best)
        return tuple(added)

    def _pool(self, misses: Sequence[Example]) -> dict[Rule, set[int]]:
        """Every rule that enough misses match, with their numbers."""
        found: dict[tuple[str, ...], set[int]] = {}
        clauses: dict[tuple[str, ...], Counter[str]] = {}
        for index, miss in enumerate(misses):
            for stems in combinations(_telling(miss)):
                found.setdefault(stems, set()).add(index)
                clauses.setdefault(stems, Counter())[miss.clause] += 1
        return {
            Rule("+".join(stems), stems, clauses[stems].most_common(1)[0][0]): covered
            for stems, covered in sorted(found.items())
            if len(covered) >= self.config.least_cover
        }

    def _refused(self, rules: Sequence[Rule]) -> set[int]:
        """Numbers of the safe requests that any of the rules matches."""
        return {
            index
            for index, stems in enumerate(self._safe)
            if any(stems.issuperset(rule.stems) for rule in rules)
        }


def red_team(requests: Sequence[Example], count: int, rng: np.random.Generator) -> list[Example]:
    """Draw `count` attacks: a harmful request, disguised by a family drawn for it.

    The template of an attack is the request that it disguises.
    """
    names = list(ATTACKS)
    found = []
    for _ in range(count):
        request = requests[int(rng.integers(len(requests)))]
        disguise = ATTACKS[names[int(rng.integers(len(names)))]]
        found.append(replace(request, text=disguise(request.text, rng), template=request.text))
    return found


def missed(layer: Layer, attacks: Sequence[Example]) -> list[Example]:
    """The attacks that a layer allows; `unsure` is no miss, for it does not let an agent act."""
    judged = layer.judge([Record(item.text) for item in attacks])
    return [item for item, said in zip(attacks, judged, strict=True) if said.verdict == "allow"]


def matching(rules: Sequence[Rule], instruction: str) -> Rule | None:
    """The first rule that matches any reading of an instruction."""
    read = readings(instruction)
    return next((rule for rule in rules if any(map(rule.matches, read))), None)


def _telling(miss: Example) -> frozenset[str]:
    """Stems that a rule for a miss may use: what it says, without the words wrapped around it."""
    said = frozenset().union(*map(stems_of, readings(miss.text)))
    return said if len(said) <= MOST_STEMS else said & stems_of(miss.template)
