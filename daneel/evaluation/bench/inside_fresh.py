"""Contradictions in traces of a generator that the finder was not built with (T-61).

A trace interleaves what three worlds say, each with its own names, and ends each world with a
claim. z3 decides on the meanings which claims fit: a consistent trace has three that do, so claims
alone give nothing away; a contradictory one has exactly one that does not.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from daneel.alignment.traces import ReasoningDebugger
from daneel.alignment.traces.oracle import load_z3
from daneel.evaluation.bench import inside_fourth, inside_third
from daneel.evaluation.bench import inside_worlds as worlds
from daneel.evaluation.bench.inside import Options, figure
from daneel.evaluation.bench.inside_worlds import Make, Said
from daneel.evaluation.bench.inside_worlds_more import MORE
from daneel.evaluation.evidence import Evidence

ROW = "T-61 contradictions"
WORLDS: tuple[Make, ...] = (
    worlds.pipes, worlds.parcels, worlds.clock, worlds.history, worlds.wings, worlds.families,
    worlds.permits, *MORE,
)  # fmt: skip


@dataclass(frozen=True)
class Trace:
    """A trace and the truth about it."""

    steps: list[str]
    """What is said."""
    against: int | None
    """Where the claim stands that contradicts the rest; None if all fits."""
    kind: str
    """The world of that claim."""


def satisfiable(z3: Any, said: list[Said]) -> bool:
    """Whether all of it can be true."""
    solver = z3.Solver()
    solver.add(*(item.meaning for item in said))
    return solver.check() == z3.sat


def generate(
    seed: int, contradictory: bool, makes: Sequence[Make] = WORLDS, idle: Sequence[str] = ()
) -> Trace:
    """A trace of three worlds; the first is the one that is contradicted, if any is.

    Args:
        seed: Of everything.
        contradictory: Whether one claim does not fit.
        makes: The worlds.
        idle: Sentences that say nothing; one of them, if any, begins the trace and one ends it.
    """
    rng, z3 = random.Random(seed), load_z3()
    chosen = rng.sample(makes, 3)
    lines = [_line(rng, z3, make, contradictory and i == 0) for i, make in enumerate(chosen)]
    owners = [i for i, line in enumerate(lines) for _ in line]
    rng.shuffle(owners)
    queues: list[Iterator[Said]] = [iter(line) for line in lines]
    said = [next(queues[i]) for i in owners]
    assert satisfiable(z3, said) is not contradictory
    last = max(i for i, owner in enumerate(owners) if owner == 0)
    steps = [item.text[0].upper() + item.text[1:] for item in said]
    if idle:
        steps, last = [rng.choice(idle), *steps, rng.choice(idle)], last + 1
    return Trace(steps, last if contradictory else None, chosen[0].__name__)


def _line(rng: random.Random, z3: Any, make: Make, contradictory: bool) -> list[Said]:
    """Premises of a world and a claim that fits them, or does not."""
    while True:
        world = make(rng, z3)
        assert satisfiable(z3, world.premises)
        claims = rng.sample(world.claims, len(world.claims))
        for claim in claims:
            if satisfiable(z3, [*world.premises, claim]) is not contradictory:
                return [*world.premises, claim]


def measure(options: Options) -> list[Evidence]:
    """The generators that the finder was mended on, each after it was met once, held out."""
    return [
        *_figures(options, "second generator (mended on)", WORLDS, ()),
        *_figures(options, "third generator (mended on)", inside_third.WORLDS, inside_third.IDLE),
        *_figures(
            options, "fourth generator (mended on)", inside_fourth.WORLDS, inside_fourth.IDLE
        ),
    ]


def _figures(
    options: Options, subject: str, makes: Sequence[Make], idle: Sequence[str]
) -> list[Evidence]:
    """As many contradictory traces as consistent ones."""
    count, debugger = options.sized(200, 10), ReasoningDebugger()
    found, alarms, unread, steps = 0, 0, 0, 0
    missed: dict[str, int] = {}
    for i in range(count):
        trace = generate(1000 * options.seed + i, True, makes, idle)
        conflicts = debugger.debug(trace.steps).conflicts
        # The rest fits together, so a conflict without the claim is no find but an alarm.
        hit = any(trace.against in conflict.steps for conflict in conflicts)
        found += hit
        missed[trace.kind] = missed.get(trace.kind, 0) + (not hit)
        consistent = generate(500_000 + 1000 * options.seed + i, False, makes, idle)
        report = debugger.debug(consistent.steps)
        alarms += bool(report.conflicts)
        unread, steps = unread + len(report.unread), steps + report.steps
    details = {"traces of each sort": count, "missed by world": missed}
    return [
        figure(ROW, "contradictions found", subject, 100 * found / count, "%", 80, details=details),
        figure(ROW, "false alarms", subject, 100 * alarms / count, "%", 5, "lower"),
        figure(ROW, "steps that could not be read", subject, 100 * unread / steps, "%"),
    ]
