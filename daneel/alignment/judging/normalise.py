"""What a text says under its disguise: the readings that a classifier of words should see.

An attacker hides a request in an encoding (base64, hex, rot13, leetspeak, look-alike letters,
invisible characters, reversed or spaced letters), inside a role-play wrapper, over several turns,
or in a long harmless text. `readings` undoes them: it returns the plain text, every decoding that
looks like language, and the parts of what is left. Layers judge all and keep the worst, so an
added wrapper cannot lower a score. What cannot be read (other scripts, noise) is told by `opaque`.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import resources

LONGEST = 20_000
"""Characters that are read; the beginning and the end of anything longer."""
SHORTEST_PART = 12
"""Characters below which a part of a text says too little to be judged alone."""

HOMOGLYPHS = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u043a\u043c\u0442\u0432\u043d\u0433\u0501\u0455\u0458\u04bb"
    "\u051b\u051d\u03b1\u03b5\u03bf\u03c1\u03b9\u03c5\u03bd\u03ba\u03c4\u03c7\u03b7\u03b2\u03bc\u0251\u0261\u0131\u217c",
    "aeopcyxikmtbhrdsjhqwaeopiuvktxnbmagil",
)
"""Cyrillic, Greek and other letters, and the Latin ones that they look like."""
LEET = str.maketrans("013457@$!|", "oleastasil")
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
HEX = re.compile(r"(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s,:]*){8,}")
SPACED = re.compile(r"(?<!\w)(?:\w[ \-_.*·]+){4,}\w(?!\w)")
LEET_WORD = re.compile(r"[\w@$!|]*[a-zA-Z][\w@$!|]*")
SENTENCE = re.compile(r"(?<=[.?!;])\s+|\n+")
QUOTED = re.compile(r"[\"“«`']([^\"”»`']{12,})[\"”»`']")
ASSIGNED = re.compile(r"\b([a-z]\w*)\s*=\s*[\"']([^\"']*)[\"']", re.IGNORECASE)


def readings(text: str) -> tuple[str, ...]:
    """The plain text first, then what else it may say; no repetitions, never empty."""
    found = wholes(text)
    parts = [part for reading in found for part in _parts(reading)]
    return tuple(dict.fromkeys([*found, *filter(None, parts)]))


def wholes(text: str) -> tuple[str, ...]:
    """The readings that are of the whole text: as it stands, decoded, and put together.

    What takes a text apart itself (`plan.actions_in`) needs no more.
    """
    plain = clean(text)
    found = [plain, *decoded(plain), *_joined(plain)]
    return tuple(dict.fromkeys(filter(None, found))) or ("",)


def clean(text: str) -> str:
    """Undo what changes only how letters look: width, look-alikes, invisible ones, gaps."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}\n{text[-LONGEST // 2 :]}"
    text = unicodedata.normalize("NFKC", text)
    text = "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Co", "Cn"))
    text = _unspaced(" ".join(map(_latin, text.split(" "))))
    return re.sub(r"[^\S\n]+", " ", text).strip()


def decoded(text: str) -> list[str]:
    """Every decoding of a text that is more like English than the text is."""
    found = []
    for decode in (_base64, _hex):
        if (reading := decode(text)) != text:
            found.append(reading)
    for decode in (_rot13, _reversed, _reversed_words, _unleet):
        for given in (text, *found[:2]):
            reading = decode(given)
            if reading != given and english(reading) > english(given) + 0.15:
                found.append(reading)
    return found


def english(text: str) -> float:
    """Share of a text's words that are common English ones, weighted by length, 0 .. 1."""
    words = re.findall(r"[a-z']+", text.lower())
    known = _known_words()
    total = sum(map(len, words))
    return sum(len(word) for word in words if word in known) / total if total else 0.0


def opaque(text: str) -> bool:
    """Whether a text has letters, yet none of its readings can be read as English."""
    letters = [char for char in text if char.isalpha()]
    if len(letters) < SHORTEST_PART:
        return False
    foreign = sum(char > "ɏ" for char in letters) / len(letters)
    return foreign > 0.3 or max(map(english, readings(text))) < 0.25


