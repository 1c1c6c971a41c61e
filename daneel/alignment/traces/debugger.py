"""`ReasoningDebugger`: reads a reasoning trace, and names the steps that cannot all be true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from daneel.alignment.traces.expansion import expand
from daneel.alignment.traces.formulas import Count, Formula, Joined, Not, Prop
from daneel.alignment.traces.oracle import find_conflicts
from daneel.alignment.traces.ranks import rank
from daneel.alignment.traces.reader import Reader
from daneel.errors import ConfigError


@dataclass(frozen=True)
class Conflict:
    """Steps that contradict each other; without any one of them the others do not."""

    steps: tuple[int, ...]
    """Their places in the trace, from 0."""
    sentences: tuple[str, ...]
    """What they say."""


@dataclass(frozen=True)
class TraceReport:
    """What was found in one trace."""

    conflicts: tuple[Conflict, ...]
    """Contradictions that share no step."""
    unread: tuple[int, ...]
    """Steps, or steps with a sentence, that no rule could read: nothing is claimed about them."""
    steps: int
    """Length of the trace."""
    decided: bool
    """False where the solver gave up."""

    @property
    def consistent(self) -> bool | None:
        """False with a contradiction; None where it was not decided or something was not read."""
        if self.conflicts:
            return False
        return None if self.unread or not self.decided else True


class ReasoningDebugger:
    """Finds contradictions in traces of plain structured English.

    It judges what steps SAY together, not whether they follow or are true of the world. Facts,
    negations, conditions, orders, quantities, counts, kinds, places and the order of events are
    read; see the documentation for the phrases. Moving or opening something makes earlier facts
    about it past. Every contradiction it names is one of the formulas it read: a sentence that was
    misread is the way to a false alarm.

    Args:
        timeout_s: For each question to the solver.

    Raises:
        MissingExtraError: z3 is not installed, when a trace is judged.
    """

    def __init__(self, timeout_s: float = 10.0) -> None:
        """Keeps the time limit."""
        self.timeout_s = timeout_s

    def debug(self, trace: str | Sequence[str]) -> TraceReport:
        """Judges a trace: steps, or one text whose lines are steps.

        Raises:
            ConfigError: there is no step.
        """
        steps = (
            [line for line in trace.splitlines() if line.strip()]
            if isinstance(trace, str)
            else list(trace)
        )
        if not steps:
            raise ConfigError("The trace is empty. Expected at least one step. Pass its lines.")
        formulas, unread = read_trace(steps)
        numbered = {i: formula for i, (_, formula) in enumerate(formulas)}
        answer = find_conflicts(numbered, timeout_s=self.timeout_s)
        conflicts = []
        for core in answer.conflicts:
            places = tuple(sorted({formulas[i][0] for i in core}))
            conflicts.append(Conflict(places, tuple(steps[place] for place in places)))
        return TraceReport(tuple(conflicts), tuple(sorted(unread)), len(steps), answer.decided)


def read_trace(steps: Sequence[str]) -> tuple[list[tuple[int, Formula]], set[int]]:
    """Each sentence's formula with the step it stands in, and the steps with an unread sentence."""
    context = "\n".join(steps)
    reader = Reader(context)
    formulas: list[tuple[int, Formula]] = []
    unread: set[int] = set()
    for place, step in enumerate(steps):
        for claim in reader.claims(step):
            formula = reader.read(claim)
            if formula is None:
                unread.add(place)
            else:
                formulas.append((place, formula))
    # Words that are filled in for a thing are read as of the beginning.
    again = Reader(context)
    filled = rank(expand(formulas, again.clause, reader.names))
    implied = {**again.implied, **reader.implied}
    return [(place, _with_implied(formula, implied)) for place, formula in filled], unread


def _with_implied(formula: Formula, implied: Mapping[Prop, Formula]) -> Formula:
    """A formula, and what its statements say besides."""
    more = [Joined("implies", (a, implied[a])) for a in _props(formula) if a in implied]
    return Joined("and", (formula, *more)) if more else formula


def _props(formula: Formula) -> Iterator[Prop]:
    if isinstance(formula, Not):
        yield from _props(formula.part)
    elif isinstance(formula, Joined | Count):
        for part in formula.parts:
            yield from _props(part)
    elif isinstance(formula, Prop):
        yield formula
