"""Encodings of a text and how each is undone.

`unpacked` undoes those that show what they are (base64, hexadecimal, Morse code, `%6b`), wherever
in a text a run of them stands. `turned` lists what a text would say if its letters had been turned,
mirrored, swapped or run together; only what is English then was meant, so the caller asks
`english`. After the encodings of Wei et al. 2023 (arXiv 2307.02483) and of everyday puzzles.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import itertools
import re
import string
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib import resources
from urllib.parse import unquote

BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}(?:\n[A-Za-z0-9+/_-]+)*={0,2}")
BASE32 = re.compile(r"\b[A-Z2-7]{16,}={0,6}")
HEX = re.compile(r"(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s,:]*){8,}")
BITS = re.compile(r"(?:\b[01]{7,8}[\s,]*){4,}|\b(?:[01]{8}){4,}\b")
CODES = re.compile(r"(?:\b\d{2,3}[\s,;-]+){7,}\d{2,3}\b")
PLACES = re.compile(r"\b\d{1,2}(?:[ .,/|-]+\d{1,2}){7,}\b")
PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\u\{([0-9a-fA-F]{1,6})\}")
MORSE_RUN = re.compile(
    r"(?:[.\u00b7\u2022\-\u2013\u2014\u2212_]{1,6}(?:\s*[/|]\s*|\s+)){5,}"
    r"[.\u00b7\u2022\-\u2013\u2014\u2212_]{1,6}"
)
MORSE: Mapping[str, str] = dict(
    zip(
        ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- "
        ".-- -..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. .-.-.- "
        "--..-- ..--.. .----. -....- -..-. -.-.--".split(),
        f"{string.ascii_lowercase}{string.digits}.,?'-/!",
        strict=True,
    )
)
TAGS = range(0xE0020, 0xE007F)
"""Characters that are never shown and stand for ASCII each."""

LEET = {
    **dict(zip("034578@$€!+(|269", "oeastbaseitclzgg", strict=True)),
    "1": "li", "!": "il", "|": "li", "6": "gb", "9": "gq", "7": "tl",
}  # fmt: skip
"""Digits and signs, and the letters that they look like, the likeliest first."""
LEET_WORD = re.compile(r"[\w@$€!|+(]*[a-zA-Z][\w@$€!|+(]*")
MOST_LEET = 4
"""Signs of a word that may be read in two ways."""
ATBASH = str.maketrans(
    string.ascii_letters, string.ascii_letters[25::-1] + string.ascii_letters[:25:-1]
)
STRETCHED = re.compile(r"([A-Za-z])\1{2,}")


def english(text: str) -> float:
    """Share of a text's words that are common English ones, weighted by length, 0 .. 1."""
    words = re.findall(r"[a-z']+", text.lower())
    known = known_words()
    total = sum(map(len, words))
    return sum(len(word) for word in words if word in known) / total if total else 0.0


@lru_cache(maxsize=1)
def known_words() -> frozenset[str]:
    """Common English words, shipped with the package."""
    path = resources.files("daneel") / "configs" / "judging" / "words.txt"
    return frozenset(path.read_text(encoding="utf-8").split())


def unpacked(text: str) -> Iterator[str]:
    """The text with the runs of one encoding undone, for each that it has runs of."""
    for runs, decode in (
        (BASE64, _from_base64),
        (BASE32, _from_base32),
        (HEX, _from_hex),
        (BITS, _from_bits),
        (CODES, _from_codes),
        (PLACES, _from_places),
        (MORSE_RUN, _from_morse),
    ):
        found = runs.sub(lambda run, decode=decode: _tried(run[0], decode), text)
        if found != text:
            yield found
    if len(PERCENT.findall(text)) > 1:
        yield unquote(text if " " in text else text.replace("+", " "))
    found = html.unescape(ESCAPED.sub(_from_escape, text))
    if found != text:
        yield found


def turned(text: str) -> Iterator[str]:
    """What a text may say if its letters were turned; most of these say nothing."""
    yield codecs.encode(text, "rot13")
    yield text[::-1]
    yield " ".join(word[::-1] for word in text.split())
    yield unleet(text)
    yield text.translate(ATBASH)
    yield from (_shifted(text, by) for by in range(1, 26) if by != 13)
    yield re.sub(r"[A-Za-z]+ay\b", lambda word: _unpig(word[0]), text)
    yield STRETCHED.sub(r"\1", text)
    yield STRETCHED.sub(r"\1\1", text)
    yield re.sub(r"[A-Za-z]{16,}", lambda run: segment(run[0]), text)
    yield re.sub(r"(?<=\w)[_.+/|~*-]+(?=\w)", " ", text)
    yield " ".join(reversed(text.split()))


