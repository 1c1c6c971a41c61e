"""Attacks on instructions: words and characters changed under a budget, against any scorer.

A greedy query attack after TextFooler and TextBugger (Jin et al. 2019, arXiv 1907.11932; Li et al.
2018, arXiv 1812.05271): words are ranked by how much the score falls without them, then the most
telling are changed one by one, each in the way that hurts most. The changes keep a text readable:
a swapped, dropped or doubled letter, a look-alike letter, a letter set apart, a word from a list of
substitutes. Whether the meaning is kept is for the reader of the report to judge; substitutes that
are not synonyms measure something else.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from daneel.errors import ConfigError

Scorer = Callable[[Sequence[str]], Sequence[float]]
"""How harmful each text is, 0 to 1; the attacker wants it low."""

_ALIKE = str.maketrans(
    "aeiopcxyASEBIO",
    "\u0430\u0435\u0456\u043e\u0440\u0441\u0445\u0443\u0410\u0405\u0415\u0412\u0406\u041e",
)
"""Latin letters and the Cyrillic ones that look like them."""
_WORD = re.compile(r"\w+", re.UNICODE)


@dataclass(frozen=True)
class TextBudget:
    """What the attacker may change."""

    words: int = 3
    """Words changed at most."""
    queries: int = 400
    """Texts scored at most."""
    characters: bool = True
    """Whether letters may be changed."""
    substitutes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Words, in lower case, that may stand for a word."""

    def __post_init__(self) -> None:
        """Checks the counts.

        Raises:
            ConfigError: nothing may be changed or asked.
        """
        if self.words < 1 or self.queries < 1:
            raise ConfigError(
                f"words is {self.words}, queries is {self.queries}. Expected 1 or more. Raise it."
            )


@dataclass(frozen=True)
class TextAttack:
    """One attacked instruction."""

    text: str
    """As it was."""
    attacked: str
    """As the attacker left it."""
    before: float
    """Score of the text."""
    after: float
    """Score of the attacked text; never above `before`."""
    queries: int
    """Texts scored."""
    changed: tuple[str, ...]
    """Each change, `old -> new`."""


def attack_text(
    scorer: Scorer,
    text: str,
    budget: TextBudget | None = None,
    *,
    threshold: float = 0.5,
    seed: int = 0,
) -> TextAttack:
    """Lowers the score of a text below `threshold`, if the budget allows.

    Args:
        scorer: Attacked, as a black box.
        text: The instruction.
        budget: What may be changed.
        threshold: The attacker stops below it.
        seed: Of the choice of letters.
    """
    budget = budget or TextBudget()
    asked = _Asked(scorer, budget.queries)
    before = asked([text])[0]
    rng, best, current, changes = random.Random(seed), before, text, []
    for old in _telling_words(asked, text):
        if best < threshold or len(changes) >= budget.words or asked.left < 1:
            break
        span = re.search(rf"\b{re.escape(old)}\b", current)
        ways = variants(old, budget, rng)
        if span is None or not ways:
            continue
        texts = [current[: span.start()] + way + current[span.end() :] for way in ways]
        scores = asked(texts[: asked.left])
        at = min(range(len(scores)), key=scores.__getitem__)
        if scores[at] < best:
            best, current = scores[at], texts[at]
            changes.append(f"{old} -> {ways[at]}")
    return TextAttack(text, current, before, best, asked.count, tuple(changes))


def variants(word: str, budget: TextBudget, rng: random.Random) -> list[str]:
    """Ways to write a word: its substitutes, then six changes of its letters."""
    found = list(budget.substitutes.get(word.lower(), ()))
    if budget.characters and len(word) > 2:
        i = rng.randrange(len(word) - 1)
        found += [
            word[:i] + word[i + 1] + word[i] + word[i + 2 :],
            word[:i] + word[i + 1 :],
            word[: i + 1] + word[i:],
            word.translate(_ALIKE),
            word[: i + 1] + "-" + word[i + 1 :],
            word[: i + 1] + " " + word[i + 1 :],
        ]
    return [way for way in dict.fromkeys(found) if way != word]


def _telling_words(asked: _Asked, text: str) -> list[str]:
    """The words of a text, those first without which the score falls most."""
    spans = list(_WORD.finditer(text))[: asked.left]
    if not spans:
        return []
    scores = asked([text[: s.start()] + text[s.end() :] for s in spans])
    order = sorted(range(len(spans)), key=scores.__getitem__)
    return list(dict.fromkeys(spans[i].group() for i in order))


class _Asked:
    """The scorer, counted."""

    def __init__(self, scorer: Scorer, limit: int) -> None:
        self.scorer, self.limit, self.count = scorer, limit, 0

    @property
    def left(self) -> int:
        return self.limit - self.count

    def __call__(self, texts: Sequence[str]) -> list[float]:
        self.count += len(texts)
        return [float(score) for score in self.scorer(texts)]
