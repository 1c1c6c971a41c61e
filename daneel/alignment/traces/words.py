"""Words: numbers, opposites, events and the states they leave, dimensions, places, units."""

from __future__ import annotations

from fractions import Fraction

NUMBERS = {
    word: i
    for i, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "hundred": 100, "a dozen": 12, "no": 0}
TIMES = {
    "twice": 2, "double": 2, "thrice": 3, "triple": 3, "half": Fraction(1, 2), "two times": 2,
    "three times": 3, "four times": 4, "five times": 5, "ten times": 10,
}  # fmt: skip
SHARES = {
    "half": Fraction(1, 2), "a half": Fraction(1, 2), "a third": Fraction(1, 3),
    "one third": Fraction(1, 3), "two thirds": Fraction(2, 3), "a quarter": Fraction(1, 4),
    "one quarter": Fraction(1, 4), "three quarters": Fraction(3, 4), "a fifth": Fraction(1, 5),
    "all": Fraction(1), "none": Fraction(0), "one half": Fraction(1, 2), "a tenth": Fraction(1, 10),
}  # fmt: skip
"""Parts of a whole."""
OPPOSITES = {
    "closed": "open", "shut": "open", "close": "open", "off": "on", 
     "dead": "alive", "false": "true", "unlocked": "locked", 
    "dry": "wet", "dirty": "clean", "absent": "present", "impossible": "possible",
    "unsafe": "safe", "dangerous": "safe", "broken": "working", "invalid": "valid",
    "asleep": "awake", "guilty": "innocent", "unavailable": "available", "inactive": "active",
    "busy": "free", "dark": "lit", "unreachable": "reachable", "incomplete": "complete",
    "blocked": "clear", "disabled": "enabled", "unconscious": "conscious", "invisible": "visible",
    "unoccupied": "occupied", "vacant": "occupied", "released": "held", "incorrect": "correct",
    "wrong": "correct", "discharged": "charged", "unstable": "stable", "unknown": "known",
    "failed": "passed", "fail": "pass", "fails": "passes", "lost": "won", "loses": "wins",
    "drained": "charged", "ill": "healthy", "sick": "healthy", "silent": "sounding",
    "illegal": "legal", "unhappy": "happy", "uncalibrated": "calibrated", "rough": "smooth",
    "heavy": "light", "old": "young", "expensive": "cheap", "loose": "tight",
    "missing": "existing", "offline": "online", "idle": "running", "defective": "working",
    "down": "up",
    "stopped": "running", "damaged": "working", "faulty": "working", "fine": "working",
    "intact": "working",
    "late": "early", "outside": "inside", "unemployed": "employed", "odd": "even",
}  # fmt: skip
"""A word and the one whose denial it is."""
GROUPS = tuple(
    frozenset(words.split(", "))
    for words in (
        "low, medium, high",
        "freezing, cold, cool, warm, hot",
        "empty, half full, full",
        "small, medium-sized, large",
        "monday, tuesday, wednesday, thursday, friday, saturday, sunday",
        "solid, liquid, gaseous",
        "january, february, march, april, may, june, july, august, september, october, november, "
        "december",
        "spring, summer, autumn, winter",
        "single, married, divorced",
        "male, female",
        "sunny, cloudy, rainy",
        "odd, even",
        "round, square, triangular",
        "idle, busy",
        "wooden, metallic, plastic",
        "wood, steel, glass, stone, paper, leather, iron, copper, gold, silver, brick, concrete",
        "vertical, horizontal",
        "todo, done",
        "pending, finished",
        "on time, late",
        "north, south, east, west",
        "left-handed, right-handed",
    )
)
"""Words of which one thing is one at most."""
COLOURS = frozenset("red green blue yellow black white orange purple brown grey gray pink".split())
EVENTS = {
    "opens": ("open", True), "opened": ("open", True), "closes": ("open", False),
    "closed": ("open", False), "shuts": ("open", False), "locks": ("locked", True),
    "unlocks": ("locked", False), "locked": ("locked", True), "unlocked": ("locked", False),
    "empties": ("empty", True), "fills": ("full", True), "emptied": ("empty", True),
    "filled": ("full", True), "cleans": ("clean", True), "cleaned": ("clean", True),
    "charges": ("charged", True), "charged": ("charged", True), "drains": ("charged", False),
    "drained": ("charged", False), "breaks": ("working", False), "broke": ("working", False),
    "repairs": ("working", True), "repaired": ("working", True), "fixes": ("working", True),
    "fixed": ("working", True), "dries": ("wet", False), "dried": ("wet", False),
    "heats": ("hot", True), "heated": ("hot", True), "cools": ("cold", True),
    "cooled": ("cold", True), "activates": ("active", True), "activated": ("active", True),
    "deactivates": ("active", False), "deactivated": ("active", False),
    "enables": ("enabled", True), "enabled": ("enabled", True), "disables": ("enabled", False),
    "disabled": ("enabled", False), "blocks": ("clear", False), "blocked": ("clear", False),
    "clears": ("clear", True), "cleared": ("clear", True), "wakes": ("awake", True),
    "woke": ("awake", True), "lights": ("lit", True), "lit": ("lit", True),
    "extinguishes": ("lit", False), "extinguished": ("lit", False),
}  # fmt: skip
"""Verb of an event and the state it leaves."""
DIMENSIONS = {
    "taller": ("height", 1), "shorter": ("height", -1), "older": ("age", 1), "younger": ("age", -1),
    "heavier": ("weight", 1), "lighter": ("weight", -1), "faster": ("speed", 1),
    "slower": ("speed", -1), "quicker": ("speed", 1), "cheaper": ("cost", -1),
    "more expensive": ("cost", 1), "less expensive": ("cost", -1), "costlier": ("cost", 1),
    "bigger": ("size", 1), "larger": ("size", 1), "smaller": ("size", -1),
    "greater": ("", 1), "less": ("", -1), "more": ("", 1), "fewer": ("", -1), "lower": ("", -1),
    "higher": ("", 1), "warmer": ("temperature", 1), "hotter": ("temperature", 1),
    "colder": ("temperature", -1), "cooler": ("temperature", -1), "longer": ("length", 1),
    "less long": ("length", -1),
    "wider": ("width", 1), "narrower": ("width", -1), "deeper": ("depth", 1),
    "shallower": ("depth", -1), "richer": ("wealth", 1), "poorer": ("wealth", -1),
    "stronger": ("strength", 1), "weaker": ("strength", -1), "brighter": ("light", 1),
    "dimmer": ("light", -1), "louder": ("volume", 1), "quieter": ("volume", -1),
    "closer": ("distance", -1), "nearer": ("distance", -1), "farther": ("distance", 1),
    "further": ("distance", 1),
    "earlier": ("time", -1), "sooner": ("time", -1), "later": ("time", 1),
}  # fmt: skip
"""Comparative, what it compares, and in which direction."""
PLACES = {
    "left": ("x", -1), "right": ("x", 1), "above": ("z", 1), "below": ("z", -1), "north": ("y", 1),
    "south": ("y", -1), "east": ("east", 1), "west": ("east", -1), "in front": ("front", 1),
    "behind": ("front", -1), "ahead": ("front", 1), "on top": ("z", 1), "beneath": ("z", -1),
    "underneath": ("z", -1), "under": ("z", -1), "on top of": ("z", 1), "over": ("z", 1),
    "to the left": ("x", -1), "to the right": ("x", 1), "in back": ("front", -1),
}  # fmt: skip
UNITS: dict[str, tuple[str, int | Fraction]] = {
    "kg": ("weight", 1000), "kilograms": ("weight", 1000), "kilogram": ("weight", 1000),
    "g": ("weight", 1), "grams": ("weight", 1), "m": ("length", 100), "meters": ("length", 100),
    "metres": ("length", 100), "cm": ("length", 1), "centimeters": ("length", 1),
    "centimetres": ("length", 1), "minutes": ("duration", 60), "minute": ("duration", 60),
    "seconds": ("duration", 1), "second": ("duration", 1), "hours": ("duration", 3600),
    "hour": ("duration", 3600), "dollars": ("cost", 1), "euros": ("cost", 1), "years": ("age", 1),
    "degrees": ("temperature", 1), "mm": ("length", Fraction(1, 10)),
    "millimetres": ("length", Fraction(1, 10)), "millimeters": ("length", Fraction(1, 10)),
    "km": ("length", 100_000), "kilometres": ("length", 100_000),
    "kilometers": ("length", 100_000), "metre": ("length", 100), "meter": ("length", 100),
    "gram": ("weight", 1), "tonnes": ("weight", 1_000_000), "tons": ("weight", 1_000_000),
    "tonne": ("weight", 1_000_000), "mg": ("weight", Fraction(1, 1000)), "min": ("duration", 60),
    "s": ("duration", 1), "h": ("duration", 3600), "days": ("duration", 86_400),
    "day": ("duration", 86_400), "weeks": ("duration", 604_800), "week": ("duration", 604_800),
    "dollar": ("cost", 1), "euro": ("cost", 1), "cents": ("cost", Fraction(1, 100)),
    "year": ("age", 1), "degrees celsius": ("temperature", 1), "litres": ("content", 1000),
    "liters": ("content", 1000), "litre": ("content", 1000), "l": ("content", 1000),
    "ml": ("content", 1), "millilitres": ("content", 1), "watts": ("power", 1),
    "kilowatts": ("power", 1000), "volts": ("tension", 1), "bar": ("pressure", 1),
    "°c": ("temperature", 1),
    "pascal": ("pressure", Fraction(1, 100_000)), "psi": ("pressure", Fraction(6895, 100_000)),
    "percent": ("share", 1), "%": ("share", 1), "km/h": ("speed", 1), "rpm": ("speed", 1),
    "miles": ("length", 160_934), "inches": ("length", Fraction(254, 100)),
    "feet": ("length", Fraction(3048, 100)), "pounds": ("weight", Fraction(45_359, 100)),
    "points": ("score", 1),
    "lb": ("weight", Fraction(45_359, 100)), "hrs": ("duration", 3600), "v": ("tension", 1),
    "kw": ("power", 1000), "mins": ("duration", 60), "kmh": ("speed", 1),
    "mph": ("speed", Fraction(160_934, 100_000)),
    "m/s": ("speed", Fraction(18, 5)), "volt": ("tension", 1), "watt": ("power", 1),
    "kilo": ("weight", 1000), "kilos": ("weight", 1000), "months": ("duration", 2_629_800),
    "month": ("duration", 2_629_800), "pages": ("pages", 1), "floors": ("floors", 1),
}  # fmt: skip
"""Unit, what it measures, and how many of the smallest one it is."""
ADJECTIVES = {
    "tall": "height", "high": "height", "old": "age", "heavy": "weight", "long": "length",
    "fast": "speed", "big": "size", "large": "size", "expensive": "cost", "warm": "temperature",
    "hot": "temperature", "wide": "width", "deep": "depth", "thick": "thickness",
}  # fmt: skip
"""What an adjective measures."""
CHANGING = frozenset(
    "take put move transfer bring carry give hand send sell buy throw drop place remove add fill "
    "pour load unload open close lock unlock push pull turn switch empty swap exchange replace "
    "paint break fix repair steal lose eat drink spend hide pick collect deliver return lend "
    "borrow grab release lower raise relocate withdraw deposit insert".split()
)
"""Verbs of events that may end what was said of the things they speak of."""
VERBS = frozenset(
    "need want like know end start begin last cost weigh open close stop run work leave arrive "
    "depart "
    "fly swim sing rain happen occur contain include mean imply equal exceed show hold have carry "
    "own "
    "eat drink live love hate play read write see use drive ride walk talk speak finish pass fail "
    "win "
    "lose buy sell pay earn save gain grow rise fall drop conduct float sink burn melt freeze boil "
    "belong sit stand lie hang keep stay remain become turn move bring put give take get make do "
    "go "
    "come find tell say ask answer think believe agree accept reject enter visit attend wear cover "
    "touch hit reach cross follow lead precede serve help teach learn study understand speak sleep "
    "wake bark bite lay hatch breathe digest reflect absorb emit require allow permit prevent "
    "cause "
    "trigger ring sound beep blink spin rotate charge drain fill heat cool dry clean paint repair "
    "respond produce store support connect join share prefer enjoy collect return count "
    "total".split()
)
"""Verbs that are told from nouns by no ending."""
IRREGULAR = {
    past: base
    for base, pasts in {
        "take": "took taken", "come": "came", "go": "went gone", "begin": "began begun",
        "run": "ran", "hold": "held", "sell": "sold", "get": "got", "give": "gave given",
        "buy": "bought", "make": "made", "sit": "sat", "stand": "stood", "eat": "ate eaten",
        "drink": "drank", "drive": "drove driven", "fly": "flew flown", "know": "knew known",
        "win": "won", "bear": "bore born", "lose": "lost", "break": "broke", "wear": "wore",
        "speak": "spoke spoken",
        "sleep": "slept", "spend": "spent", "send": "sent", "keep": "kept", "fall": "fell fallen",
        "rise": "rose risen", "write": "wrote written", "meet": "met", "pay": "paid",
        "build": "built", "lead": "led", "catch": "caught", "teach": "taught", "bring": "brought",
        "ring": "rang", "find": "found", "leave": "left", "say": "said", "tell": "told",
        "see": "saw seen",
        "feel": "felt", "grow": "grew grown", "draw": "drew drawn", "ride": "rode ridden",
        "shut": "shut", "cut": "cut", "hit": "hit", "put": "put", "set": "set",
        "blow": "blew blown",
        "hang": "hung", "light": "lit", "bite": "bit bitten", "hide": "hid hidden", "read": "read",
        "forget": "forgot forgotten", "freeze": "froze frozen", "throw": "threw thrown",
        "wake": "woke woken", "think": "thought", "lend": "lent", "feed": "fed", "shoot": "shot",
        "seek": "sought", "fight": "fought", "bind": "bound", "lay": "laid", "hear": "heard",
        "sing": "sang", "swim": "swam", "choose": "chose chosen", "steal": "stole",
    }.items()
    for past in pasts.split()
}  # fmt: skip
"""Forms of verbs that no ending tells."""
