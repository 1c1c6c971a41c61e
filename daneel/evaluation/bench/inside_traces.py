"""Contradictions injected into generated reasoning traces (T-61): the first generator.

The generator was written after the reader, with wordings of its own. Its first run, with the reader
untouched, found 52 of 60 with no false alarm in 60; that run showed one error of the reader (`at
most 4 kg` was taken for a place) and one of the generator (`is now` says that something changed),
both corrected since. The generators of `inside_fresh.py` show how little that says about others.
Each trace mixes three lines of thought that are consistent by construction; a contradictory one has
a last word against one of them put in.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from daneel.alignment.traces import ReasoningDebugger
from daneel.evaluation.bench.inside import Options, figure
from daneel.evaluation.evidence import Evidence

ROW = "T-61 contradictions"
SUBJECT = "first generator (built with)"


@dataclass(frozen=True)
class Thought:
    """A consistent line of thought, and a sentence that cannot be true beside it."""

    steps: list[str]
    """In order."""
    against: str
    """The contradiction."""


def say(rng: random.Random, *ways: str, **words: object) -> str:
    """One of several wordings."""
    return rng.choice(ways).format(**words)


class Names:
    """Names that no other line of thought of the trace uses."""

    def __init__(self, rng: random.Random) -> None:
        """All names are free."""
        self.people = rng.sample("Nadia Omar Petra Quentin Rosa Stefan Tara Umberto".split(), 8)
        self.things = rng.sample(
            "kettle toolbox drill tray blanket lantern bucket ladder printer valve".split(), 10
        )
        self.rooms = rng.sample("workshop pantry hallway attic cellar laboratory".split(), 6)


def order(rng: random.Random, names: Names) -> Thought:
    """A chain of comparisons."""
    a, b, c = (names.people.pop() for _ in range(3))
    up, down = rng.choice([("older", "younger"), ("faster", "slower"), ("taller", "shorter")])
    ways = (
        "{x} is {up} than {y}.",
        "{y} is {down} than {x}.",
        "We are told that {x} is {up} than {y}.",
    )
    steps = [
        say(rng, *ways, x=x, y=y, up=up, down=down) for x, y in rng.sample([(a, b), (b, c)], 2)
    ]
    return Thought(steps, say(rng, "Hence {y} is {up} than {x}.", "{x} is {down} than {y}.",
                              x=a, y=c, up=up, down=down))  # fmt: skip


def schedule(rng: random.Random, names: Names) -> Thought:
    """The order of the steps of a plan."""
    thing = names.things.pop()
    a, b, c = (f"{verb} the {thing}" for verb in rng.sample(
        ["inspect", "paint", "lift", "polish", "scan", "wrap"], 3))  # fmt: skip
    ways = ("{a} before you {b}.", "You must {a} before you {b}.", "{b} only after you {a}.",
            "Once you {a}, {b}.")  # fmt: skip
    steps = [say(rng, *ways, a=x, b=y).capitalize() for x, y in ((a, b), (b, c))]
    return Thought(
        steps, say(rng, "{c} before you {a}.", "{a} after you {c}.", a=a, c=c).capitalize()
    )


def conditions(rng: random.Random, names: Names) -> Thought:
    """A chain of conditions and its first cause."""
    x, y, z = (names.things.pop() for _ in range(3))
    p, q, r = (f"the {x} is locked", f"the {y} is hot", f"the {z} is on")
    ways = ("If {p}, then {q}.", "Whenever {p}, {q}.", "{q} if {p}.", "{p} implies that {q}.")
    steps = [say(rng, *ways, p=a, q=b).capitalize() for a, b in ((p, q), (q, r))]
    steps.insert(rng.randrange(3), say(rng, "{p}.", "It is true that {p}.", p=p).capitalize())
    return Thought(steps, say(rng, "The {z} is off.", "The {z} is not on.",
                              "It is not the case that the {z} is on.", z=z))  # fmt: skip


def kinds(rng: random.Random, names: Names) -> Thought:
    """What holds of every thing of a kind."""
    person = names.people.pop()
    a, b, c = rng.choice(
        [("plumber", "worker", "insured"), ("sparrow", "bird", "warm-blooded"),
         ("drone", "machine", "registered")])  # fmt: skip
    steps = [
        say(rng, "All {a}s are {b}s.", "Every {a} is a {b}.", "Each {a} is a {b}.", a=a, b=b),
        say(rng, "All {b}s are {c}.", "Every {b} is {c}.", b=b, c=c),
        say(rng, "{x} is a {a}.", "We know that {x} is a {a}.", x=person, a=a),
    ]
    rng.shuffle(steps)
    return Thought(steps, say(rng, "{x} is not {c}.", "{x} is not a {b}.", x=person, b=b, c=c))


def amounts(rng: random.Random, names: Names) -> Thought:
    """Counts, differences and totals."""
    a, b = names.people.pop(), names.people.pop()
    what, n, d = rng.choice(["coins", "stickers", "bolts"]), rng.randint(3, 9), rng.randint(2, 5)
    steps = [
        say(rng, "{a} has {n} {w}.", "{a} owns exactly {n} {w}.", a=a, n=n, w=what),
        say(rng, "{b} has {d} more {w} than {a}.", "{a} has {d} fewer {w} than {b}.",
            a=a, b=b, d=d, w=what),
    ]  # fmt: skip
    wrong = n + d + rng.choice([-1, 1, 2])
    return Thought(steps, say(rng, "So {b} has {m} {w}.", "Together, {a} and {b} have {t} {w}.",
                              a=a, b=b, m=wrong, t=n + wrong, w=what))  # fmt: skip


def limits(rng: random.Random, names: Names) -> Thought:
    """Bounds on how many, and on how much."""
    if rng.random() < 0.5:
        x, y, z = (names.things.pop() for _ in range(3))
        steps = [
            say(rng, "At most one of the {x}, the {y} and the {z} is available.",
                "No more than one of the {x}, the {y} and the {z} is available.", x=x, y=y, z=z),
            f"The {x} is available.",
        ]  # fmt: skip
        return Thought(steps, rng.choice([f"The {y} is available.", f"The {z} is available."]))
    x, n = names.things.pop(), rng.randint(3, 9)
    steps = [say(rng, "The {x} weighs at most {n} kg.", "The weight of the {x} is at most {n} kg.",
                 x=x, n=n)]  # fmt: skip
    return Thought(steps, say(rng, "The {x} weighs {m} kg.", "The {x} weighs at least {m} kg.",
                              x=x, m=n + rng.randint(1, 4)))  # fmt: skip


def places(rng: random.Random, names: Names) -> Thought:
    """Where a thing is, after it was moved."""
    x, (a, b, c) = names.things.pop(), [names.rooms.pop() for _ in range(3)]
    steps = [
        say(rng, "The {x} is in the {a}.", "The {x} is located in the {a}.", x=x, a=a),
        say(rng, "The robot carries the {x} to the {b}.", "The {x} is moved to the {b}.", x=x, b=b),
    ]
    return Thought(steps, say(rng, "The {x} is in the {a}.", "The {x} is stored in the {c}.",
                              "The {x} is not in the {b}.", x=x, a=a, b=b, c=c))  # fmt: skip


def choices(rng: random.Random, names: Names) -> Thought:
    """Either, or; neither, nor; unless."""
    x, y = names.things.pop(), names.things.pop()
    kind = rng.randrange(3)
    if kind == 0:
        steps = [f"Either the {x} is empty or the {y} is broken.", f"The {y} is working."]
        return Thought(steps, f"The {x} is full.")
    if kind == 1:
        return Thought([f"Neither the {x} nor the {y} is clean."], f"The {y} is clean.")
    steps = [f"The {x} is safe unless the {y} is wet.", f"The {y} is dry."]
    return Thought(steps, say(rng, "The {x} is dangerous.", "The {x} is unsafe.", x=x))


KINDS: tuple[Callable[[random.Random, Names], Thought], ...] = (
    order, schedule, conditions, kinds, amounts, limits, places, choices,
)  # fmt: skip


def generate(seed: int, contradictory: bool) -> tuple[list[str], int | None, str]:
    """A trace, where its contradiction stands, and the kind that it is against."""
    rng = random.Random(seed)
    names = Names(rng)
    chosen = rng.sample([k for k in KINDS if k not in (conditions, limits)], 2)
    chosen.append(rng.choice([conditions, limits]))
    rng.shuffle(chosen)
    thoughts = [make(rng, names) for make in chosen]
    order_of = [i for i, thought in enumerate(thoughts) for _ in thought.steps]
    rng.shuffle(order_of)
    queues: list[Iterator[str]] = [iter(thought.steps) for thought in thoughts]
    steps = [next(queues[i]) for i in order_of]
    last = max(i for i, owner in enumerate(order_of) if owner == 0)
    if not contradictory:
        return steps, None, chosen[0].__name__
    at = rng.randint(last + 1, len(steps))
    return [*steps[:at], thoughts[0].against, *steps[at:]], at, chosen[0].__name__


def measure(options: Options) -> list[Evidence]:
    """As many contradictory traces as consistent ones."""
    count, debugger = options.sized(300, 10), ReasoningDebugger()
    found, named, alarms, unread, steps = 0, 0, 0, 0, 0
    missed: dict[str, int] = {}
    for i in range(count):
        trace, at, kind = generate(1000 * options.seed + i, True)
        report = debugger.debug(trace)
        found += bool(report.conflicts)
        named += any(at in conflict.steps for conflict in report.conflicts)
        missed[kind] = missed.get(kind, 0) + (not report.conflicts)
        trace, _, _ = generate(500_000 + 1000 * options.seed + i, False)
        report = debugger.debug(trace)
        alarms += bool(report.conflicts)
        unread, steps = unread + len(report.unread), steps + report.steps
    details = {"traces of each sort": count, "missed by kind": missed}
    share = [100 * found / count, 100 * alarms / count, 100 * named / count, 100 * unread / steps]
    return [
        figure(ROW, "contradictions found", SUBJECT, share[0], "%", 80, details=details),
        figure(ROW, "false alarms", SUBJECT, share[1], "%", 5, "lower"),
        figure(ROW, "conflict names the injected step", SUBJECT, share[2], "%"),
        figure(ROW, "steps that could not be read", SUBJECT, share[3], "%"),
    ]
