"""Worlds of a fourth generator, written after the finder was mended on the third (T-61).

Warehouses, lessons, flights, diets, dice, elections, gears, aquaria, alibis, passwords: a first
meeting once more, and what was found then is recorded as held out. The finder knows more since; on
these worlds it is no longer a stranger.
"""

from __future__ import annotations

import random
from typing import Any

from daneel.evaluation.bench.inside_worlds import Make, Said, World, either


def shelves(rng: random.Random, z3: Any) -> World:
    """A forklift and a pallet."""
    thing = f"the {rng.choice(['pallet', 'drum', 'engine'])}"
    a, b, c = (f"{x}" for x in rng.sample(["shelf A", "shelf B", "dock 3", "the yard"], 3))
    then = {x: z3.Bool(f"{thing} then {x}") for x in (a, b, c)}
    only = z3.PbLe([(x, 1) for x in then.values()], 1)
    premises = [
        Said(f"{thing} is on {a}.", z3.BoolVal(True)),
        Said(either(rng, f"The forklift brings {thing} to {b}.",
                    f"{thing} is moved from {a} to {b}.",
                    f"The crew relocates {thing} to {b}."), z3.And(then[b], only)),
    ]  # fmt: skip
    claims = [
        Said(f"{thing} is on {b}.", then[b]), Said(f"{thing} is on {a} now.", then[a]),
        Said(f"{thing} isn't on {b}.", z3.Not(then[b])), Said(f"{thing} stands on {c}.", then[c]),
    ]  # fmt: skip
    return World(premises, claims)


def lessons(rng: random.Random, z3: Any) -> World:
    """A timetable."""
    a, b = rng.sample(["chemistry", "history", "drawing", "chess"], 2)
    start, length, pause = 60 * rng.randrange(8, 15), rng.choice([40, 50, 90]), rng.choice([10, 20])
    t, end, u = z3.Real(f"start {a}"), z3.Real(f"end {a}"), z3.Real(f"start {b}")

    def at(minutes: int) -> str:
        return f"{minutes // 60}:{minutes % 60:02d}"

    premises = [
        Said(either(rng, f"The {a} class starts at {at(start)}.",
                    f"The {a} class begins at {at(start)}."), t == start),
        Said(either(rng, f"The {a} class lasts {length} minutes.",
                    f"The {a} class goes on for {length} minutes."), end == t + length),
        Said(either(rng, f"The {b} class starts {pause} minutes after the {a} class ends.",
                    f"The {b} class begins {pause} minutes after the end of the {a} class."),
             u == end + pause),
    ]  # fmt: skip
    x = start + length + rng.choice([-10, 0, 15])
    y = start + length + pause + rng.choice([-15, 0, 10])
    claims = [
        Said(f"The {a} class ends at {at(x)}.", end == x),
        Said(f"The {b} class starts at {at(y)}.", u == y),
        Said(f"The {b} class starts before the {a} class ends.", u < end),
        Said(f"The {b} class starts after the {a} class.", u > t),
    ]
    return World(premises, claims)


def flights(rng: random.Random, z3: Any) -> World:
    """Distances and fuel."""
    a, b = rng.sample(["Arden", "Brill", "Cormo", "Delve"], 2)
    n, d = rng.randrange(200, 900, 50), rng.randrange(50, 200, 50)
    da, db = z3.Real(f"distance {a}"), z3.Real(f"distance {b}")
    premises = [
        Said(either(rng, f"{a} is {n} km away.", f"The distance to {a} is {n} km.",
                    f"It is {n} kilometres to {a}."), da == n),
        Said(either(rng, f"{b} is {d} km farther away than {a}.",
                    f"{b} is {d} km further than {a}."), db == da + d),
    ]  # fmt: skip
    x = n + d + rng.choice([-50, 0, 0, 100])
    claims = [
        Said(f"{b} is {x} km away.", db == x), Said(f"{b} is less than {x} km away.", db < x),
        Said(f"{a} is farther away than {b}.", da > db),
        Said(f"The distance to {b} is {1000 * x} m.", db == x),
    ]  # fmt: skip
    return World(premises, claims)


