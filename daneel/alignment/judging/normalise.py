"""What a text says under its disguise: the readings that a classifier of words should see.

An attacker hides a request in an encoding (`decodings`: base64, Morse code, shifted letters and the
like, one in another too), in look-alike letters or invisible characters, inside a role-play
wrapper, over several turns or pieces, or in a long harmless text. `readings` undoes them: it
returns the plain text, every decoding that looks like language, and the parts of what is left.
Layers judge all and keep the worst, so an added wrapper cannot lower a score. What cannot be read
(other scripts, noise) is told by `opaque`.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

from daneel.alignment.judging.decodings import english, segment, turned, unpacked, untagged

LONGEST = 20_000
"""Characters that are read; the beginning and the end of anything longer."""
SHORTEST_PART = 12
"""Characters below which a part of a text says too little to be judged alone."""
DEEPEST = 3
"""Encodings inside one another that are undone."""
MOST_PIECES = 400
"""Pieces of a text that are looked at for encodings."""
MOST_DECODED = 12
"""Decodings that are kept of each step."""
MOST_NAMES = 12
"""Names of a text that are replaced by what they stand for."""
MOST_ASKED = 3
"""Requests that are looked for inside a sentence."""
FEWEST_TURNS = 3
"""Sentences from which their runs of three are read too."""
MOST_TURNS = 12
"""Sentences up to which they are."""

LEAST_ENGLISH = 0.25
"""Share of English words from which a text counts as read."""
PLAIN = 0.75
"""Share from which nothing needs to be turned back."""
GAINED = 0.15
"""Share that turning back must add."""
FOREIGN = 4
"""Letters of other scripts that may say something."""

HOMOGLYPHS = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u043a\u043c\u0442\u0432\u043d\u0433\u0501\u0455\u0458\u04bb"
    "\u051b\u051d\u03b1\u03b5\u03bf\u03c1\u03b9\u03c5\u03bd\u03ba\u03c4\u03c7\u03b7\u03b2\u03bc\u0251\u0261\u0131\u217c",
    "aeopcyxikmtbhrdsjhqwaeopiuvktxnbmagil",
)
"""Cyrillic, Greek and other letters, and the Latin ones that they look like."""

UNUSUAL = str.maketrans(
    "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274\u1d0f\u1d18\u0280\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22"
    "\u0250\u0254\u01dd\u025f\u0183\u0265\u1d09\u027e\u029e\u026f\u0279\u0287\u028c\u028d\u028e",
    "abcdefghijklmnoprstuvwyzacefghijkmrtvwy",
)
"""Small capitals, letters that stand on their heads, and what they are."""
REGIONAL = {0x1F1E6 + place: letter for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
"""Letters in boxes, which flags are made of."""
SPACED = re.compile(r"(?<!\w)(?:\w[ \-_.*·|/\n,]+){4,}\w(?!\w)")
SENTENCE = re.compile(r"(?<=[.?!;])\s+|\n+")
PIECE = re.compile(r"(?<=[.?!;:])\s+|\n+|[\"“”«»`<>{}\[\]]+")
QUOTED = re.compile(r"[\"“«`']([^\"”»`']{12,})[\"”»`']")
ASSIGNED = re.compile(r"\b([a-z]\w*)\s*=\s*[\"']([^\"']*)[\"']", re.IGNORECASE)
NAMED = re.compile(
    r"[\"'<\[{$]*\b([A-Za-z]\w{0,15})\b[\"'>\]}]*\s*"
    r"(?::=|=|\b(?:stands? for|means|is short for|is code for)\b)\s*"
    r"(?:[\"'“]([^\"'”\n]{1,200})[\"'”]|([^\"'”=;,.\n]{2,60}?)(?=\s+and\s+\w+\s*=|[;,.\n]|$))"
)
ADDED = re.compile(r"[\"'”]\s*(?:\+|\.\.|&|\|\|)\s*[\"'“]")
MARKS = re.compile(r"[\"“”]")
LABEL = re.compile(
    r"(?:^|\n|(?<=[.?!;,\"'”])\s+)(?:(?:part|piece|step|line|fragment|chunk|half|word|message)\s*)?"
    r"(?:\d{1,2}|[ivx]{1,4}|one|two|three|four|five)\s*[.):=-]\s*",
    re.IGNORECASE,
)
ASKING = re.compile(
    r"(?<=[\s,])(?:how (?:to|do|does|can|could|would|should|i|you|one)|tell me|explain|describe|"
    r"give me|show me|teach me|write|what|where|which|help me|instructions|steps)\b",
    re.IGNORECASE,
)
"""Words that a request begins with, inside a sentence."""


def readings(text: str) -> tuple[str, ...]:
    """What a text may say: its whole readings and the parts of all of these.

    No repetitions, never empty.
    """
    found = wholes(text)
    parts = [part for reading in found for part in _parts(reading)]
    return _said([*found, *parts])


def wholes(text: str) -> tuple[str, ...]:
    """The readings that are of the whole text: as it stands, decoded, and put together.

    What takes a text apart itself (`plan.actions_in`) needs no more. A text that holds an encoding
    is not read as it stands: its decoding says all that it says.
    """
    plain = clean(text)
    every = [plain, *decoded(plain)]
    found = [each for each in every if not any(unpacked(each))] or every
    return _said([*found, *(each for given in found for each in _joined(given))])


def clean(text: str) -> str:
    """Undo what changes only how letters look: width, look-alikes, invisible ones, gaps."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}\n{text[-LONGEST // 2 :]}"
    text = unicodedata.normalize("NFKC", untagged(text)).translate(REGIONAL)
    text = "".join(char for char in text if char in "\n\t\r" or _shown(char))
    text = _unspaced(" ".join(map(_latin, text.split(" "))))
    return re.sub(r"[^\S\n]+", " ", text).strip()


