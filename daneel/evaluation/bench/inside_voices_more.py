"""The other writers of `inside_voices`: a teacher, a detective, a planner, a reporter, a tester."""

from __future__ import annotations

import random

from daneel.evaluation.bench.inside_voices import WRITERS, Thought, Write


def teacher_mammals(rng: random.Random) -> Thought:
    """Syllogisms."""
    a, b, c = rng.choice([("dolphins", "mammals", "lungs"), ("oaks", "trees", "roots"),
                          ("beetles", "insects", "six legs")])  # fmt: skip
    return Thought(
        [f"All {a} are {b}.", f"All {b} have {c}."],
        [f"It follows that all {a} have {c}.", f"Some {b} have {c}."],
        [f"It follows that some {a} do not have {c}.", f"No {a} have {c}."],
    )


def teacher_none(rng: random.Random) -> Thought:
    """No, and some."""
    a, b = rng.choice([("spiders", "insects"), ("whales", "fish"), ("mushrooms", "plants")])
    x = rng.choice(["Bruno", "Hedda", "number five"])
    return Thought(
        [f"No {a} are {b}.", f"{x} is one of the {a}."],
        [f"Therefore {x} is not one of the {b}."],
        [f"Therefore {x} is one of the {b}.", f"Some {a} are {b}."],
    )


def teacher_apples(rng: random.Random) -> Thought:
    """A sum in words."""
    n, k, m = rng.randrange(12, 20), rng.randrange(2, 6), rng.randrange(2, 6)
    who = rng.choice(["Lotte", "Anders", "Mirko"])
    return Thought(
        [f"{who} has {n} pears.", f"{who} eats {k} of them and then buys {m} more."],
        [f"{who} ends up with {n - k + m} pears.", f"That leaves {who} with {n - k + m} pears."],
        [f"{who} ends up with {n - k + m + 1} pears.", f"{who} now has {n + k} pears in total."],
    )


def teacher_shapes(rng: random.Random) -> Thought:
    """Sums of angles."""
    a, b = rng.randrange(30, 80, 5), rng.randrange(30, 80, 5)
    return Thought(
        ["The three angles of the triangle add up to 180 degrees.",
         f"The first angle is {a} degrees and the second angle is {b} degrees."],
        [f"The first angle is less than {a + 10} degrees."],
        [f"The second angle is {b + 5} degrees.", f"The first angle is larger than {a} degrees."],
    )  # fmt: skip


def detective_either(rng: random.Random) -> Thought:
    """Who was it."""
    a, b = rng.sample(["the butler", "the gardener", "the cook", "Lady Vane"], 2)
    return Thought(
        [f"Either {a} or {b} stole the necklace.", f"It wasn't {a}."],
        [f"So {b} stole the necklace.", f"{a.capitalize()} did not steal the necklace."],
        [f"So {b} did not steal the necklace.", f"{a.capitalize()} stole the necklace."],
    )


def detective_alibi(rng: random.Random) -> Thought:
    """Where somebody was."""
    a = rng.choice(["Mr Finch", "the chauffeur", "Clara"])
    x, y = rng.sample(["study", "stable", "ballroom"], 2)
    return Thought(
        [f"At nine o'clock {a} was in the {x}.", f"Nobody who was in the {x} heard the shot."],
        [f"So {a} did not hear the shot.", f"{a} was not in the {y} at nine o'clock."],
        [f"So {a} heard the shot.", f"{a} was in the {y} at nine o'clock."],
    )


def detective_only(rng: random.Random) -> Thought:
    """The only one."""
    a, b = rng.sample(["Edda", "Ruben", "Sanna", "Theo"], 2)
    return Thought(
        [f"{a} is the only person who knows the code.", "Whoever opened the safe knows the code."],
        [f"{b} doesn't know the code.", f"Therefore {b} did not open the safe."],
        [f"{b} knows the code.", f"Therefore {b} opened the safe."],
    )


def detective_lies(rng: random.Random) -> Thought:
    """Statements about statements."""
    a = rng.choice(["the gate was open", "the dog was asleep"])
    other = {
        "the gate was open": "The gate was closed.",
        "the dog was asleep": "The dog was awake.",
    }
    return Thought(
        [f"The porter claims that {a}.", "What the porter claims is true."],
        [f"It is true that {a}."],
        ["What the porter claims is false.", other[a] + " The porter was right, though."],
    )


def planner_steps(rng: random.Random) -> Thought:
    """Steps of a plan."""
    x, y, z = rng.sample(
        ["sand the board", "prime the board", "drill the holes", "cut the board"], 3
    )
    return Thought(
        [f"{x.capitalize()} first.", f"Next, {y}.", f"Finally, {z}."],
        [f"So you {x} before you {z}."],
        [f"So you {z} before you {x}.", f"So you {y} before you {x}."],
    )


