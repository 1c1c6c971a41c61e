"""`NeuroSymbolicExecutor`: plans of a learned model run only if the rules allow what they lead to.

The model proposes (plans, each with the trace that it imagines), the rules dispose: every trace is
checked by z3, a plan with a rule that is violated or open is blocked and logged with its witness,
and of those that are left the best is taken. What really happened can be told afterwards
(`settle`): then blocks of plans that would have kept the rules, and allowed plans that broke them,
are counted. A gate that blocks everything breaks no rule either, so both are always shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from daneel import config
from daneel.alignment.safety.rules import Rule, Trace, parse_rule
from daneel.alignment.safety.symbolic import RuleFinding, check_rules, contradiction
from daneel.errors import ConfigError

Plan = TypeVar("Plan")


@dataclass(frozen=True)
class Proposal(Generic[Plan]):
    """A plan and what its author expects of it."""

    plan: Plan
    """Anything: actions, a program, steps in words."""
    trace: Trace
    """What the model imagines will happen."""
    score: float
    """Higher is better."""


@dataclass(frozen=True)
class Ruling(Generic[Plan]):
    """The rules' word on one proposal."""

    proposal: Proposal[Plan]
    findings: tuple[RuleFinding, ...]
    """One for each rule."""

    @property
    def allowed(self) -> bool:
        """Every rule holds for every value that the trace allows."""
        return all(finding.verdict == "holds" for finding in self.findings)


@dataclass
class Counts:
    """What happened so far."""

    checked: int = 0
    """Proposals that were judged."""
    blocked: int = 0
    """Of them, blocked."""
    settled: int = 0
    """Proposals of which the real outcome was told."""
    false_blocks: int = 0
    """Blocked, but the real outcome kept every rule."""
    misses: int = 0
    """Allowed, but the real outcome broke a rule."""


@dataclass
class NeuroSymbolicExecutor:
    """Holds plans against rules before they run."""

    rules: tuple[Rule, ...]
    """What must be kept."""
    timeout_ms: int = 2_000
    """For each question to z3; a rule that takes longer blocks."""
    counts: Counts = field(default_factory=Counts)
    """Checked, blocked, false blocks, misses."""
    log: list[dict[str, Any]] = field(default_factory=list)
    """One entry for each rule that blocked something: rule, verdict, witness."""

    def __post_init__(self) -> None:
        """Refuse rules that nothing could keep.

        Raises:
            ConfigError: There are none, two have one name, or no trace keeps all of them.
            MissingExtraError: z3 is not installed.
        """
        names = [rule.name for rule in self.rules]
        if not names or len(set(names)) < len(names):
            raise ConfigError(
                f"The rules are {names}. Expected at least one, each with a name of its own. "
                "Correct the list."
            )
        clash = contradiction(self.rules)
        if clash is not None:
            raise ConfigError(
                f"No plan can keep {' and '.join(map(repr, clash))} together. Expected rules that "
                "leave something to do. Change one of them."
            )

    def judge(self, proposal: Proposal[Plan]) -> Ruling[Plan]:
        """Check one proposal, count it, and log what blocks it.

        Raises:
            ConfigError: The trace lacks what a rule speaks of, or has no step.
        """
        findings = check_rules(self.rules, proposal.trace, self.timeout_ms)
        ruling = Ruling(proposal, tuple(findings))
        self.counts.checked += 1
        self.counts.blocked += not ruling.allowed
        for finding in findings:
            if finding.verdict != "holds":
                entry = {"rule": finding.rule, "verdict": finding.verdict}
                self.log.append({**entry, "witness": finding.witness})
        return ruling

    def choose(self, proposals: Iterable[Proposal[Plan]]) -> Ruling[Plan] | None:
        """The best proposal that is allowed; None where all are blocked.

        Proposals are judged from the best on, and judging stops at the first that is allowed.
        """
        for proposal in sorted(proposals, key=lambda proposal: -proposal.score):
            ruling = self.judge(proposal)
            if ruling.allowed:
                return ruling
        return None

    def settle(self, ruling: Ruling[Plan], outcome: Trace) -> bool:
        """Tell what a proposal really led to, or would have; returns whether the rules were kept.

        Raises:
            ConfigError: The outcome lacks what a rule speaks of.
        """
        found = check_rules(self.rules, outcome, self.timeout_ms)
        kept = all(finding.verdict == "holds" for finding in found)
        self.counts.settled += 1
        self.counts.false_blocks += kept and not ruling.allowed
        self.counts.misses += ruling.allowed and not kept
        return kept


def load_rules(path: str | Path) -> tuple[Rule, ...]:
    """Rules from a YAML file with `rules:`, a mapping of names to formulas.

    Raises:
        ConfigError: The file cannot be read, or a rule in it.
    """
    data = config.load_yaml(path)
    rules = data.get("rules")
    if set(data) != {"rules"} or not isinstance(rules, dict) or not rules:
        raise ConfigError(
            f"{path} holds {sorted(data)}. Expected `rules:` with a name and a formula a line. "
            "See docs/safety.md for an example."
        )
    return parse_rules(list(rules.items()))


def parse_rules(rules: Sequence[tuple[str, str]]) -> tuple[Rule, ...]:
    """Rules from names and formulas.

    Raises:
        ConfigError: One cannot be read.
    """
    return tuple(parse_rule(str(text), str(name)) for name, text in rules)
