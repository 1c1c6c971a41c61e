"""More small worlds: stocks, states that change, conditions, tallies, streets, denials, shares."""

from __future__ import annotations

import random
from typing import Any

from daneel.evaluation.bench.inside_worlds import Make, Said, World, either


def stocks(rng: random.Random, z3: Any) -> World:
    """What was there, what left, what is left."""
    place, other = rng.sample(["the depot", "the mill", "the barn", "the pantry"], 2)
    what = rng.choice(["barrels", "sacks", "pallets"])
    n, m = rng.randrange(20, 60), rng.randrange(3, 15)
    had, left, there = (z3.Int(f"{x} {what}") for x in (f"had {place}", f"left {place}", other))
    if rng.random() < 0.5:
        premises = [
            Said(either(rng, f"{place} held {n} {what}.", f"There were {n} {what} in {place}."),
                 had == n),
            Said(either(rng, f"{m} {what} were shipped from {place}.",
                        f"{m} of them left {place}."), left == had - m),
        ]  # fmt: skip
        x = n - m + rng.choice([-3, 0, 0, 5])
        claims = [
            Said(f"{x} {what} remain in {place}.", left == x),
            Said(f"{place} now holds {x} {what}.", left == x),
            Said(f"More than {x} {what} are left in {place}.", left > x),
        ]
        return World(premises, claims)
    premises = [
        Said(f"{place} stores {n} {what}.", had == n),
        Said(either(rng, f"{other} stores {m} {what} fewer than {place}.",
                    f"{other} stores {m} fewer {what} than {place}."), there == had - m),
    ]  # fmt: skip
    x = n - m + rng.choice([-3, 0, 0, 5])
    claims = [
        Said(f"{other} stores {x} {what}.", there == x),
        Said(f"{other} stores at least {x + 1} {what}.", there >= x + 1),
        Said(f"{place} and {other} store {n + x} {what} in total.", had + there == n + x),
        Said(f"{other} stores more {what} than {place}.", there > had),
    ]
    return World(premises, claims)


def states(rng: random.Random, z3: Any) -> World:
    """A state that something changes."""
    thing, before, event, after, other = rng.choice([
        ("gate", "closed", "The guard opens the gate.", "open", "shut"),
        ("heater", "off", "Somebody turns on the heater.", "on", "switched off"),
        ("cistern", "empty", "Rain fills the cistern.", "full", "empty"),
        ("hatch", "locked", "The captain unlocks the hatch.", "unlocked", "locked"),
    ])  # fmt: skip
    old, new = z3.Bool(f"{thing} {after} before"), z3.Bool(f"{thing} {after} afterwards")
    premises = [
        Said(either(rng, f"At first, the {thing} is {before}.", f"The {thing} is {before}."),
             z3.Not(old)),
        Said(event, new),
    ]  # fmt: skip
    claims = [
        Said(f"The {thing} is now {after}.", new), Said(f"The {thing} is {after}.", new),
        Said(f"The {thing} is still {before}.", z3.Not(new)),
        Said(f"The {thing} is {other}.", z3.Not(new)),
    ]  # fmt: skip
    return World(premises, claims)


def plant(rng: random.Random, z3: Any) -> World:
    """Conditions in a row."""
    tag = rng.choice(["pump", "mixer", "conveyor"])
    runs, full, alarm = (z3.Bool(f"{tag} {x}") for x in ("runs", "full", "alarm"))
    tank, siren = rng.choice([("tank", "siren"), ("hopper", "bell")])
    premises = [
        Said(either(rng, f"The {tag} runs only when the {tank} is full.",
                    f"If the {tank} is not full, the {tag} does not run.",
                    f"The {tag} cannot run unless the {tank} is full."), z3.Implies(runs, full)),
        Said(either(rng, f"The {siren} sounds whenever the {tag} runs.",
                    f"If the {tag} runs, the {siren} sounds.",
                    f"The {tag} running means that the {siren} sounds."), z3.Implies(runs, alarm)),
        Said(either(rng, f"The {tag} runs.", f"It is certain that the {tag} runs."), runs),
    ]  # fmt: skip
    claims = [
        Said(f"The {siren} sounds.", alarm), Said(f"The {siren} does not sound.", z3.Not(alarm)),
        Said(f"The {tank} is full.", full), Said(f"The {tank} isn't full.", z3.Not(full)),
        Said(f"Either the {tank} is not full or the {siren} does not sound.",
             z3.Or(z3.Not(full), z3.Not(alarm))),
    ]  # fmt: skip
    return World(premises, claims)


