"""Worlds of a third generator, written after the finder was last changed (T-61).

Other fields again (races, prices, ages, patients, drawers, thresholds, contests, recipes), other
turns of phrase, and idle sentences between. What the finder makes of it is a first meeting.
"""

from __future__ import annotations

import random
from typing import Any

from daneel.evaluation.bench.inside_worlds import Make, Said, World, either


def race(rng: random.Random, z3: Any) -> World:
    """Who came in when."""
    a, b, c = rng.sample(["Vera", "Otto", "Pia", "Lars", "Zoe"], 3)
    t = {name: z3.Real(f"finish {name}") for name in (a, b, c)}

    def ahead(x: str, y: str) -> Said:
        return Said(either(rng, f"{x} finished ahead of {y}.", f"{x} crossed the line before {y}.",
                           f"{y} reached the finish after {x}.", f"{x} was faster than {y}.",
                           f"{y} was slower than {x}."), t[x] < t[y])  # fmt: skip

    claims = [ahead(c, a), ahead(a, c), ahead(c, b),
              Said(f"{a} was not faster than {c}.", t[a] >= t[c]),
              Said(f"{a} came last of the three.", z3.And(t[a] > t[b], t[a] > t[c]))]  # fmt: skip
    return World([ahead(a, b), ahead(b, c)], claims)


def prices(rng: random.Random, z3: Any) -> World:
    """What things cost."""
    a, b = (f"the {x}" for x in rng.sample(["tent", "stove", "kayak", "compass"], 2))
    n, k = rng.randrange(20, 90, 4), rng.choice([2, 3])
    pa, pb = z3.Real(f"price {a}"), z3.Real(f"price {b}")
    premises = [
        Said(either(rng, f"{a} costs {n} euros.", f"The price of {a} is {n} euros.",
                    f"You pay {n} euros for {a}."), pa == n),
        Said(either(rng, f"{b} costs {'twice' if k == 2 else 'three times'} as much as {a}.",
                    f"{b} is {n * (k - 1)} euros more expensive than {a}."), pb == k * pa),
    ]  # fmt: skip
    x = k * n + rng.choice([-8, 0, 0, 12])
    claims = [
        Said(f"{b} costs {x} euros.", pb == x), Said(f"{b} costs less than {x} euros.", pb < x),
        Said(f"{a} and {b} cost {n + x} euros together.", pa + pb == n + x),
        Said(f"{a} is more expensive than {b}.", pa > pb),
        Said(f"With {x} euros you can afford {b}.", pb <= x),
    ]  # fmt: skip
    return World(premises, claims)


def ages(rng: random.Random, z3: Any) -> World:
    """Who is how old."""
    a, b = rng.sample(["Lena", "Max", "Aunt Berta", "Mr Holm", "Fatima"], 2)
    n, d = rng.randrange(25, 60), rng.randrange(2, 9)
    ya, yb = z3.Int(f"age {a}"), z3.Int(f"age {b}")
    premises = [
        Said(either(rng, f"{a} is {n} years old.", f"{a} is {n}.", f"{a} is aged {n}."), ya == n),
        Said(either(rng, f"{b} is {d} years younger than {a}.",
                    f"{a} is {d} years older than {b}."), yb == ya - d),
    ]  # fmt: skip
    x = n - d + rng.choice([-2, 0, 0, 3])
    claims = [
        Said(f"{b} is {x} years old.", yb == x), Said(f"{b} is over {x}.", yb > x),
        Said(f"{b} is at least {x + 1} years old.", yb >= x + 1),
        Said(f"{b} is older than {a}.", yb > ya), Said(f"{b} and {a} are the same age.", ya == yb),
    ]  # fmt: skip
    return World(premises, claims)


def ward(rng: random.Random, z3: Any) -> World:
    """What is done for whom."""
    who = rng.choice(["Mr Abel", "Mrs Okoro", "the boy in bed four"])
    sign, care = rng.choice([("has a fever", "gets tablets"), ("has a rash", "sees a doctor"),
                             ("is dehydrated", "receives a drip")])  # fmt: skip
    p, s, c = (z3.Bool(f"{who} {x}") for x in ("patient", sign, care))
    bare = {"gets": "get", "sees": "see", "receives": "receive"}
    first, rest = care.split(" ", 1)
    premises = [
        Said(either(rng, f"Every patient who {sign} {care}.", f"Any patient that {sign} {care}.",
                    f"If a patient {sign}, then he or she {care}."),
             z3.Implies(z3.And(p, s), c)),
        Said(f"{who} is a patient.", p),
        Said(f"{who} {sign}.", s),
    ]  # fmt: skip
    claims = [
        Said(f"{who} {care}.", c), Said(f"{who} does not {bare[first]} {rest}.", z3.Not(c)),
        Said(f"It is wrong to say that {who} {care}.", z3.Not(c)),
    ]  # fmt: skip
    return World(premises, claims)