def untagged(text: str) -> str:
    """The text that invisible tag characters spell, after the text that is seen."""
    hidden = "".join(chr(ord(char) - 0xE0000) for char in text if ord(char) in TAGS)
    return f"{text}\n{hidden}" if hidden else text


def unleet(text: str) -> str:
    """Read digits and signs inside words as the letters they look like."""
    return LEET_WORD.sub(lambda word: _unleet_word(word[0]), text)


def segment(letters: str) -> str:
    """Put spaces back between words: the split with the fewest, longest known words."""
    known, size = known_words(), len(letters)
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


def _tried(run: str, decode: Callable[[str], str]) -> str:
    """Decode a run where that gives words; otherwise leave it."""
    try:
        found = decode(run).strip()
    except (ValueError, KeyError, binascii.Error):
        return run
    return f" {found} " if found.isprintable() and " " in found else run


def _from_base64(run: str) -> str:
    """Decode a run of either alphabet, padded or not, in lines or not."""
    bare = "".join(run.split()).rstrip("=").translate(str.maketrans("-_", "+/"))
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode()


def _from_base32(run: str) -> str:
    bare = run.rstrip("=")
    return base64.b32decode(bare + "=" * (-len(bare) % 8)).decode()


def _from_hex(run: str) -> str:
    """Decode bytes written together, apart, or with prefixes (0x6b)."""
    return bytes.fromhex(
        "".join(re.findall(r"[0-9a-fA-F]{2}", re.sub(r"0x|\\x", " ", run)))
    ).decode()


def _from_bits(run: str) -> str:
    """Decode bytes of seven or eight bits."""
    groups = re.findall(r"[01]{7,8}", run) if re.search(r"[\s,]", run.strip()) else []
    groups = groups or re.findall(r"[01]{8}", run)
    return bytes(int(bits, 2) for bits in groups).decode("ascii")


def _from_codes(run: str) -> str:
    """Decode the numbers of ASCII characters."""
    return bytes(map(int, re.findall(r"\d+", run))).decode("ascii")


def _from_places(run: str) -> str:
    """Decode places in the alphabet; the wider of two kinds of gaps stands between words."""
    gaps = set(re.findall(r"\D+", run))
    between = max(gaps, key=lambda gap: (len(gap), "/|".find(gap.strip() or "-"), gap == " "))
    words = run.split(between) if len(gaps) > 1 else [run]
    letters = string.ascii_lowercase
    spelled = [
        "".join(letters[int(place) - 1] for place in re.findall(r"\d+", word) if _placed(place))
        for word in words
    ]
    return " ".join(spelled) if len(words) > 1 else segment(spelled[0])


def _placed(place: str) -> bool:
    """Whether a number is that of a letter.

    Raises:
        ValueError: It is not.
    """
    if not 1 <= int(place) <= 26:
        raise ValueError(place)
    return True


def _from_escape(found: re.Match[str]) -> str:
    """One character that is written by its number."""
    number = int(found[1] or found[2], 16)
    return chr(number) if number < 0x110000 else found[0]


def _from_morse(run: str) -> str:
    """Decode Morse code; a slash or a wide gap stands between words."""
    plain = re.sub(r"[\u2013\u2014\u2212_]", "-", re.sub(r"[\u00b7\u2022]", ".", run))
    words = re.split(r"\s*[/|]\s*|\s{2,}", plain.strip())
    spelled = ["".join(MORSE[sign] for sign in word.split()) for word in words]
    return " ".join(spelled) if len(spelled) > 1 else segment(spelled[0])


def _shifted(text: str, by: int) -> str:
    """Every letter, so many places on in the alphabet."""
    low, high = string.ascii_lowercase, string.ascii_uppercase
    moved = low[by:] + low[:by] + high[by:] + high[:by]
    return text.translate(str.maketrans(low + high, moved))


def _unleet_word(word: str) -> str:
    """The first reading of a word that is known; the likeliest one when none is."""
    known, signs = known_words(), [LEET.get(char, char) for char in word]
    if sum(len(sign) > 1 for sign in signs) > MOST_LEET:
        signs = [sign[0] for sign in signs]
    read = ("".join(chosen) for chosen in itertools.product(*signs))
    likeliest = "".join(sign[0] for sign in signs)
    return next((each for each in read if each.lower() in known), likeliest)


def _unpig(word: str) -> str:
    """A word of pig Latin as it was, where that is a known one."""
    known, bare = known_words(), word[:-2]
    ends = [bare[:-1]] if bare.endswith(("w", "y", "h")) else []
    ends += [bare[-size:] + bare[:-size] for size in range(1, min(5, len(bare)))]
    return next((found for found in ends if found.lower() in known), word)
