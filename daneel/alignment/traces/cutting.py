"""A step of a trace cut into claims: sentences, and what one sentence claims one after another.

Legend: nothing here knows what a claim means; it only knows where one ends.
"""

from __future__ import annotations

import re

from daneel.alignment.traces.wording import is_telegram


def sentences(step: str) -> list[str]:
    """Split at full stops and semicolons, not at decimal points or after a step's number."""
    text = re.sub(r"^\s*(?:[Ss]tep\s*)?\d+\s*[.:)]\s+", "", step)
    text = re.sub(r"\b([ap])\.m\.?", r"\1m", text)
    text = re.sub(r"\b(Mr|Mrs|Ms|Dr|St|No|Prof|vs|approx|ca)\. ", r"\1 ", text)
    parts = re.split(r"(?<=[a-zA-Z0-9)%}'])[.;!](?:\s+|$)|(?<=\?)\s+(?=[A-Z])", text)
    return [part for part in parts if part.strip()]


_NAMED_A = re.compile(
    r"\bA\b(?=\s*(?:[,;:<>=∈⊆+*/^)&|→⇒]|-[ >]|$|and\b|or\b|nor\b|is\b|was\b|are\b|has\b|had\b|"
    r"does\b|did\b|can\b|will\b|may\b|must\b|implies\b|to\b|in\b|before\b|after\b|then\b|not\b|"
    r"[a-z]+(?<![us])es\b|[a-z]+ed\b|[A-Z]\b))|(?<=[a-z,(] )A\b(?! [a-z]+ [a-z])|"
    r"(?<=[a-z] )A(?= (?:is|was|has|and|or|to|before|after)\b)"
)


_ASKS = re.compile(
    r"(?:who|whom|whose|why|how|where|which)\b|(?:what|when) (?:is|are|was|were|did|does|do|has|"
    r"have|can|could|will|would|should)\b|.*\?$"
)


def is_question(text: str) -> bool:
    """Whether a claim in lower case asks: it claims nothing."""
    return _ASKS.match(text) is not None


def lettered(text: str) -> str:
    """A thing that is called A keeps a name that is no article."""
    return _NAMED_A.sub("Aa", text)


_CUT = re.compile(
    r",? (?:so|hence|thus|therefore|which means(?: that)?|meaning(?: that)?|and so|and therefore|"
    r"and thus|and hence|implying(?: that)?|because|since|and consequently|"
    r"as a result)(?:,)? (?!(?:that|far|much|many|long|as)\b)"
)
_GIVEN = re.compile(
    r"(?:since|because|as(?! (?:long|soon))|given that|seeing that|now that) (.+?), (?:then )?(.+)"
)
_EMPTY = re.compile(
    r"(?:wait|hmm+|okay|ok|well|right|now|so|yes|no|alright|great|good|hold on|no wait|"
    r"let me (?:see|think|check)(?: again)?|let us (?:see|think|check)|let's (?:see|think|check)|"
    r"interesting|fine|q\.?e\.?d\.?|done|i see|thus|hence|therefore)[ .,!:]*"
)


def claims(text: str) -> list[str]:
    """`A, so B`, `A because B`, `since A, B`: both are claimed."""
    if re.match(r"(?:if|when|whenever|unless|suppose|it is not|either)\b", text):
        return [text]
    if (found := _GIVEN.fullmatch(text)) is not None:
        return [found[1], found[2]]
    if (
        found := re.fullmatch(r"(.+ (?:is|are|was|were)) ([\w-]+),? (?:and )?not ([\w-]+)", text)
    ) is not None:
        return [f"{found[1]} {found[2]}", f"{found[1]} not {found[3]}"]
    parts = re.split(r", (?:and )?(?=(?:all )?(?:the )?(?:rest|others|remaining)\b)", text)
    if len(parts) > 1:
        return parts
    parts = re.split(r",\s*(?:and )?", text)
    if len(parts) > 1 and all(is_telegram(part) for part in parts):
        return parts
    return [
        part for part in _CUT.split(text) if part.strip() and not _EMPTY.fullmatch(part.strip())
    ]


_BEGINNERS = frozenset(
    "the a an all every each no some if when so then hence thus therefore it he she they this that "
    "there both either neither none nobody everyone exactly at only not first step since because "
    "suppose assume let given we you in on after before once what who most many".split()
)


def coded(claim: str) -> list[str]:
    """`valve V3 is shut`: V3 is shut, and is a valve. `Half of the 40 seats`: there are 40."""
    if (found := re.fullmatch(r"(.+ of the) (\d+) ([a-z-]+s) (.+)", claim)) is not None:
        return [f"there are {found[2]} {found[3]}", f"{found[1]} {found[3]} {found[4]}"]
    found = re.match(r"(?:the )?([a-z]{3,}) ([a-z]{1,3}-?\d+)\b(.*)", claim)
    if found is None or found[1] in _BEGINNERS or re.search(r"\b(?:and|or)\b", found[3]):
        return [claim]
    return [f"{found[2]} is a {found[1]}", f"{found[2]}{found[3]}"]


def proper_words(context: str) -> frozenset[str]:
    """Words that are written with a capital, save those that only begin sentences."""
    words = re.findall(r"[A-Za-z][\w'-]*", context)
    lower = {word for word in words if word[0].islower()}
    inside = set(re.findall(r"(?<=[a-z0-9,:;] )([A-Z][\w-]*)", context))
    begins = {w for w in words if w[0].isupper() and w.lower() not in lower | _BEGINNERS}
    return frozenset(word.lower().removesuffix("'s") for word in inside | begins)


_MOMENT = re.compile(
    r",?\s*\bat (?:noon|midnight|midday|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|"
    r"twelve|\d{1,2})(?: o'clock| ?[ap]m)|\d{1,2}:\d\d|the time of the [a-z]+)\b,?"
)
_PLACED = re.compile(r"\b(?:in|at|on|with|under|inside) \w")


def moments(text: str) -> int:
    """How many times of the day a trace in lower case speaks of."""
    return len({moment.strip(" ,") for moment in _MOMENT.findall(text)})


def timeless(text: str) -> str:
    """What is somewhere, without the time of the day: for traces that are all of one time."""
    if not re.search(r"\b(?:was|is|were|are) (?:not )?(?:in|at|on|with|under|inside)\b", text):
        return text
    rest = re.sub(r"\s+", " ", _MOMENT.sub(" ", text)).strip(" ,")
    return rest if _PLACED.search(rest) else text


_FIRST = re.compile(r"(?:first|first of all|to begin with|to start with|at first)\b(?!.*\bthen\b)")
_THEN = re.compile(r"(?:and )?(?:then|next|after that|afterwards|after this|finally|last|lastly)\b")


def ordered(before: str | None, claim: str, plain: str) -> tuple[str | None, str | None]:
    """`First A.` and `Then B.`: that A comes before B, and what the next `then` comes after.

    Args:
        before: What the last claim began or went on with, if it did.
        claim: In its own words.
        plain: In those of the rules.
    """
    begins = _FIRST.match(claim) or claim.endswith(" first")
    if not begins and (before is None or not _THEN.match(claim)):
        return None, None
    event = re.sub(r"^(?:first|then|next|finally|last),? | first$", "", plain)
    return None if begins or not event else f"{before} before {event}", event