@lru_cache(maxsize=1)
def _known_words() -> frozenset[str]:
    """Common English words, shipped with the package."""
    path = resources.files("daneel") / "configs" / "judging" / "words.txt"
    return frozenset(path.read_text(encoding="utf-8").split())


def _latin(word: str) -> str:
    """Replace look-alike letters in a word that mixes scripts, and drop accents."""
    if word.isascii():
        return word
    changed = unicodedata.normalize("NFD", word.translate(HOMOGLYPHS))
    bare = "".join(char for char in changed if unicodedata.category(char) != "Mn")
    return bare if bare.isascii() else word


def _base64(text: str) -> str:
    """Replace every run of base64 that holds text."""
    return BASE64.sub(lambda run: _unpacked(run[0], _from_base64), text)


def _from_base64(run: str) -> bytes:
    """Decode a run of either alphabet, padded or not."""
    bare = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def _hex(text: str) -> str:
    """Replace every run of hexadecimal bytes that holds text."""
    return HEX.sub(lambda run: _unpacked(run[0], _from_hex), text)


def _from_hex(run: str) -> bytes:
    """Decode bytes written together, apart, or with prefixes (0x6b)."""
    return bytes.fromhex("".join(re.findall(r"[0-9a-fA-F]{2}", re.sub(r"0x|\\x", " ", run))))


def _unpacked(run: str, decode: Callable[[str], bytes]) -> str:
    """Decode a run where that gives printable text; otherwise leave it."""
    try:
        found = decode(run).decode("utf-8")
    except (ValueError, binascii.Error):
        return run
    return f" {clean(found)} " if found.isprintable() and " " in found.strip() else run


def _unspaced(text: str) -> str:
    """Join letters that are spelled out; wider gaps stay gaps between words."""
    return SPACED.sub(lambda run: _spell(run[0]), text)


def _spell(run: str) -> str:
    """Join one run of single letters."""
    if re.search(r"\w {2,}\w", run):
        return " ".join(re.sub(r"[ \-_.*·]", "", word) for word in re.split(r" {2,}", run))
    return _segment(re.sub(r"[ \-_.*·]", "", run))


def _segment(letters: str) -> str:
    """Put spaces back between words: the split with the fewest, longest known words."""
    known, size = _known_words(), len(letters)
    lower = letters.lower()
    best: list[tuple[float, int]] = [(0.0, 0)] + [(float("inf"), 0)] * size
    for end in range(1, size + 1):
        for start in range(max(0, end - 20), end):
            word = lower[start:end]
            cost = 1.0 if word in known else 1.5 + 1.5 * len(word)
            best[end] = min(best[end], (best[start][0] + cost, start))
    words: list[str] = []
    while size:
        words.append(letters[best[size][1] : size])
        size = best[size][1]
    return " ".join(reversed(words))


def _rot13(text: str) -> str:
    return codecs.decode(text, "rot13")


def _reversed(text: str) -> str:
    return text[::-1]


def _reversed_words(text: str) -> str:
    return " ".join(word[::-1] for word in text.split())


def _unleet(text: str) -> str:
    """Read digits and signs inside words as the letters they look like."""
    return LEET_WORD.sub(lambda word: word[0].translate(LEET), text)


def _joined(text: str) -> Iterator[str]:
    """Join what is given in pieces: `a = "..."; b = "..."`, or quoted fragments."""
    pieces = [value for _, value in ASSIGNED.findall(text)]
    if len(pieces) > 1:
        yield " ".join(" ".join(pieces).split())


def _parts(text: str) -> Iterator[str]:
    """Sentences, pairs of neighbours and quotations of a text that has several."""
    sentences = [part.strip() for part in SENTENCE.split(text) if part and part.strip()]
    if len(sentences) > 1:
        yield from (part for part in sentences if len(part) >= SHORTEST_PART)
        yield from (f"{first} {second}" for first, second in itertools.pairwise(sentences))
    yield from (found.strip() for found in QUOTED.findall(text))
