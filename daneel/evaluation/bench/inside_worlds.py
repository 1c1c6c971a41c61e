"""Small worlds that talk: sentences with what they mean, for the finder of contradictions (T-61).

Written without the reader at hand, to be unlike the first generator (`inside_traces.py`): other
fields of life, other wordings, claims drawn at random. Each world gives premises, and claims of
which nobody says here whether they fit: z3 decides that, on the meanings below, never on the words.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Said:
    """A sentence and its meaning."""

    text: str
    """As the trace has it."""
    meaning: Any
    """A z3 expression over names of this world alone."""


@dataclass(frozen=True)
class World:
    """What one world says."""

    premises: list[Said]
    """In order; they fit together."""
    claims: list[Said]
    """Each fits, or contradicts the premises."""


Make = Callable[[random.Random, Any], World]


def either(rng: random.Random, *texts: str) -> str:
    """One of several wordings."""
    return rng.choice(texts)


def pipes(rng: random.Random, z3: Any) -> World:
    """Lengths in several units."""
    a, b = (f"the {x} {rng.choice(('pipe', 'cable', 'beam'))}" for x in
            rng.sample(["copper", "steel", "spare", "bent", "upper"], 2))  # fmt: skip
    n, d = rng.randrange(60, 300, 10), rng.randrange(10, 90, 10)
    la, lb = z3.Real(f"length {a}"), z3.Real(f"length {b}")
    premises = [
        Said(either(rng, f"{a} is {n} cm long.", f"{a} measures {n} centimetres.",
                    f"The length of {a} is {n / 100:g} m."), la == n),
        Said(either(rng, f"{b} is {d} cm longer than {a}.",
                    f"{a} is {d} cm shorter than {b}."), lb == la + d),
    ]  # fmt: skip
    x = n + d + rng.choice([-40, -20, 0, 30])
    claims = [
        Said(f"{b} is {x / 100:g} metres long.", lb == x),
        Said(f"{b} is {10 * x} mm long.", lb == x),
        Said(f"{b} is shorter than {x + 5} cm.", lb < x + 5),
        Said(f"{b} is no longer than {x / 100:g} m.", lb <= x),
        Said(f"{a} is longer than {b}.", la > lb),
        Said(f"Laid end to end, {a} and {b} reach {x + n} cm.", la + lb == x + n),
    ]
    return World(premises, claims)


def parcels(rng: random.Random, z3: Any) -> World:
    """Masses, multiples, totals."""
    a, b = (f"the {x}" for x in rng.sample(["parcel", "anvil", "suitcase", "turbine", "cheese"], 2))
    n, k = rng.randrange(2, 12), rng.choice([2, 3, 4])
    times = {2: "twice", 3: "three times", 4: "four times"}[k]
    wa, wb = z3.Real(f"mass {a}"), z3.Real(f"mass {b}")
    premises = [
        Said(either(rng, f"{a} weighs {n} kg.", f"{a} has a mass of {n} kilograms.",
                    f"The weight of {a} is {1000 * n} grams."), wa == n),
        Said(either(rng, f"{b} is {times} as heavy as {a}.",
                    f"{b} weighs {times} as much as {a}."), wb == k * wa),
    ]  # fmt: skip
    x = k * n + rng.choice([-2, -1, 0, 2])
    claims = [
        Said(f"{b} weighs {x} kilograms.", wb == x),
        Said(f"{b} weighs more than {x} kg.", wb > x),
        Said(f"{b} does not weigh more than {1000 * x} g.", wb <= x),
        Said(f"Together, {a} and {b} weigh {x + n} kg.", wa + wb == x + n),
        Said(f"{a} is heavier than {b}.", wa > wb),
    ]
    return World(premises, claims)


def clock(rng: random.Random, z3: Any) -> World:
    """Times of the day and durations."""
    what = "the " + rng.choice(["lecture", "surgery", "auction", "ferry ride"])
    start, length = 60 * rng.randrange(8, 18) + rng.choice([5, 20, 40]), rng.choice([30, 45, 75])
    begin, end = z3.Real(f"begin {what}"), z3.Real(f"end {what}")

    def at(minutes: int) -> str:
        return f"{minutes // 60}:{minutes % 60:02d}"

    premises = [
        Said(either(rng, f"{what} starts at {at(start)}.", f"{what} begins at {at(start)}."),
             begin == start),
        Said(either(rng, f"{what} lasts {length} minutes.", f"{what} takes {length} minutes."),
             end == begin + length),
    ]  # fmt: skip
    x, shifted = start + length + rng.choice([-15, -10, 0, 20]), rng.choice([-30, 30])
    claims = [
        Said(f"{what} ends at {at(x)}.", end == x),
        Said(f"{what} is over by {at(x)}.", end <= x),
        Said(f"{what} ends after {at(x + 5)}.", end > x + 5),
        Said(f"{what} starts before {at(start + shifted)}.", begin < start + shifted),
    ]
    return World(premises, claims)


def history(rng: random.Random, z3: Any) -> World:
    """The order of events."""
    a, b, c = rng.sample(
        ["the audit", "the launch", "the rehearsal", "the flood", "the merger", "the harvest"], 3
    )
    t = {name: z3.Real(f"time {name}") for name in (a, b, c)}

    def before(x: str, y: str) -> Said:
        return Said(either(
            rng, f"{x} took place before {y}.", f"{y} came after {x}.", f"{x} preceded {y}.",
            f"{x} was followed by {y}.", f"{y} happened later than {x}.",
            f"{x} was already over when {y} began."), t[x] < t[y])  # fmt: skip

    claims = [
        before(c, a), before(a, c), before(b, a),
        Said(f"{a} and {c} happened at the same time.", t[a] == t[c]),
        Said(f"{c} did not take place before {a}.", t[c] >= t[a]),
        Said(f"{a} happened neither before {b} nor before {c}.",
             z3.And(t[a] >= t[b], t[a] >= t[c])),
    ]  # fmt: skip
    return World([before(a, b), before(b, c)], claims)


def wings(rng: random.Random, z3: Any) -> World:
    """Everything of a kind, and one of them."""
    kind, place, good = rng.choice(
        [("sensor", "the north wing", "calibrated"), ("book", "the archive", "catalogued"),
         ("horse", "the stable", "vaccinated")])  # fmt: skip
    one = f"{kind} {rng.randrange(2, 90)}"
    here, ok = z3.Bool(f"{one} here"), z3.Bool(f"{one} ok")
    other = z3.Bool(f"some other {kind} here is not ok")
    every = z3.And(z3.Implies(here, ok), z3.Not(other))
    premises = [
        Said(either(rng, f"Every {kind} in {place} is {good}.", f"All {kind}s in {place} are "
                    f"{good}.", f"Each {kind} in {place} has been {good}."), every),
        Said(either(rng, f"{one} is in {place}.", f"{one} can be found in {place}."), here),
    ]  # fmt: skip
    claims = [
        Said(f"{one} is {good}.", ok),
        Said(f"{one} isn't {good}.", z3.Not(ok)),
        Said(f"{one} has not been {good}.", z3.Not(ok)),
        Said(f"Not every {kind} in {place} is {good}.", z3.Not(every)),
        Said(f"At least one {kind} in {place} is not {good}.", z3.Not(every)),
    ]
    return World(premises, claims)


def families(rng: random.Random, z3: Any) -> World:
    """Kinds within kinds."""
    a, b, has, lacks = rng.choice(
        [("iguana", "reptile", "has fur", "has no fur"),
         ("sonnet", "poem", "has fourteen chapters", "has no chapters"),
         ("kayak", "boat", "needs an engine", "needs no engine")])  # fmt: skip
    one = rng.choice(["Ziggy", "Morgana", "Number Nine"])
    is_a, is_b, p = (z3.Bool(f"{one} {x}") for x in (a, b, has))
    some = z3.Bool(f"some other {a} {has}")
    article = "an" if a[0] in "aeiou" else "a"
    premises = [
        Said(either(rng, f"No {b} {has}.", f"There is no {b} that {has}."),
             z3.And(z3.Implies(is_b, z3.Not(p)), z3.Not(some))),
        Said(either(rng, f"All {a}s are {b}s.", f"Every {a} is a {b}.",
                    f"Whatever is {article} {a} is a {b}."), z3.Implies(is_a, is_b)),
        Said(f"{one} is {article} {a}.", is_a),
    ]  # fmt: skip
    claims = [
        Said(f"{one} {has}.", p), Said(f"{one} {lacks}.", z3.Not(p)),
        Said(f"{one} is not a {b}.", z3.Not(is_b)), Said(f"{one} is a {b}.", is_b),
        Said(f"There is {article} {a} that {has}.", z3.Or(p, some)),
    ]  # fmt: skip
    return World(premises, claims)


def permits(rng: random.Random, z3: Any) -> World:
    """Who may do what."""
    who = rng.choice(["Mara", "Ivo", "Selma", "the intern"])
    role, act, badge = rng.choice(
        [("supervisor", "sign orders", "blue badge"), ("pilot", "enter the hangar", "valid pass"),
         ("member", "vote", "green card")])  # fmt: skip
    is_role, may, has = (z3.Bool(f"{who} {x}") for x in (role, act, badge))
    if rng.random() < 0.5:
        premises = [
            Said(either(rng, f"Only {role}s may {act}.", f"Nobody but a {role} may {act}."),
                 z3.Implies(may, is_role)),
            Said(f"{who} is not a {role}.", z3.Not(is_role)),
        ]  # fmt: skip
    else:
        premises = [
            Said(either(rng, f"Anyone who has a {badge} may {act}.",
                        f"Everybody with a {badge} may {act}."), z3.Implies(has, may)),
            Said(f"{who} has a {badge}.", has),
        ]  # fmt: skip
    claims = [
        Said(f"{who} may {act}.", may), Said(f"{who} may not {act}.", z3.Not(may)),
        Said(f"{who} is not allowed to {act}.", z3.Not(may)),
        Said(f"{who} is allowed to {act}.", may),
    ]  # fmt: skip
    return World(premises, claims)