def diets(rng: random.Random, z3: Any) -> World:
    """Who eats what."""
    who = rng.choice(["Bruno", "Celia", "the new tenant"])
    kind, food = rng.choice([("vegan", "cheese"), ("vegetarian", "ham"), ("baby", "honey")])
    p, q = z3.Bool(f"{who} {kind}"), z3.Bool(f"{who} eats {food}")
    other = z3.Bool(f"another {kind} eats {food}")
    premises = [
        Said(either(rng, f"No {kind} eats {food}.", f"{kind}s never eat {food}.",
                    f"A {kind} does not eat {food}."),
             z3.And(z3.Implies(p, z3.Not(q)), z3.Not(other))),
        Said(either(rng, f"{who} is a {kind}.", f"We learn that {who} is a {kind}."), p),
    ]  # fmt: skip
    claims = [
        Said(f"{who} eats {food}.", q), Said(f"{who} does not eat {food}.", z3.Not(q)),
        Said(f"{who} is no {kind}.", z3.Not(p)), Said(f"Some {kind}s eat {food}.", z3.Or(other, q)),
        Said(f"{who} likes to travel.", z3.Bool(f"{who} travels")),
    ]  # fmt: skip
    return World(premises, claims)


def dice(rng: random.Random, z3: Any) -> World:
    """Numbers with properties."""
    a, b = rng.sample(["red", "green", "blue"], 2)
    n, m = rng.randrange(1, 6), rng.randrange(1, 6)
    va, vb = z3.Int(f"{a} die"), z3.Int(f"{b} die")
    premises = [
        Said(either(rng, f"The {a} die shows {n}.", f"The number on the {a} die is {n}."), va == n),
        Said(either(rng, f"The {b} die shows {m} more than the {a} die.",
                    f"The {a} die shows {m} less than the {b} die."), vb == va + m),
    ]  # fmt: skip
    x = n + m + rng.choice([-1, 0, 0, 2])
    claims = [
        Said(f"The {b} die shows {x}.", vb == x), Said(f"The {b} die does not show {x}.", vb != x),
        Said(f"The sum of the {a} die and the {b} die is {x + n}.", va + vb == x + n),
        Said(f"The {b} die shows at least {x + 1}.", vb >= x + 1),
    ]  # fmt: skip
    return World(premises, claims)


def election(rng: random.Random, z3: Any) -> World:
    """Votes."""
    a, b = rng.sample(["Ms Adler", "Mr Baum", "Dr Cho"], 2)
    n, d = rng.randrange(100, 300), rng.randrange(10, 60)
    va, vb = z3.Int(f"votes {a}"), z3.Int(f"votes {b}")
    premises = [
        Said(either(rng, f"{a} received {n} votes.", f"{n} people voted for {a}.",
                    f"{a} got {n} votes."), va == n),
        Said(either(rng, f"{b} received {d} votes fewer than {a}.",
                    f"{b} got {d} fewer votes than {a}."), vb == va - d),
    ]  # fmt: skip
    x = n - d + rng.choice([-20, 0, 0, 15])
    claims = [
        Said(f"{b} received {x} votes.", vb == x), Said(f"{b} got more than {x} votes.", vb > x),
        Said(f"{b} got more votes than {a}.", vb > va),
        Said(f"Together they received {n + x} votes.", va + vb == n + x),
    ]  # fmt: skip
    return World(premises, claims)


def aquarium(rng: random.Random, z3: Any) -> World:
    """Conditions with an exception."""
    tag = rng.choice(["lamp", "heater", "pump"])
    on, night, fed = (z3.Bool(f"{tag} {x}") for x in ("on", "night", "fish fed"))
    premises = [
        Said(either(rng, f"The {tag} is on unless it is night.",
                    f"Unless it is night, the {tag} is on."), z3.Or(night, on)),
        Said(either(rng, f"Whenever the {tag} is on, the fish swim.",
                    f"The fish swim as soon as the {tag} is on.",
                    f"That the {tag} is on implies that the fish swim."), z3.Implies(on, fed)),
        Said(either(rng, "It is not night.", "It isn't night."), z3.Not(night)),
    ]  # fmt: skip
    claims = [
        Said(f"The {tag} is off.", z3.Not(on)), Said(f"The {tag} is on.", on),
        Said("The fish don't swim.", z3.Not(fed)), Said("The fish swim.", fed),
    ]  # fmt: skip
    return World(premises, claims)