def drawers(rng: random.Random, z3: Any) -> World:
    """Where a robot leaves things."""
    thing = f"the {rng.choice(['mug', 'wrench', 'remote', 'notebook'])}"
    a, b, c = (f"the {x}" for x in rng.sample(["drawer", "sink", "basket", "locker"], 3))
    then = {x: z3.Bool(f"{thing} then in {x}") for x in (a, b, c)}
    only = z3.PbLe([(x, 1) for x in then.values()], 1)
    premises = [
        Said(either(rng, f"{thing} lies in {a}.", f"To begin with, {thing} is in {a}."),
             z3.BoolVal(True)),
        Said(either(rng, f"The robot takes {thing} out of {a} and puts it into {b}.",
                    f"The robot transfers {thing} from {a} to {b}.",
                    f"A colleague moves {thing} from {a} to {b}."), z3.And(then[b], only)),
    ]  # fmt: skip
    claims = [
        Said(f"{thing} is in {b}.", then[b]), Said(f"{thing} is in {a}.", then[a]),
        Said(f"{thing} is still in {a}.", then[a]),
        Said(f"{thing} is not in {b}.", z3.Not(then[b])),
        Said(f"You will find {thing} in {c}.", then[c]),
    ]  # fmt: skip
    return World(premises, claims)


def contest(rng: random.Random, z3: Any) -> World:
    """One winner."""
    a, b = rng.sample(["Kofi", "Anja", "team Blue", "team Red"], 2)
    wa, wb = z3.Bool(f"{a} won"), z3.Bool(f"{b} won")
    premises = [
        Said(either(rng, f"Either {a} or {b} won.", f"The winner is {a} or {b}.",
                    f"At least one of {a} and {b} won."), z3.Or(wa, wb)),
        Said(either(rng, f"{a} did not win.", f"{a} lost."), z3.Not(wa)),
    ]  # fmt: skip
    claims = [
        Said(f"{b} won.", wb), Said(f"{b} did not win.", z3.Not(wb)),
        Said(f"Neither {a} nor {b} won.", z3.Not(z3.Or(wa, wb))), Said(f"{b} lost.", z3.Not(wb)),
    ]  # fmt: skip
    return World(premises, claims)


def recipe(rng: random.Random, z3: Any) -> World:
    """What is done first."""
    a, b, c = rng.sample(["knead the dough", "grease the tin", "heat the oven", "weigh the flour",
                          "chop the nuts"], 3)  # fmt: skip
    t = {x: z3.Real(f"when {x}") for x in (a, b, c)}

    def first(x: str, y: str) -> Said:
        return Said(either(rng, f"{x} before you {y}.", f"First {x}, then {y}.",
                           f"Do not {y} until you {x}.", f"Only {y} after you {x}.",
                           f"You have to {x} before you can {y}."), t[x] < t[y])  # fmt: skip

    claims = [Said(f"{c} before you {a}.", t[c] < t[a]), Said(f"{a} before you {c}.", t[a] < t[c]),
              Said(f"After you {c}, {a}.", t[c] < t[a])]  # fmt: skip
    return World([first(a, b), first(b, c)], claims)


def freezer(rng: random.Random, z3: Any) -> World:
    """Readings and thresholds."""
    what, unit = rng.choice([("the reactor", "bar"), ("the oven", "degrees"), ("the sauna", "°C")])
    n = rng.randrange(60, 200, 10)
    v, on = z3.Real(f"reading {what}"), z3.Bool(f"warning {what}")
    limit = n + rng.choice([-15, 15])
    premises = [
        Said(either(rng, f"{what} is at {n} {unit}.", f"{what} shows {n} {unit}.",
                    f"The reading of {what} is {n} {unit}."), v == n),
        Said(f"If {what} is above {limit} {unit}, the warning light of {what} is on.",
             z3.Implies(v > limit, on)),
    ]  # fmt: skip
    low, same = n + rng.choice([-5, 5]), n + rng.choice([0, 10])
    claims = [
        Said(f"The warning light of {what} is off.", z3.Not(on)),
        Said(f"{what} is below {low} {unit}.", v < low),
        Said(f"{what} is at {same} {unit}.", v == same),
    ]
    return World(premises, claims)


