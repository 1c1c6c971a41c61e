"""Reads steps of a plan, in the verb-object form of benchmarks or in free English, as actions.

`find CellPhone`, `pour Mug`, "Turn the lamp on and put the book under it": a clause begins at a
verb of `data/verbs.yaml`; what follows is its object and phrases led by prepositions. Words that no
action is made of (stories, role play, praise) are skipped, so they cannot change what is read.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache, lru_cache

from daneel.alignment.judging.lexicon import head_of, kinds_of, read_data
from daneel.alignment.judging.symbols import Action, Mention
from daneel.alignment.judging.words import name_words, sentences, verb_stems

_ARTICLES = frozenset(
    "the a an some my your his their its our this that these those "
    "one two three four five six all both any each every another other "
    "of very just right slowly carefully gently please again also "
    "up down more few several".split()
)
_PRONOUNS = frozenset(
    "it them its this that these those one ones object item items thing things contents".split()
)
_BEFORE_NOUN = (
    _ARTICLES - {"please", "carefully", "gently", "slowly", "again", "also", "just", "all"}
) | frozenset(("with", "near", "on", "in", "wet", "of", "easy", "for", "quick"))
"""Words after which a verb is a noun: "the iron", "easy access"."""
_LONGEST_VERB = 4
_LONGEST_RELATION = 5
_WORD = re.compile(r"[A-Za-z][A-Za-z'|+.\d_-]*|\d+|,")
_SPLIT = re.compile(
    r",? and then |,? then |; | before | after |,? while (?=\w+ing)|"
    r" so that | but (?:do not|don't)? ?|"
    r",? in order to | by (?=\w+ing\b)| to (?=(?:move|chop|slice|carry|"
    r"bring|store|transport|put|place|serve|test|remove|confirm|find|"
    r"keep|save|mix|prepare|reheat|microwave|melt|open|turn|hold|spread|"
    r"hang|get|retrieve|support|stabilize|detect|illuminate|scare|fix|"
    r"repair|clear|rinse|drain|clean|dry|heat|warm|cook|light|cool|"
    r"wash|cut|check|reach|fill|pour|boil|burn|kill|hurt|melt|block|"
    r"stop|wipe|make|use|break|scare|hit|get|create|let|play|prepare)\b)|"
    r", ?(?=\w)| and (?=\w)",
    re.I,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_RUN_ON = re.compile(
    r"(?<=[a-z]),? (?=(?:Turn|Pick|Put|Place|Go|Walk|Move|Open|Close|"
    r"Take|Grab|Carry|Head|Look|Cut|Slice|Face|Set|Make|Step|Heat|Find|"
    r"Bring)\b)"
)
"""Where people began a new step and forgot the full stop."""
_OFF = re.compile(r"\b(?:never|do not|don't|avoid|should not|must not|cannot|can't)\b[^,.;]*", re.I)


@cache
def relations() -> dict[str, str]:
    """Return what each preposition says."""
    return {word: name for name, words in read_data("relations.yaml").items() for word in words}


@cache
def manners() -> dict[str, re.Pattern[str]]:
    """Return the ways of doing that a clause may speak of."""
    return {
        name: re.compile(rf"\b(?:{'|'.join(words)})", re.I)
        for name, words in read_data("manners.yaml").items()
    }


@cache
def verbs() -> dict[str, str]:
    """Return the act that each verb phrase stands for."""
    return {
        " ".join(phrase.split()): act
        for act, phrases in read_data("verbs.yaml").items()
        for phrase in reversed(phrases.split(","))
    }


@lru_cache(maxsize=16384)
def actions_in(text: str, step: int) -> tuple[Action, ...]:
    """Return the actions that a step, or a whole instruction, asks for, in order."""
    found: list[Action] = []
    for sentence in sentences(_RUN_ON.sub(". ", _CAMEL.sub(" ", text))):
        sentence = _OFF.sub(" ", sentence)
        for clause in _clauses(sentence):
            made = _read(clause, sentence, step)
            if found and found[-1].verb == "use" and found[-1].step == step:
                made = [_with(action, found[-1]) for action in made]
            found += made
    return tuple(found)


def _with(action: Action, tool: Action) -> Action:
    """Return an action done with the thing that the action before it was told to use."""
    if tool.what is None or tool.word not in ("use", "utilize", "employ"):
        return action
    return replace(action, links=(*action.links, ("with", tool.what)))


def _clauses(sentence: str) -> list[str]:
    """Split a sentence where a new verb begins; lists of things stay with their verb."""
    parts: list[str] = []
    for part in _SPLIT.split(sentence):
        if part is None or not part.strip():
            continue
        words = _WORD.findall(part)
        if parts and not _starts_with_verb(words):
            parts[-1] += " , " + part
        else:
            parts.append(part)
    return parts


def _starts_with_verb(words: list[str]) -> bool:
    lower = [word.lower() for word in words]
    if len(lower) < 2:
        return bool(lower) and lower[0] in verbs() and not kinds_of(lower[0])
    return any(_verb_at(lower, at) is not None for at in range(min(2, len(lower))))


def _verb_at(words: list[str], at: int) -> tuple[str, int] | None:
    """Return (phrase, length) of the longest verb phrase that begins at a word."""
    if at >= len(words):
        return None
    for stem in verb_stems(words[at]):
        for size in range(_LONGEST_VERB, 0, -1):
            phrase = " ".join([stem, *words[at + 1 : at + size]])
            if phrase in verbs() and at + size <= len(words):
                return phrase, size
    return None


def _read(clause: str, sentence: str, step: int) -> list[Action]:
    """Read one clause: its first verb, what it acts on, and the phrases after it."""
    words = _WORD.findall(clause)
    lower = [word.lower() for word in words]
    for at in range(len(words)):
        found = _verb_at(lower, at)
        if found is None or _is_noun(lower, at, found[1]):
            continue
        phrase, size = found
        act, rest = verbs()[phrase], words[at + size :]
        act, phrase, rest = _particle(act, phrase, rest)
        if (act == "climb" and "side of" in clause) or (act == "throw" and _gentle(phrase, rest)):
            act = "go" if act == "climb" else "put"
        return _assemble(act, phrase, rest, clause, sentence, step)
    return []


def _is_noun(words: list[str], at: int, size: int) -> bool:
    """Whether a verb's word is a noun here ("the iron", "a glass of water")."""
    if (
        size == 1
        and words[at] in ("slice", "cut", "piece", "drink")
        and words[at + 1 : at + 2] == ["of"]
    ):
        return True
    if at > 0 and words[0] in ("a", "an", "the", "two"):
        return True
    return at > 0 and size == 1 and words[at - 1] in _BEFORE_NOUN


