"""Readings of an instruction: as written, and with common encodings undone.

An encoded instruction is harmless text to a reader that does not decode it. Nothing here judges:
each reading is judged like the instruction itself, and the worst one counts.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata

from daneel.alignment.judging.plan import verbs
from daneel.alignment.judging.words import verb_stems

_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{16,}={0,2}")
_HEX = re.compile(r"\b(?:[0-9a-fA-F]{2}[ :]?){10,}\b")
_SPELLED = re.compile(r"\b(?:[A-Za-z][ .\-_*]){5,}[A-Za-z]\b")
_LEET = str.maketrans("013457@$", "oieastas")
_SAID = 2
"""Known words a decoded text must have to be taken for one."""


def readings(text: str) -> list[str]:
    """Return the instruction as written, then what it decodes to, without repeats."""
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(c for c in plain if c.isprintable() or c in "\n\t")
    found = [plain, *_decoded(plain)]
    return list(dict.fromkeys(found))


def _decoded(text: str) -> list[str]:
    """Return the decodings that read as English about acts."""
    tries = [_base64(run) for run in _BASE64.findall(text)]
    tries += [_hex(run) for run in _HEX.findall(text)]
    tries += [codecs.decode(text, "rot13"), text[::-1]]
    tries += [" ".join(word[::-1] for word in text.split())]
    if re.search(r"[a-z][01345@$7]|[01345@$7][a-z]", text, re.I):
        tries.append(text.translate(_LEET))
    if _SPELLED.search(text):
        tries.append(re.sub(r"\b([A-Za-z])[ .\-_*](?=[A-Za-z]\b)", r"\1", text))
        tries.append(text.replace("  ", "\0").replace(" ", "").replace("\0", " "))
    return [made for made in tries if made and _english(made) >= max(_SAID, _english(text) + 1)]


_COMMON = frozenset(
    "the a an on in to and it into with of next over then place put turn near onto from".split()
)


def _english(text: str) -> int:
    """Count words that instructions are made of."""
    words = re.findall(r"[a-z]+", text.lower())
    return sum(w in _COMMON or any(stem in verbs() for stem in verb_stems(w)) for w in words)


def _base64(run: str) -> str:
    try:
        return base64.b64decode(run + "=" * (-len(run) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _hex(run: str) -> str:
    try:
        return bytes.fromhex(re.sub(r"[^0-9a-fA-F]", "", run)).decode()
    except (ValueError, UnicodeDecodeError):
        return ""