def decoded(text: str) -> list[str]:
    """Every decoding of a text, one inside another too, that is more like English than it is."""
    found, layer = [], [text]
    for _ in range(DEEPEST):
        made = dict.fromkeys(each for given in layer for each in _once(given))
        layer = [each for each in made if each not in (text, *found)][:MOST_DECODED]
        found += layer
    return found


def opaque(text: str) -> bool:
    """Whether a text, or a sentence of it, cannot be read as English, whatever is undone.

    One sentence is enough: what nobody can read may stand beside any amount that everybody can.
    """
    plain = clean(text)
    letters, foreign = sum(map(str.isalpha, plain)), sum(map(_foreign, plain.split()))
    if foreign >= FOREIGN or foreign > 0.3 * letters:
        return True
    sentences = [part for part in SENTENCE.split(plain) if part]
    return not all(map(_readable, sentences))


def _said(found: Sequence[str]) -> tuple[str, ...]:
    """What is English; all of it where nothing is.

    What is not says nothing to a judge of English, and `opaque` tells that it was not read.
    """
    every = tuple(dict.fromkeys(filter(None, found))) or ("",)
    return tuple(each for each in every if english(each) >= LEAST_ENGLISH) or every


def _once(text: str) -> Iterator[str]:
    """Decodings of one step: of the text, and of those of its pieces that are no English."""
    yield from map(_tidy, unpacked(text))
    yield from map(_tidy, _turned_back(text))
    if len(pieces := dict.fromkeys(PIECE.split(text))) > 1:
        for piece in itertools.islice(pieces, MOST_PIECES):
            reading = max(_turned_back(piece), key=english, default="")
            text = text.replace(piece, f" {reading} ") if reading else text
        yield _tidy(text)


@lru_cache(maxsize=1024)
def _turned_back(text: str) -> tuple[str, ...]:
    """Readings of letters that were turned, where there are enough of them to tell."""
    share = english(text)
    if share >= PLAIN or sum(map(str.isalpha, text)) < SHORTEST_PART:
        return ()
    return tuple(each for each in turned(text) if english(each) > share + GAINED)