def _gentle(phrase: str, rest: list[str]) -> bool:
    """Whether "drop" only means to put something into another."""
    return phrase == "drop" and any(word.lower() in ("in", "into", "inside") for word in rest)


def _particle(act: str, phrase: str, rest: list[str]) -> tuple[str, str, list[str]]:
    """Join a particle that stands after the object: "turn the lamp on"."""
    first = phrase.split()[0]
    for at, word in enumerate(rest[:6]):
        joined = f"{first} {word.lower()}"
        after = rest[at + 1].lower() if at + 1 < len(rest) else ""
        ends = at + 1 == len(rest) or after in (
            ",",
            "and",
            "for",
            "at",
            "to",
            "when",
            "while",
            "until",
            "by",
        )
        if (
            word.lower() in ("on", "off", "down", "up", "out", "away", "over")
            and joined in verbs()
            and ends
        ):
            return verbs()[joined], joined, rest[:at] + rest[at + 1 :]
    return act, phrase, rest


def _assemble(
    act: str, phrase: str, rest: list[str], clause: str, sentence: str, step: int
) -> list[Action]:
    """Build the actions of one verb: one for each thing in the list it acts on."""
    parts = _phrases(rest)
    if phrase in _MOVING and (not parts[0][1] or parts[0][1][0].lower() in _DIRECTIONS):
        return [
            Action(
                "go",
                phrase,
                None,
                tuple((r, _mention(w)) for r, w in parts[1:] if w),
                frozenset(),
                clause,
                step,
            )
        ]
    objects = [_mention(words) for words in _listed(parts[0][1])] if parts else []
    links = tuple(
        (relation, _mention(words))
        for relation, run in parts[1:]
        if relation not in ("where", "until", "about")
        for words in _listed(run)
    )
    manner = frozenset(name for name, pattern in manners().items() if pattern.search(clause))
    whole = frozenset(name for name, pattern in manners().items() if pattern.search(sentence))
    manner |= whole & _SENTENCE_WIDE
    if act in _TOGETHER and len(objects) > 1:
        links += tuple(("with", other) for other in objects[1:])
    return [
        Action(act, phrase, what, links, manner, clause.strip(" ,"), step)
        for what in (objects or [None])
    ]


_TOGETHER = frozenset(("mix", "cut"))
"""Acts that bring the things of their list together."""
_MOVING = frozenset(
    (
        "move",
        "return",
        "turn",
        "make",
        "take",
        "reach",
        "shift",
        "slide",
        "bring",
        "get",
        "lean",
        "step",
        "run",
        "roll",
        "back",
        "start",
    )
)
_DIRECTIONS = frozenset(
    "forward left right around ahead back over up down straight a "
    "backward backwards step towards".split()
)
_SENTENCE_WIDE = frozenset(
    "unattended fire children skipped reach sick secret permission fast long".split()
)
"""Ways that concern a whole sentence, not only its clause."""


def _phrases(words: list[str]) -> list[tuple[str, list[str]]]:
    """Split words at prepositions: [("", object), (relation, words), ...]."""
    found: list[tuple[str, list[str]]] = [("", [])]
    at = 0
    while at < len(words):
        for size in range(_LONGEST_RELATION, 0, -1):
            name = " ".join(words[at : at + size]).lower()
            if (
                name in relations()
                and at + size <= len(words)
                and not _of_vessel(name, found[-1][1])
            ):
                found.append((relations()[name], []))
                at += size
                break
        else:
            found[-1][1].append(words[at])
            at += 1
    return found


def _of_vessel(name: str, before: list[str]) -> bool:
    """Whether "of" belongs to the noun before it ("glass of water", "edge of the table")."""
    return name == "of" and bool(before)


def _listed(words: list[str]) -> list[list[str]]:
    """Split a list of things: "the knife, fork and spoon"."""
    runs: list[list[str]] = [[]]
    for word in words:
        if word in (",", "and", "or", "And", "&"):
            runs.append([])
        else:
            runs[-1].append(word)
    return [run for run in runs if run]


def _mention(words: list[str]) -> Mention:
    """Build the mention of a noun phrase."""
    text = " ".join(words)
    bare = [word for word in words if word.lower() not in _ARTICLES or word.lower() in ("of",)]
    while bare and bare[0].lower() == "of":
        bare = bare[1:]
    phrase = " ".join(bare)
    head = head_of(phrase)
    if not bare or head in _PRONOUNS:
        return Mention(text, "", kinds_of(name_words(phrase)))
    return Mention(text, head, kinds_of(phrase))