def tallies(rng: random.Random, z3: Any) -> World:
    """So many of a list."""
    names = rng.sample(["Ida", "Jon", "Kim", "Lea", "Moritz", "Nele"], 4)
    listed = f"{', '.join(names[:3])} and {names[3]}"
    verb, failed = rng.choice([("passed", "failed"), ("arrived", "did not arrive")])
    did = [z3.Bool(f"{name} {verb}") for name in names]
    two = z3.PbEq([(d, 1) for d in did], 2)
    many = z3.PbGe([(d, 1) for d in did], 3)
    a, b, c, d = names
    if rng.random() < 0.5:
        premises = [
            Said(either(rng, f"Exactly two of {listed} {verb}.",
                        f"Of {listed}, exactly two {verb}."), two),
            Said(either(rng, f"{a} and {b} {verb}.", f"Both {a} and {b} {verb}."),
                 z3.And(did[0], did[1])),
        ]  # fmt: skip
    else:
        premises = [
            Said(f"At least three of {listed} {verb}.", many),
            Said(f"{a} {failed}.", z3.Not(did[0])),
        ]
    claims = [
        Said(f"{c} {verb}.", did[2]), Said(f"{d} {failed}.", z3.Not(did[3])),
        Said(f"Neither {c} nor {d} {verb}.", z3.Not(z3.Or(did[2], did[3]))),
        Said(f"{b} and {c} {verb}.", z3.And(did[1], did[2])),
    ]  # fmt: skip
    return World(premises, claims)


def streets(rng: random.Random, z3: Any) -> World:
    """Places on a line."""
    a, b, c = rng.sample(["the bakery", "the library", "the museum", "the bank", "the mosque"], 3)
    west, east = rng.choice([("west of", "east of"), ("to the left of", "to the right of"),
                             ("south of", "north of")])  # fmt: skip
    x = {name: z3.Real(f"{west} {name}") for name in (a, b, c)}

    def line(p: str, q: str) -> Said:
        return Said(either(rng, f"{p} is {west} {q}.", f"{q} is {east} {p}.",
                           f"{q} lies {east} {p}.", f"{p} stands {west} {q}."),
                    x[p] < x[q])  # fmt: skip

    claims = [line(c, a), line(a, c), line(c, b),
              Said(f"{a} is not {west} {c}.", x[a] >= x[c])]  # fmt: skip
    return World([line(a, b), line(b, c)], claims)


def denials(rng: random.Random, z3: Any) -> World:
    """Negations of negations, and nobody."""
    if rng.random() < 0.5:
        thing, bad = rng.choice([("filter", "blocked"), ("contract", "signed"), ("ice", "thick")])
        p = z3.Bool(f"{thing} {bad}")
        premises = [
            Said(either(rng, f"It is not true that the {thing} is not {bad}.",
                        f"It is false that the {thing} is not {bad}.",
                        f"Nobody doubts that the {thing} is {bad}."), p)
        ]  # fmt: skip
        claims = [
            Said(f"The {thing} is not {bad}.", z3.Not(p)), Said(f"The {thing} is {bad}.", p),
            Said(f"It is not the case that the {thing} is {bad}.", z3.Not(p)),
        ]  # fmt: skip
        return World(premises, claims)
    group, bad = rng.choice([("crew", "ill"), ("choir", "absent"), ("jury", "biased")])
    one = rng.choice(["Tariq", "Wanda", "Yusuf"])
    member, p = z3.Bool(f"{one} {group}"), z3.Bool(f"{one} {bad}")
    other = z3.Bool(f"other of {group} {bad}")
    premises = [
        Said(either(rng, f"Nobody in the {group} is {bad}.", f"No member of the {group} is {bad}."),
             z3.And(z3.Implies(member, z3.Not(p)), z3.Not(other))),
        Said(either(rng, f"{one} belongs to the {group}.", f"{one} is a member of the {group}."),
             member),
    ]  # fmt: skip
    claims = [
        Said(f"{one} is {bad}.", p), Said(f"{one} is not {bad}.", z3.Not(p)),
        Said(f"Somebody in the {group} is {bad}.", z3.Or(z3.And(member, p), other)),
    ]  # fmt: skip
    return World(premises, claims)


def shares(rng: random.Random, z3: Any) -> World:
    """Parts of a whole."""
    what, taken, free = rng.choice(
        [("seats", "taken", "free"), ("rooms", "occupied", "empty"), ("eggs", "fresh", "rotten")]
    )
    whole, percent = rng.choice([40, 60, 80, 120]), rng.choice([25, 50, 75])
    n = whole * percent // 100
    used, unused = z3.Int(f"{what} {taken}"), z3.Int(f"{what} {free}")
    words = {25: "a quarter", 50: "half", 75: "three quarters"}[percent]
    premises = [
        Said(f"There are {whole} {what}, each of which is either {taken} or {free}.",
             used + unused == whole),
        Said(either(rng, f"{percent} % of the {what} are {taken}.",
                    f"{words} of the {what} are {taken}.",
                    f"{n} of the {what} are {taken}."), used == n),
    ]  # fmt: skip
    x = whole - n + rng.choice([-4, 0, 0, 6])
    claims = [
        Said(f"{x} {what} are {free}.", unused == x),
        Said(f"Fewer than {x} {what} are {free}.", unused < x),
        Said(f"{whole - x} {what} are {taken}.", used == whole - x),
        Said(f"None of the {what} are {free}.", unused == 0),
    ]
    return World(premises, claims)


MORE: tuple[Make, ...] = (stocks, states, plant, tallies, streets, denials, shares)
"""Worlds of this file."""