def planner_deps(rng: random.Random) -> Thought:
    """What depends on what."""
    a, b, c = rng.sample(["task A", "task B", "task C", "task D"], 3)
    return Thought(
        [f"{b.capitalize()} can't start until {a} is finished.",
         f"{c.capitalize()} can't start until {b} is finished."],
        [f"{c.capitalize()} starts after {a} is finished."],
        [f"{c.capitalize()} starts before {a} is finished."],
    )  # fmt: skip


def planner_time(rng: random.Random) -> Thought:
    """A timetable."""
    h, d = rng.randrange(8, 15), rng.choice([20, 30, 45])
    x = rng.choice(["workshop", "interview", "rehearsal"])
    return Thought(
        [f"The {x} runs from {h}:00 to {h}:{d}.", f"Lunch is at {h + 1}:15."],
        [f"The {x} lasts {d} minutes.", f"The {x} ends before lunch."],
        [f"The {x} lasts {d + 15} minutes.", f"The {x} starts after lunch."],
    )


def planner_capacity(rng: random.Random) -> Thought:
    """Loads and limits."""
    n, m = rng.randrange(30, 60), rng.randrange(5, 25)
    return Thought(
        [f"The lift carries no more than {n} kg.", f"The load weighs {n - m} kg."],
        [f"The load weighs at most {n} kg."],
        [f"The load weighs more than {n} kg.", f"The lift carries {n + 10} kg."],
    )


def reporter_city(rng: random.Random) -> Thought:
    """Facts about places."""
    a, b = rng.sample(["Velmar", "Ostby", "Karsk"], 2)
    n = rng.randrange(1200, 1800)
    return Thought(
        [f"{a} was founded in {n}, and {b} was founded {rng.randrange(20, 90)} years later.",
         f"{a} lies to the north of {b}."],
        [f"{a} is older than {b}.", f"{b} is south of {a}."],
        [f"{b} was founded before {a}.", f"{a} is south of {b}."],
    )  # fmt: skip


def reporter_match(rng: random.Random) -> Thought:
    """A game."""
    a, b = rng.sample(["Rovers", "Wanderers", "Albion"], 2)
    n = rng.randrange(2, 5)
    return Thought(
        [f"{a} scored {n} goals.", f"{b} scored {n - 1} goals.", f"{a} beat {b}."],
        [f"{a} scored more goals than {b}.", f"{b} did not beat {a}."],
        [f"{b} scored more goals than {a}.", f"{a} did not beat {b}."],
    )


def reporter_river(rng: random.Random) -> Thought:
    """Superlatives."""
    a, b = rng.sample(["the Alm", "the Brenn", "the Crel"], 2)
    n = rng.randrange(80, 200)
    return Thought(
        [f"{a.capitalize()} is the longest river in the province.",
         f"{b.capitalize()}, another river in the province, is {n} km long."],
        [f"{a.capitalize()} is more than {n - 1} km long.",
         f"{b.capitalize()} is shorter than {a}."],
        [f"{a.capitalize()} is only {n - 20} km long.", f"{b.capitalize()} is longer than {a}."],
    )  # fmt: skip


def reporter_votes(rng: random.Random) -> Thought:
    """A ballot."""
    n, m = rng.randrange(30, 60), rng.randrange(5, 25)
    return Thought(
        [f"{n} members voted in favour and {m} voted against.", "The motion was carried."],
        ["The motion was not rejected.", "More members voted in favour than against."],
        ["The motion was not carried.", "More members voted against than in favour."],
    )


def tester_switch(rng: random.Random) -> Thought:
    """Hardware."""
    x, y = rng.sample(["relay", "heater", "camera", "fan"], 2)
    return Thought(
        [f"The {x} works only when the {y} is powered.", f"The {y} is unpowered."],
        [f"The {x} does not work.", f"The {y} is not powered."],
        [f"The {x} works.", f"The {y} is powered."],
    )


def tester_build(rng: random.Random) -> Thought:
    """Software."""
    x = rng.choice(["login", "export", "search"])
    return Thought(
        [f"If the {x} test fails, the build is rejected.", "The build was not rejected."],
        [f"The {x} test did not fail.", f"The {x} test passed."],
        [f"The {x} test failed.", f"The {x} test didn't pass."],
    )


def tester_version(rng: random.Random) -> Thought:
    """Numbers of things."""
    n, m = rng.randrange(10, 30), rng.randrange(2, 9)
    return Thought(
        [f"The suite contains {n} tests.", f"{m} tests failed, all the others passed."],
        [f"Fewer than {m + 1} tests failed.", f"{n - m} tests passed."],
        [f"{n - m + 2} tests passed.", f"More than {m} tests failed."],
    )