def marbles(rng: random.Random, z3: Any) -> World:
    """Gifts and purchases."""
    a, b = rng.sample(["Tilo", "Runa", "Grace", "Hamid"], 2)
    what = rng.choice(["marbles", "stamps", "coins"])
    n, m, k = rng.randrange(10, 30), rng.randrange(2, 9), rng.randrange(2, 9)
    now, other = z3.Int(f"{a} {what}"), z3.Int(f"{b} {what}")
    premises = [
        Said(f"{a} has {n} {what}.", z3.BoolVal(True)),
        Said(f"{b} has {m} {what}.", z3.BoolVal(True)),
        Said(either(rng, f"{a} gives {k} {what} to {b}.", f"{a} gives {b} {k} {what}.",
                    f"{b} gets {k} {what} from {a}."),
             z3.And(now == n - k, other == m + k)),
    ]  # fmt: skip
    x = rng.choice([0, 0, 2, -1])
    claims = [
        Said(f"{a} now has {n - k + x} {what}.", now == n - k + x),
        Said(f"{b} has {m + k + x} {what} now.", other == m + k + x),
        Said(f"{a} is left with {n - k + x} {what}.", now == n - k + x),
        Said(f"Afterwards {b} has {m + k + x} {what}.", other == m + k + x),
    ]
    return World(premises, claims)


def heirs(rng: random.Random, z3: Any) -> World:
    """All, some, none."""
    group, has, lacks = rng.choice([("guests", "signed the book", "did not sign the book"),
                                    ("drones", "returned", "did not return"),
                                    ("plants", "survived", "did not survive")])  # fmt: skip
    all_, some = z3.Bool(f"all {group}"), z3.Bool(f"some {group}")
    true = rng.random() < 0.5
    if true:
        text = either(rng, f"All of the {group} {has}.", f"Every one of the {group} {has}.",
                      f"The {group} all {has}.")  # fmt: skip
        premises = [Said(text, all_)]
        claims = [Said(f"Some of the {group} {lacks}.", z3.Not(all_)),
                  Said(f"One of the {group} {lacks}.", z3.Not(all_)),
                  Said(f"Not all of the {group} {has}.", z3.Not(all_)),
                  Said(f"All the {group} {has}.", all_)]  # fmt: skip
    else:
        text = either(rng, f"None of the {group} {has}.", f"Not one of the {group} {has}.",
                      f"No {group[:-1]} {has}.")  # fmt: skip
        premises = [Said(text, z3.Not(some))]
        claims = [Said(f"Some of the {group} {has}.", some),
                  Said(f"At least one of the {group} {has}.", some),
                  Said(f"A {group[:-1]} {has}.", some),
                  Said(f"The {group} {lacks}.", z3.Not(some))]  # fmt: skip
    return World(premises, claims)


def lease(rng: random.Random, z3: Any) -> World:
    """Clauses of a contract."""
    p, q, r = (z3.Bool(f"lease {x}") for x in ("paid", "valid", "keys"))
    premises = [
        Said(either(rng, "The lease is valid provided that the deposit is paid.",
                    "As long as the deposit is paid, the lease is valid.",
                    "If the deposit has been paid, the lease is valid."), z3.Implies(p, q)),
        Said(either(rng, "When the lease is valid, the tenant keeps the keys.",
                    "The tenant keeps the keys if the lease is valid."), z3.Implies(q, r)),
        Said(either(rng, "The deposit is paid.", "The deposit has been paid."), p),
    ]  # fmt: skip
    claims = [
        Said("The lease is invalid.", z3.Not(q)), Said("The lease is valid.", q),
        Said("The tenant doesn't keep the keys.", z3.Not(r)), Said("The tenant keeps the keys.", r),
        Said("The lease is not valid, or the deposit is unpaid.", z3.Or(z3.Not(q), z3.Not(p))),
    ]  # fmt: skip
    return World(premises, claims)


WORLDS: tuple[Make, ...] = (
    race, prices, ages, ward, drawers, contest, recipe, freezer, marbles, heirs, lease,
)  # fmt: skip
IDLE = (
    "Let us think this through step by step.", "Now for the next point.",
    "That seems clear enough.", "This is all we need here.", "So far, so good.",
)  # fmt: skip
"""Sentences that say nothing."""