def _tidy(text: str) -> str:
    """One space for each gap."""
    return re.sub(r"[^\S\n]+", " ", text).strip()


def _shown(char: str) -> bool:
    """Whether a character can be seen: no control, no half of a pair, nothing unassigned."""
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def _readable(text: str) -> bool:
    """Whether a text has too few letters to say, or one of its readings is English."""
    short = sum(map(str.isalpha, text)) < SHORTEST_PART
    return short or max(map(english, wholes(text))) >= LEAST_ENGLISH


def _foreign(word: str) -> int:
    """Letters of other scripts in a word that has more than one: a lone one is a symbol."""
    count = sum(char.isalpha() and char > "ɏ" for char in word)
    return count if count > 1 else 0


def _latin(word: str) -> str:
    """Replace look-alike letters in a word that mixes scripts, and drop accents."""
    if word.isascii():
        return word
    changed = unicodedata.normalize("NFD", word.translate(HOMOGLYPHS).translate(UNUSUAL))
    bare = "".join(char for char in changed if unicodedata.category(char) != "Mn")
    return bare if bare.isascii() else word


def _unspaced(text: str) -> str:
    """Join letters that are spelled out; wider gaps stay gaps between words."""
    return SPACED.sub(lambda run: _spell(run[0]), text)


def _spell(run: str) -> str:
    """Join one run of single letters."""
    if re.search(r"\w {2,}\w", run):
        return " ".join(re.sub(r"\W|_", "", word) for word in re.split(r" {2,}", run))
    return segment(re.sub(r"\W|_", "", run))


def _joined(text: str) -> Iterator[str]:
    """Join what is given in pieces: `a = "..."; b = "..."`, `"..." + "..."`, part 1, part 2."""
    pieces = [value for _, value in ASSIGNED.findall(text)]
    if len(pieces) > 1:
        yield " ".join(" ".join(pieces).split())
    if ADDED.search(text):
        yield from (_tidy(MARKS.sub("", ADDED.sub(gap, text))) for gap in ("", " "))
    labelled = LABEL.split(text)
    if len(labelled) > 2:
        yield _tidy(" ".join(part.strip(" \n\"'“”,;") for part in labelled[1:]))
    yield from _replaced(text)


def _replaced(text: str) -> Iterator[str]:
    """Put in the place of every name what it was said to stand for."""
    named = {name: (quoted or bare).strip() for name, quoted, bare in NAMED.findall(text)}
    rest = NAMED.sub(" ", text)
    for name, value in list(named.items())[:MOST_NAMES]:
        rest = re.sub(rf"[<\[{{$]*\b{re.escape(name)}\b[>\]}}]*", lambda _, v=value: v, rest)
    if named and (found := _tidy(rest.strip(" .,;\n"))) and any(v in found for v in named.values()):
        yield found


def _parts(text: str) -> Iterator[str]:
    """Sentences, runs of neighbours, quotations and requests inside a text that has several."""
    sentences = [part.strip() for part in SENTENCE.split(text) if part and part.strip()]
    if len(sentences) > 1:
        yield from (part for part in sentences if len(part) >= SHORTEST_PART)
        yield from (f"{first} {second}" for first, second in itertools.pairwise(sentences))
    if FEWEST_TURNS <= len(sentences) <= MOST_TURNS:
        yield from (" ".join(sentences[at : at + 3]) for at in range(len(sentences) - 2))
    for sentence in sentences[:MOST_PIECES]:
        asked = itertools.islice(ASKING.finditer(sentence), MOST_ASKED)
        yield from (sentence[found.start() :] for found in asked)
    pieces = {value for _, value in ASSIGNED.findall(text)}
    yield from (found.strip() for found in QUOTED.findall(text) if found not in pieces)