def alibis(rng: random.Random, z3: Any) -> World:
    """Who was where."""
    a, b, c = rng.sample(["the cook", "the butler", "the gardener", "the nurse"], 3)
    did = {x: z3.Bool(f"{x} lied") for x in (a, b, c)}
    premises = [
        Said(either(rng, f"Exactly one of {a}, {b} and {c} lied.",
                    f"Only one of {a}, {b} and {c} lied."),
             z3.PbEq([(d, 1) for d in did.values()], 1)),
        Said(either(rng, f"{a} told the truth and did not lie.", f"{a} did not lie."),
             z3.Not(did[a])),
        Said(either(rng, f"If {c} lied, then {a} lied as well.", f"{c} lied only if {a} lied."),
             z3.Implies(did[c], did[a])),
    ]  # fmt: skip
    claims = [
        Said(f"{b} lied.", did[b]), Said(f"{b} did not lie.", z3.Not(did[b])),
        Said(f"{c} lied.", did[c]), Said(f"Both {b} and {c} lied.", z3.And(did[b], did[c])),
        Said(f"Either {b} or {c} lied.", z3.Or(did[b], did[c])),
    ]  # fmt: skip
    return World(premises, claims)


def passwords(rng: random.Random, z3: Any) -> World:
    """Every, any, at least, and lengths."""
    one = rng.choice(["account 12", "account 40", "Selma's account"])
    safe, long_ = z3.Bool(f"{one} safe"), z3.Int(f"{one} characters")
    n = rng.randrange(6, 16)
    least, size = n + rng.choice([-2, 2]), n + rng.choice([0, 1])
    premises = [
        Said(either(rng, f"An account is secure only if its password has at least {least} "
                    "characters.", f"No account whose password has fewer than {least} characters "
                    "is secure."), z3.Implies(safe, long_ >= least)),
        Said(f"The password of {one} has {n} characters.", long_ == n),
    ]  # fmt: skip
    claims = [
        Said(f"{one} is secure.", safe),
        Said(f"{one} is not secure.", z3.Not(safe)),
        Said(f"The password of {one} has {size} characters.", long_ == size),
    ]
    return World(premises, claims)


def harvest(rng: random.Random, z3: Any) -> World:
    """Gain and loss."""
    who = rng.choice(["The farmer", "Old Tom", "The cooperative"])
    what = rng.choice(["sheep", "crates", "beehives"])
    n, m, k = rng.randrange(20, 60), rng.randrange(2, 15), rng.randrange(2, 15)
    now = z3.Int(f"{who} {what}")
    more = rng.random() < 0.5
    premises = [
        Said(either(rng, f"{who} owned {n} {what}.", f"{who} started with {n} {what}."),
             z3.BoolVal(True)),
        Said(either(rng, f"{who} bought {m} {what}.", f"{who} bought {m} more {what}.")
             if more else either(rng, f"{who} lost {m} {what}.", f"{who} sold {m} {what}."),
             z3.BoolVal(True)),
        Said(f"Later {who[0].lower() + who[1:] if who.startswith('The') else who} sold {k} {what}.",
             now == n + (m if more else -m) - k),
    ]  # fmt: skip
    x = n + (m if more else -m) - k + rng.choice([-3, 0, 0, 4])
    claims = [
        Said(f"{who} now owns {x} {what}.", now == x),
        Said(f"In the end {who[0].lower() + who[1:] if who.startswith('The') else who} has {x} "
             f"{what}.", now == x),
        Said(f"{who} has more than {x} {what} left.", now > x),
    ]  # fmt: skip
    return World(premises, claims)


WORLDS: tuple[Make, ...] = (
    shelves, lessons, flights, diets, dice, election, aquarium, alibis, passwords, harvest,
)  # fmt: skip
IDLE = (
    "Let me go over the facts.", "Okay.", "We continue.", "Nothing else is known.",
    "I will check this again.",
)  # fmt: skip
"""Sentences that say nothing."""