def tester_modes(rng: random.Random) -> Thought:
    """Exclusive states."""
    x = rng.choice(["device", "drone", "probe"])
    return Thought(
        [f"The {x} is either in safe mode or in flight mode, never both.",
         f"The {x} is in flight mode."],
        [f"The {x} is not in safe mode."],
        [f"The {x} is in safe mode.", f"The {x} is not in flight mode."],
    )  # fmt: skip


def robot_grasp(rng: random.Random) -> Thought:
    """A robot thinks about its hand."""
    x, y = rng.sample(["sponge", "bottle", "spoon"], 2)
    return Thought(
        [f"I am holding the {x}.", "I can only hold one thing at a time."],
        [f"I am not holding the {y}.", "My gripper is not empty."],
        [f"I am not holding the {x}.", "I am holding nothing."],
    )


def robot_tower(rng: random.Random) -> Thought:
    """Blocks."""
    a, b, c = rng.sample(["red block", "blue block", "green block", "white block"], 3)
    return Thought(
        [f"The {a} is on top of the {b}, and the {b} is on top of the {c}."],
        [f"The {c} is below the {a}.", f"The {a} is above the {c}."],
        [f"The {c} is above the {a}.", f"The {a} is underneath the {b}."],
    )


def robot_fridge(rng: random.Random) -> Thought:
    """Doors and what is behind them."""
    x = rng.choice(["fridge", "oven", "cupboard"])
    return Thought(
        [f"The {x} is closed.", f"I open the {x}."],
        [f"The {x} is open now.", f"So the {x} is no longer closed."],
        [f"The {x} is still closed.", f"So the {x} is not open."],
    )


def robot_battery(rng: random.Random) -> Thought:
    """Thresholds."""
    n = rng.randrange(30, 80, 5)
    return Thought(
        [f"My battery is at {n}%.", "If my battery drops below 20%, I have to return to the dock."],
        [f"My battery is above {n - 10}%."],
        [f"My battery is below {n - 10}%.", f"My battery is at {n - 7}%."],
    )


def family_tree(rng: random.Random) -> Thought:
    """Kin."""
    a, b, c = rng.sample(["Ulla", "Viktor", "Wanda", "Xaver"], 3)
    return Thought(
        [f"{a} is the mother of {b}.", f"{c} is older than {a}.", f"{a} is older than {b}."],
        [f"{b}'s mother is {a}.", f"{c} is older than {b}."],
        [f"{b}'s mother is {c}.", f"{b} is older than {c}."],
    )


def race_positions(rng: random.Random) -> Thought:
    """Who came in where."""
    a, b, c = rng.sample(["Yara", "Zeno", "Alba", "Boris"], 3)
    return Thought(
        [f"{a} finished before {b}.", f"{c} finished after {b}."],
        [f"{a} finished first.", f"{c} finished last."],
        [f"{c} finished first.", f"{c} finished before {a}.", f"{b} finished last."],
    )


def week_days(rng: random.Random) -> Thought:
    """Days."""
    x, (a, b) = rng.choice(["exam", "market"]), rng.sample(["Tuesday", "Thursday", "Sunday"], 2)
    return Thought(
        [f"The {x} is always held on a {a}.", f"This week's {x} is no exception."],
        [f"The {x} isn't held on a {b}."],
        [f"The {x} isn't held on a {a}.", f"The {x} is never held on a {a}."],
    )


def twice_half(rng: random.Random) -> Thought:
    """Ratios."""
    a, b, n = "the oak", "the birch", 2 * rng.randrange(4, 12)
    return Thought(
        [f"{a.capitalize()} is twice as tall as {b}.", f"{b.capitalize()} is {n} metres tall."],
        [f"{a.capitalize()} is {2 * n} metres tall.", f"{b.capitalize()} is half as tall as {a}."],
        [f"{a.capitalize()} is {2 * n + 3} metres tall.", f"{b.capitalize()} is taller than {a}."],
    )


def sides_agree(rng: random.Random) -> Thought:
    """Both, neither, at least one."""
    a, b = rng.sample(["Cleo", "Dario", "Elif"], 2)
    return Thought(
        [f"At least one of {a} and {b} signed.", f"{a} refused to sign."],
        [f"{b} signed.", f"{a} did not sign."],
        [
            f"Neither {a} nor {b} signed.",
            f"{b} did not sign.",
            f"Both of them, {a} and {b}, signed.",
        ],
    )


ALL: tuple[Write, ...] = (
    *WRITERS, teacher_mammals, teacher_none, teacher_apples, teacher_shapes, detective_either,
    detective_alibi, detective_only, detective_lies, planner_steps, planner_deps, planner_time,
    planner_capacity, reporter_city, reporter_match, reporter_river, reporter_votes, tester_switch,
    tester_build, tester_version, tester_modes, robot_grasp, robot_tower, robot_fridge,
    robot_battery, family_tree, race_positions, week_days, twice_half, sides_agree,
)  # fmt: skip
