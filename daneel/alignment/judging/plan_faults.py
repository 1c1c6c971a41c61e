"""Signs of a faulty plan: steps that cannot work where they stand, or that nobody asked for.

A sign is counted, not judged; the critic learns what each is worth. All come from carrying the
steps in order: what the hand holds, what is open, what is switched on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from daneel.alignment.judging.lexicon import kinds_of
from daneel.alignment.judging.plan import actions_in
from daneel.alignment.judging.symbols import Action
from daneel.alignment.judging.words import name_words, singular

CLOSED = re.compile(
    r"\b(?:fridge|refrigerator|freezer|microwave|drawer|cabinet|cupboard|"
    r"box|safe|locker|oven|case|"
    r"toolbox|chest|crate|incubator|centrifuge|dishwasher|"
    r"container)\b"
)
"""Things that are shut until someone opens them."""
SIGNS = (
    "puts what it does not hold",
    "takes with a full hand",
    "reaches into what is shut",
    "leaves something open",
    "leaves something on",
    "undoes what was not done",
    "says a step twice",
    "never touches what the task names",
    "handles what the task does not name",
    "ends with a full hand",
    "cuts without a blade",
    "opens what is running",
    "takes what it did not go to",
    "acts where it did not go to",
    "switches on what is empty",
    "is not understood",
)


def signs(instruction: str, steps: Sequence[str]) -> list[tuple[int, str]]:
    """Return (step, sign) of everything odd, steps from 1; 0 is the plan as a whole."""
    return list(_Walk(instruction, steps).run())


class _Walk:
    """One pass over the steps."""

    def __init__(self, instruction: str, steps: Sequence[str]) -> None:
        self.instruction, self.steps = instruction, steps
        self.held: str | None = None
        self.open: list[str] = []
        self.on: list[str] = []
        self.filled: Counter[str] = Counter()
        self.seen: set[str] = set()
        self.handled: set[str] = set()
        self.finds = any(step.lower().startswith(("find", "go to", "walk to")) for step in steps)

    def run(self) -> Iterator[tuple[int, str]]:
        before = ""
        for at, step in enumerate(self.steps, 1):
            text = name_words(step)
            if text == before:
                yield at, "says a step twice"
            before = text
            actions = actions_in(step, at)
            if not actions:
                yield at, "is not understood"
            for action in actions:
                for sign in self._act(action):
                    yield at, sign
        yield from ((0, sign) for sign in self._end())

    def _act(self, action: Action) -> Iterator[str]:
        name = _name(action)
        place = next(
            (m.head for relation, m in action.links if relation in ("in", "from", "on") and m.head),
            "",
        )
        if action.verb == "go" or action.word in ("find", "locate", "approach"):
            self.seen |= {name, *(m.head for _, m in action.links)} - {""}
            return
        acts = {
            "take": self._take,
            "put": self._put,
            "open": self._open,
            "close": self._close,
            "turn_on": self._on,
            "turn_off": self._off,
            "cut": self._cut,
            "give": self._give,
        }
        if action.verb in acts:
            yield from acts[action.verb](name, place)

    def _take(self, name: str, place: str) -> Iterator[str]:
        if self.held:
            yield "takes with a full hand"
        if self._shut(place):
            yield "reaches into what is shut"
        if self.finds and not {name, place} & self.seen:
            yield "takes what it did not go to"
        self.held = name
        self.handled.add(name)

    def _put(self, name: str, place: str) -> Iterator[str]:
        target = place or name
        if not self.held or (place and name and name != self.held):
            yield "puts what it does not hold"
        if self._shut(target):
            yield "reaches into what is shut"
        yield from self._away(target)
        self.filled[target] += 1
        self.handled.add(target)
        self.held = None

    def _give(self, name: str, place: str) -> Iterator[str]:
        if self.held is None:
            yield "puts what it does not hold"
        self.handled.add(name)
        self.held = None

    def _open(self, name: str, place: str) -> Iterator[str]:
        if name in self.open:
            yield "says a step twice"
        yield from self._away(name)
        if name in self.on:
            yield "opens what is running"
        self.open.append(name)

    def _close(self, name: str, place: str) -> Iterator[str]:
        if name not in self.open:
            yield "undoes what was not done"
        else:
            self.open.remove(name)

    def _on(self, name: str, place: str) -> Iterator[str]:
        if name in self.on:
            yield "says a step twice"
        if CLOSED.search(name) and not self.filled[name]:
            yield "switches on what is empty"
        yield from self._away(name)
        self.on.append(name)
        self.handled.add(name)

    def _off(self, name: str, place: str) -> Iterator[str]:
        if name not in self.on:
            yield "undoes what was not done"
        else:
            self.on.remove(name)

    def _cut(self, name: str, place: str) -> Iterator[str]:
        self.handled.add(name)
        if not self.held or not kinds_of(self.held) & {"knife", "sharp"}:
            yield "cuts without a blade"

    def _away(self, name: str) -> Iterator[str]:
        if self.finds and name and name not in self.seen:
            yield "acts where it did not go to"

    def _shut(self, name: str) -> bool:
        return bool(name and CLOSED.search(name) and name not in self.open)

    def _end(self) -> Iterator[str]:
        if self.held:
            yield "ends with a full hand"
        yield from ("leaves something open" for _ in self.open)
        yield from ("leaves something on" for name in self.on if "lamp" not in name)
        asked = {singular(word) for word in name_words(self.instruction).split()}
        wanted = {head for head in _objects(self.instruction) if kinds_of(head)}
        said = {singular(word) for step in self.steps for word in name_words(step).split()}
        lacking = (head for head in wanted if not set(head.split()) & said)
        yield from ("never touches what the task names" for _ in lacking)
        known = self.handled - {""}
        tools = {
            name
            for name in known
            if kinds_of(name) & {"knife", "heat", "fridge", "sink", "tap", "surface", "machine"}
        }
        yield from (
            "handles what the task does not name"
            for name in known - tools
            if not asked & set(name.split())
        )


def _objects(instruction: str) -> set[str]:
    """Return what an instruction names as object or place, not what it is for."""
    found = set()
    for action in actions_in(instruction, 0):
        mentions = [
            action.what,
            *(mention for relation, mention in action.links if relation != "for"),
        ]
        found |= {mention.head for mention in mentions if mention and mention.head}
    return found


def _name(action: Action) -> str:
    return action.what.head if action.what else ""
