"""What has changed since: statements about what can change are of a time.

Every key that a fact is kept under has an epoch, which is how often an event changed what the key
names, or may have. A fact of an earlier epoch is past, and contradicts nothing that is said now.
"""

from __future__ import annotations

import re

from daneel.alignment.traces.phrases import stem, stems
from daneel.alignment.traces.words import CHANGING, COLOURS, EVENTS, GROUPS, OPPOSITES

_NO_EVENT = re.compile(
    r"\b(?:is|are|was|were|be|not|if|when|whenever|unless|would|before|after|until|only|all|every|"
    r"each|any|no|permitted)\b"
)
_CHANGING = frozenset(stem(verb) for verb in CHANGING)
_STATES = frozenset(stem(word) for word in (*OPPOSITES.values(), *(s for s, _ in EVENTS.values())))
_EXCLUSIVE = tuple(frozenset(stems(word) for word in group) for group in (COLOURS, *GROUPS))


def exclusive_words(key: str) -> tuple[str, str, int] | None:
    """What a statement is about, its last words, and the group of which it can be one only."""
    words = key.split()
    for size in (2, 1):
        last = " ".join(words[-size:])
        for i, group in enumerate(_EXCLUSIVE):
            if len(words) > size and last in group:
                return " ".join(words[:-size]), last, i
    return None


def mutable(key: str) -> bool:
    """Whether a statement is about a state, which events of other names may end."""
    words = key.split()
    return bool(words) and (words[-1] in _STATES or exclusive_words(key) is not None)


class Epochs:
    """Counts what changes, by key."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self._changed: dict[str, int] = {}
        self._shaken: dict[str, int] = {}
        self._clock = 0

    def events(self) -> int:
        """How many events were understood so far."""
        return sum(self._changed.values())

    def tick(self) -> None:
        """Another time of a log: whatever can change may have."""
        self._clock += 1

    def happens(self, key: str) -> None:
        """An event changed what `key` names: earlier facts about it are over."""
        self._shaken["empty"] = self._shaken.get("empty", 0) + 1
        key = _grouped(key)
        self._changed[key] = self._changed.get(key, 0) + 1

    def shake(self, text: str) -> None:
        """An event that no rule understands: what was said of its things may be over."""
        words = stems(text).split()
        if _CHANGING.isdisjoint(words) or _NO_EVENT.search(text):
            return
        for word in words:
            self._shaken[word] = self._shaken.get(word, 0) + 1

    def now(self, key: str) -> int:
        """How often what `key` names has changed, or may have."""
        key = _grouped(key)
        words = stems(re.sub(r"[|@]", " ", key)).split()
        shaken = sum(self._shaken.get(stem(word), 0) for word in {*words, *key.split()})
        return self._changed.get(key, 0) + 1000 * shaken + 1_000_000 * self._clock

    def of(self, key: str) -> int:
        """The epoch of a statement: only a state ends with events of other names."""
        return self.now(key) if mutable(key) else self.changed(key) + 1_000_000 * self._clock

    def changed(self, key: str) -> int:
        """How often events have changed just this."""
        return self._changed.get(key, 0)


def _grouped(key: str) -> str:
    """The key of all states of which a thing has one at a time: of `ball red` and `ball blue`."""
    if (found := exclusive_words(key)) is None:
        return key
    return " ".join([found[0], *sorted(_EXCLUSIVE[found[2]])])
