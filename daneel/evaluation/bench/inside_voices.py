"""Traces in the words of ten writers: terse notes, logs, algebra, lists, loud thought (T-61).

Written after the finder was frozen. A writer's thought is consistent by construction; `fits` are
claims that go with it, `clashes` claims that cannot. A trace interleaves three thoughts and closes
each with a claim; a contradictory trace has one claim that clashes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Thought:
    """A consistent line of thought, what may be added to it, and what may not."""

    premises: Sequence[str]
    """In order."""
    fits: Sequence[str]
    """True beside them, or at least possible."""
    clashes: Sequence[str]
    """Impossible beside them."""


Write = Callable[[random.Random], Thought]


@dataclass(frozen=True)
class Trace:
    """A trace and the truth about it."""

    steps: list[str]
    """What is said."""
    against: int | None
    """Where the claim stands that contradicts the rest; None if all fits."""
    kind: str
    """Who wrote the thought that it contradicts."""


def generate(seed: int, contradictory: bool, writers: Sequence[Write]) -> Trace:
    """Three thoughts of three writers, mixed; the first is the one that is contradicted."""
    rng = random.Random(seed)
    chosen = rng.sample(writers, 3)
    lines: list[list[str]] = []
    for i, write in enumerate(chosen):
        thought = write(rng)
        claims = thought.clashes if contradictory and i == 0 else thought.fits
        lines.append([*thought.premises, rng.choice(claims)])
    owners = [i for i, line in enumerate(lines) for _ in line]
    # Neighbours stay together now and then: people finish a thought.
    if rng.random() < 0.5:
        rng.shuffle(owners)
    else:
        order = rng.sample(range(3), 3)
        owners.sort(key=order.index)
    queues: list[Iterator[str]] = [iter(line) for line in lines]
    steps = [next(queues[i]) for i in owners]
    last = max(i for i, owner in enumerate(owners) if owner == 0)
    return Trace(steps, last if contradictory else None, chosen[0].__name__)


def notes_pump(rng: random.Random) -> Thought:
    """Terse notes of a technician."""
    n = rng.randrange(2, 9)
    p = rng.choice(["P1", "P3", "K7"])
    return Thought(
        [f"Pump {p}: running.", f"Inlet pressure {n} bar."],
        [f"{p} is not stopped.", f"Inlet pressure above {n - 1} bar."],
        [f"{p} is stopped.", f"Inlet pressure below {n} bar.", f"Inlet pressure: {n + 1} bar."],
    )


def notes_shelf(rng: random.Random) -> Thought:
    """Terse notes about a store."""
    a, b = rng.sample(["flour", "sugar", "salt", "yeast"], 2)
    n, m = rng.randrange(3, 9), rng.randrange(10, 20)
    return Thought(
        [f"{a.capitalize()}: {n} kg left.", f"{b.capitalize()}: {m} kg left."],
        [f"More {b} than {a}.", f"We have at least {n} kg of {a}."],
        [f"More {a} than {b}.", f"Only {n - 2} kg of {a} left."],
    )


def notes_doors(rng: random.Random) -> Thought:
    """A round of inspection."""
    d = rng.choice(["north gate", "back door", "skylight"])
    return Thought(
        [f"{d.capitalize()} - locked.", "Alarm armed, lights off."],
        [f"The {d} isn't unlocked.", "The lights aren't on."],
        [f"The {d} is unlocked.", "The lights are on.", "The alarm is not armed."],
    )


def log_boiler(rng: random.Random) -> Thought:
    """A log with times."""
    n = rng.randrange(40, 70)
    return Thought(
        [f"[10:02] boiler temperature {n} C", "[10:02] burner on"],
        ["[10:09] burner off", f"[10:02] boiler hotter than {n - 5} C"],
        ["[10:02] burner off", f"[10:02] boiler temperature below {n - 3} C"],
    )


def log_run(rng: random.Random) -> Thought:
    """A lab log of two samples."""
    a, b = rng.sample(["A", "B", "C"], 2)
    n, d = rng.randrange(20, 60), rng.randrange(3, 9)
    return Thought(
        [f"Sample {a} weighed in at {n} g.", f"Sample {b}: {d} g heavier than sample {a}."],
        [f"Sample {b} therefore weighs {n + d} g.", f"Sample {a} is the lighter one of the two."],
        [f"Sample {b} weighs {n + d + 2} g.", f"Sample {b} weighs less than sample {a}."],
    )


def log_titration(rng: random.Random) -> Thought:
    """What was done in which order."""
    x, y, z = rng.sample(["calibrated the probe", "rinsed the flask", "added the indicator",
                          "recorded the blank"], 3)  # fmt: skip
    return Thought(
        [f"We {x} before we {y}.", f"Only after that, i.e. after we {y}, we {z}."],
        [f"We {x} earlier than we {z}."],
        [f"We {z} before we {x}."],
    )


def chain_age(rng: random.Random) -> Thought:
    """A chain of thought with small words."""
    a, b, c = rng.sample(["Priya", "Marco", "Yuki", "Tomas", "Hanna"], 3)
    n, d = rng.randrange(20, 40), rng.randrange(2, 8)
    return Thought(
        [f"Okay, so {a} is {n}.", f"{b} is {d} years older, I mean older than {a}.",
         f"And {c} is as old as {b}."],
        [f"So {c} must be {n + d}.", f"Hence {a} is the youngest."],
        [f"So {c} must be {n - d}.", f"Wait, then {a} is older than {c}."],
    )  # fmt: skip


def chain_wason(rng: random.Random) -> Thought:
    """Modus tollens, aloud."""
    x, y = rng.choice([("the fuse had blown", "the fan would be silent"),
                       ("the cable were loose", "the screen would be black")])  # fmt: skip
    no_y = {"the fan would be silent": "the fan is not silent",
            "the screen would be black": "the screen is not black"}[y]  # fmt: skip
    yes = {"the fuse had blown": "the fuse has blown", "the cable were loose": "the cable is loose"}
    no = {"the fuse had blown": "the fuse has not blown",
          "the cable were loose": "the cable is not loose"}  # fmt: skip
    return Thought(
        [f"If {x}, {y}.", f"But {no_y}."],
        [f"Hence {no[x]}."],
        [f"Hence {yes[x]}."],
    )


def chain_seats(rng: random.Random) -> Thought:
    """A row of people."""
    a, b, c = rng.sample(["Finn", "Greta", "Hugo", "Ines"], 3)
    return Thought(
        [f"Let's see. {a} sits directly to the left of {b}.", f"{c} is to the right of {b}."],
        [f"So {a} is left of {c}.", f"That puts {b} between {a} and {c}."],
        [f"So {c} is left of {a}.", f"That means {a} is to the right of {b}."],
    )


def chain_keys(rng: random.Random) -> Thought:
    """Who has what."""
    a, b = rng.sample(["Nora", "Oskar", "Pavel"], 2)
    x = rng.choice(["key", "map", "umbrella"])
    return Thought(
        [f"At the start {a} has the {x}.", f"Then {a} hands the {x} to {b}."],
        [f"Now {b} has the {x}.", f"So {a} no longer has the {x}."],
        [f"So {b} does not have the {x}.", f"Now {a} still has the {x}."],
    )


def latex_linear(rng: random.Random) -> Thought:
    """Equations."""
    x, k, c = rng.randrange(2, 9), rng.randrange(2, 6), rng.randrange(1, 9)
    return Thought(
        [f"We are given ${k}x + {c} = {k * x + c}$."],
        [f"Hence $x = {x}$.", f"Therefore ${k}x = {k * x}$.", f"In particular $x < {x + 1}$."],
        [f"Hence $x = {x + 1}$.", f"Therefore $x > {x}$.", f"So $x \\le {x - 1}$."],
    )


def latex_system(rng: random.Random) -> Thought:
    """Two unknowns."""
    p, q = rng.randrange(2, 9), rng.randrange(10, 20)
    return Thought(
        [f"Let $p + q = {p + q}$ and $q - p = {q - p}$."],
        [f"Adding both gives $2q = {2 * q}$.", f"So \\(q = {q}\\).", "Clearly $q > p$."],
        [f"So \\(q = {q + 1}\\).", f"So \\(p = {p - 1}\\).", "So $p \\geq q$."],
    )


def latex_square(rng: random.Random) -> Thought:
    """Powers and parity."""
    n = 2 * rng.randrange(2, 7)
    return Thought(
        [f"Suppose $m = {n}$.", f"Then $m^2 = {n * n}$."],
        ["$m$ is even.", f"$m^2 > {n * n - 1}$."],
        ["$m$ is odd.", f"$m^2 = {n * n + 1}$.", "$m$ is negative."],
    )


def latex_between(rng: random.Random) -> Thought:
    """Chains of inequalities."""
    return Thought(
        ["$0 < r < s$", f"$s = {rng.randrange(2, 9)}$"],
        ["$r > 0$", "Thus $r \\neq s$."],
        ["$r = s$", "Thus $r < 0$.", "$r \\geq s$"],
    )


def bullets_rooms(rng: random.Random) -> Thought:
    """A bulleted list of where things are."""
    x, (a, b) = rng.choice(["vacuum", "ladder", "crate"]), rng.sample(["hall", "cellar", "loft"], 2)
    return Thought(
        [f"- {x}: in the {a}", f"- robot brings {x} to the {b}"],
        [f"- {x} is in the {b}", f"- {x} is not in the {a}"],
        [f"- {x} is in the {a}", f"- {x} is not in the {b}"],
    )


def bullets_rules(rng: random.Random) -> Thought:
    """Rules of a house."""
    who, what = rng.choice([("guest", "pool"), ("member", "library"), ("nurse", "pharmacy")])
    name = rng.choice(["Quirin", "Rosa", "Selim"])
    return Thought(
        [f"* every {who} may use the {what}", f"* {name} is a {who}"],
        [f"* {name} may use the {what}"],
        [f"* {name} may not use the {what}", f"* {name} is not allowed to use the {what}"],
    )


def bullets_budget(rng: random.Random) -> Thought:
    """Money."""
    n, m = rng.randrange(100, 300, 10), rng.randrange(20, 90, 10)
    return Thought(
        [f"* rent: {n} euros", f"* power: {m} euros", "* total = rent + power"],
        [f"* total = {n + m} euros", "* rent > power"],
        [f"* total = {n + m + 15} euros", "* power > rent"],
    )


def bullets_colours(rng: random.Random) -> Thought:
    """What looks how."""
    a, b = rng.sample(["red", "blue", "green", "white"], 2)
    return Thought(
        [f"• the lid: {a}", f"• the box: {b}"],
        [f"• the lid isn't {b}", f"• the box is {b}"],
        [f"• the lid is {b}", f"• the box isn't {b}"],
    )


WRITERS: tuple[Write, ...] = (
    notes_pump, notes_shelf, notes_doors, log_boiler, log_run, log_titration, chain_age,
    chain_wason, chain_seats, chain_keys, latex_linear, latex_system, latex_square, latex_between,
    bullets_rooms, bullets_rules, bullets_budget, bullets_colours,
)  # fmt: skip
