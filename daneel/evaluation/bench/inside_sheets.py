"""Short lines of thought from many pens, as sheets with blanks (T-61): a further generator.

Written after the finder was mended on the writers of `inside_voices` and frozen again. A sheet is
premises, claims that fit and claims that clash; blanks are filled with names and numbers. In
numbers, n > m, s = n + m, d = n - m, t = 2 n, and the letters after the underscore name what is
wrong about a number: `s_hi` is too much.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from daneel.evaluation.bench.inside_voices import Thought, Write

PEOPLE = "Aino Bertil Chloe Dmitri Esme Farid Gwen Henrik Isla Jonas Kaya Leif".split()
THINGS = "compass hammer teapot violin helmet telescope pillow rucksack kettle vase".split()
ROOMS = "garage kitchen attic corridor greenhouse studio".split()


def sheet(name: str, *pages: str) -> Write:
    """A writer who fills in the blanks: premises, claims that fit, claims that clash."""
    premises, fits, clashes = ([line.strip() for line in page.split(" / ")] for page in pages)

    def write(rng: random.Random) -> Thought:
        words = _words(rng)
        return Thought(*([line.format(**words) for line in x] for x in (premises, fits, clashes)))

    write.__name__ = name
    return write


def _words(rng: random.Random) -> dict[str, object]:
    p, q, r = rng.sample(PEOPLE, 3)
    x, y, z = rng.sample(THINGS, 3)
    a, b, c = rng.sample(ROOMS, 3)
    m = rng.randrange(2, 9)
    n = m + rng.randrange(2, 12)
    numbers = {"n": n, "m": m, "s": n + m, "d": n - m, "t": 2 * n, "k": n * m}
    wrong = {f"{k}_hi": v + rng.choice([1, 2, 5]) for k, v in numbers.items()}
    low = {f"{k}_lo": v - 1 for k, v in numbers.items()}
    return {
        "p": p,
        "q": q,
        "r": r,
        "x": x,
        "y": y,
        "z": z,
        "a": a,
        "b": b,
        "c": c,
        **numbers,
        **wrong,
        **low,
    }


_SHEETS: Sequence[tuple[str, str, str, str]] = (
    (
        "email",
        "Hi all, {p} has agreed to chair the meeting. / {q} has declined.",
        "{p} did not decline. / {q} hasn't agreed.",
        "{p} has not agreed to chair the meeting. / {q} has not declined.",
    ),
    (
        "menu",
        "The soup contains nuts. / {p} never eats anything that contains nuts.",
        "So {p} does not eat the soup.",
        "So {p} eats the soup. / The soup contains no nuts.",
    ),
    (
        "zoo",
        "Every panda in this zoo is a male. / {p} is a panda in this zoo.",
        "{p} is a male.",
        "{p} is not a male. / {p} is a female.",
    ),
    (
        "heights",
        "{p} measures {n} cm more than {q}. / {q} measures 150 cm.",
        "{p} is taller than {q}.",
        "{q} is taller than {p}. / {p} is shorter than 150 cm.",
    ),
    (
        "coins",
        "In the jar there are {n} copper coins and {m} silver coins, and no others.",
        "Altogether there are {s} coins in the jar.",
        "Altogether there are {s_hi} coins in the jar. / There are no silver coins in the jar.",
    ),
    (
        "moved",
        "{p} left the {x} in the {a}. / Later {q} carried it to the {b}.",
        "The {x} is now in the {b}. / The {x} isn't in the {a} any more.",
        "The {x} is now in the {a}. / The {x} isn't in the {b}.",
    ),
    (
        "queue",
        "In the queue, {p} stands right behind {q}, who stands right behind {r}.",
        "{r} is ahead of {p}.",
        "{r} is behind {p}. / {q} is behind {p}.",
    ),
    (
        "lamp",
        "Pressing the button toggles the lamp. / The lamp is lit.",
        "The lamp is not dark.",
        "The lamp is not lit. / The lamp is dark.",
    ),
    (
        "server",
        "server up / queue empty / load {n} percent",
        "the server is not down / load below 90 percent",
        "the server is down / the queue is not empty / load above 95 percent",
    ),
    (
        "sql",
        "rows in table users = {n} / rows in table orders = {m}",
        "rows in table users > rows in table orders",
        "rows in table users < rows in table orders / rows in table users = {n_hi}",
    ),
    (
        "proof",
        "Claim: a < b. / Also b < c.",
        "Therefore a < c. / c > b.",
        "Therefore c < a. / c = a.",
    ),
    (
        "proof2",
        "Let $t = {n}$. Then $2t - 1 = {t_lo}$.",
        "So $2t = {t}$.",
        "So $2t = {t_hi}$. / So $t$ is at most {n_lo}.",
    ),
    (
        "proof3",
        "We know that $f(1) = {m}$ and $f(2) = {n}$.",
        "Hence $f(1) < f(2)$. / Hence $f(1) + f(2) = {s}$.",
        "Hence $f(1) > f(2)$. / Hence $f(1) + f(2) = {s_hi}$.",
    ),
    (
        "percent",
        "{n} percent of the members are retired. / There are 200 members.",
        "Fewer than half of the members are retired.",
        "Exactly {n_hi} percent of the members are retired.",
    ),
    (
        "clock",
        "The bus leaves at 7:{n}0 in theory.".replace("{n}0", "40") + " / Today it left "
        "ten minutes late.",
        "The bus leaves before 8:00.",
        "The bus leaves at 7:20.",
    ),
    (
        "train",
        "The night train departs at 22:15 and arrives at 23:45.",
        "The ride lasts at least one hour. / The night train departs before 23:00.",
        "The night train arrives before it departs. / The night train departs after 23:00.",
    ),
    (
        "birth",
        "{p} was born in 1950. / {q} was born {n} years after {p}.",
        "{q} is younger than {p}. / {p} was born before {q}.",
        "{q} was born before {p}. / {q} was born in 1949.",
    ),
    (
        "cards",
        "Each of the {m} players gets {n} cards. / There are no other cards.",
        "Each player gets more than {n_lo} cards.",
        "Each player gets {n_hi} cards.",
    ),
    (
        "debate",
        "{p} is for the motion; {q} is against it.",
        "{q} is not for the motion.",
        "{p} is not for the motion. / {q} is for the motion and not against it.",
    ),
    (
        "chess",
        "White to move. / The white king is in check.",
        "It is White's turn. / The white king is not safe.",
        "It is not White's turn. / The white king isn't in check.",
    ),
    (
        "weather",
        "It rained all night. / When it rains, the {a} floods.",
        "The {a} flooded.",
        "The {a} did not flood. / It did not rain.",
    ),
    (
        "wet",
        "If the street is dry, it hasn't rained. / It has rained.",
        "The street is not dry. / The street is wet.",
        "The street is dry.",
    ),
    (
        "unlesss",
        "{p} will come unless {q} objects. / {q} does not object.",
        "{p} will come.",
        "{p} won't come. / {q} objects.",
    ),
    (
        "onlyif",
        "One may enter the {a} only with a pass. / {p} has no pass.",
        "{p} may not enter the {a}.",
        "{p} may enter the {a}. / {p} has a pass.",
    ),
    (
        "nand",
        "The {x} and the {y} are never in use at the same time. / The {x} is in use.",
        "The {y} is not in use.",
        "The {y} is in use. / The {x} isn't in use.",
    ),
    (
        "exactly",
        "Precisely two of {p}, {q} and {r} voted yes. / {p} did not vote yes.",
        "{q} voted yes. / Both {q} and {r} voted yes.",
        "{q} did not vote yes. / {p}, {q} and {r} all voted yes.",
    ),
    (
        "none",
        "Not one of the windows is open. / The {a} window is one of the windows.",
        "The {a} window is not open.",
        "The {a} window is open. / Some windows are open.",
    ),
    (
        "most",
        "{p} owns more books than {q}. / {q} owns more books than {r}.",
        "{r} owns fewer books than {p}.",
        "{r} owns more books than {p}. / {p} and {q} own equally many books.",
    ),
    (
        "gave",
        "{p} had {n} stamps and gave {m} of them away.",
        "{p} has {d} stamps now.",
        "{p} has {d_hi} stamps now. / {p} still has {n} stamps.",
    ),
    (
        "lost",
        "The box held {s} pens. / {m} of them have been taken out.",
        "{n} pens remain in the box.",
        "{n_hi} pens remain in the box. / The box still holds {s} pens.",
    ),
    (
        "price",
        "A {x} is {n} euros cheaper than a {y}. / A {y} costs 50 euros.",
        "A {x} costs less than 50 euros.",
        "A {x} costs 50 euros. / A {x} costs more than a {y}.",
    ),
    (
        "budget",
        "Budget: 400 euros. / Spent so far: {n} euros.",
        "Spent so far: less than 100 euros.",
        "Spent so far: {n_hi} euros. / Budget: less than 300 euros.",
    ),
    (
        "stack",
        "From top to bottom: {x}, {y}, {z}.",
        "The {x} is above the {z}.",
        "The {z} is above the {x}. / The {y} is below the {z}.",
    ),
    (
        "map",
        "The {a} is directly above the {b}. / The {c} is on the same floor as the {b}.",
        "The {b} is below the {a}.",
        "The {b} is above the {a}.",
    ),
    (
        "east",
        "Going from the mill to the church one walks east. / The church is west of the inn.",
        "The inn lies east of the church.",
        "The inn lies west of the church. / The church is not west of the inn.",
    ),
    (
        "contain",
        "The {x} is inside the {y}. / The {y} is inside the {z}.",
        "The {x} is in the {z}. / The {y} contains the {x}.",
        "The {x} is not in the {y}. / The {z} is inside the {y}.",
    ),
    (
        "colour",
        "The {x} has been painted green.",
        "The {x} is green. / The {x} is no longer white.",
        "The {x} is white. / The {x} isn't green.",
    ),
    (
        "door",
        "{p} locked the door on leaving. / Nobody has unlocked it since.",
        "The door is locked.",
        "The door is unlocked. / The door isn't locked.",
    ),
    (
        "heat",
        "The {x} was cold, so {p} heated it.",
        "The {x} is hot now. / The {x} is not cold.",
        "The {x} is still cold. / The {x} isn't hot.",
    ),
    (
        "job",
        "{p} is the manager; {q} reports to {p}.",
        "{q} reports to the manager.",
        "{q} does not report to {p}. / {p} is not the manager.",
    ),
    (
        "friends",
        "{p} is married to {q}. / {r} is single.",
        "{q} is married to {p}. / {r} is not married.",
        "{q} is not married to {p}. / {r} is married.",
    ),
    (
        "capital",
        "The head of the project is {p}. / {q} is the treasurer.",
        "{p} is the head of the project.",
        "The head of the project is {r}. / {q} is not the treasurer.",
    ),
    (
        "first",
        "{p} was the first to arrive, {q} the last.",
        "{p} arrived before {q}.",
        "{q} arrived before {p}. / {p} did not arrive before {q}.",
    ),
    (
        "order",
        "Step 1 is to boil the milk. / Step 2 is to add the cocoa.",
        "Boiling the milk comes before adding the cocoa.",
        "Adding the cocoa comes before boiling the milk.",
    ),
    (
        "order2",
        "{p} spoke after {q} but before {r}.",
        "{q} spoke before {r}.",
        "{r} spoke before {q}. / {q} spoke after {p}.",
    ),
    (
        "prob",
        "The chance of snow is {n} percent.",
        "The chance of snow is below 50 percent.",
        "The chance of snow is above 50 percent. / The chance of snow is {n_hi} percent.",
    ),
    (
        "par",
        "n is a multiple of 4. / n is between 10 and 15.",
        "n = 12 / n is even",
        "n = 13 / n is odd / n > 20",
    ),
    (
        "sumis",
        "The two numbers add up to {s}. / One of them is {n}.",
        "The sum of the two numbers is {s}.",
        "The sum of the two numbers is {s_hi}.",
    ),
    (
        "rect",
        "The rectangle is {n} cm long and {m} cm wide.",
        "Its area is {k} square centimetres. / It is longer than it is wide.",
        "It is wider than it is long. / The rectangle is {n_hi} cm long.",
    ),
    (
        "speed",
        "The lorry travels slower than the van. / The van travels at {n}0 km/h.",
        "The van travels faster than the lorry.",
        "The lorry travels faster than the van. / The van travels at {n_hi}0 km/h.",
    ),
    (
        "alive",
        "The plant survived the winter. / {p} watered it every day.",
        "The plant is not dead. / {p} watered the plant.",
        "The plant is dead. / {p} never watered the plant.",
    ),
    (
        "medicine",
        "Patients with allergies must not take {x}ine. / {p} is a patient with allergies.",
        "{p} must not take {x}ine.",
        "{p} may take {x}ine. / {p} has no allergies.",
    ),
    (
        "sensor",
        "Sensor 1 reads {n}, sensor 2 reads {m}.",
        "Sensor 1 reads more than sensor 2.",
        "Sensor 2 reads more than sensor 1. / Sensor 2 reads {n}.",
    ),
    (
        "holding",
        "The arm has picked up the {x}. / It has not put it down yet.",
        "The arm is holding the {x}.",
        "The arm is not holding the {x}. / The arm is empty.",
    ),
    (
        "finished",
        "By noon all tasks were finished. / Painting the {x} was one of the tasks.",
        "Painting the {x} was finished.",
        "Painting the {x} was not finished. / Some tasks were not finished.",
    ),
    (
        "lies",
        "{p} says that the {x} is broken. / {p} is lying.",
        "The {x} is not broken. / The {x} works.",
        "The {x} is broken.",
    ),
    (
        "either",
        "The {x} is either in the {a} or in the {b}. / It isn't in the {a}.",
        "The {x} is in the {b}.",
        "The {x} is not in the {b}. / The {x} is in the {c}.",
    ),
    (
        "needs",
        "Charging the drone requires power in the {a}. / There is no power in the {a}.",
        "The drone can not be charged.",
        "There is power in the {a}.",
    ),
    (
        "same",
        "{p} and {q} have the same number of points. / {p} has {n} points.",
        "{q} has {n} points.",
        "{q} has {n_hi} points. / {q} has more points than {p}.",
    ),
    (
        "less",
        "{p} needs at most {m} minutes for a lap, {q} at least {n} minutes.",
        "{p} is quicker than {q}.",
        "{p} needs more than {n} minutes for a lap.",
    ),
)
ALL: tuple[Write, ...] = tuple(sheet(*pages) for pages in _SHEETS)
