"""Generated requests: harmful ones, and harmless ones made of the same words.

`configs/judging/chat.yaml` holds verb phrases and whole requests by family ("violence", "cyber"),
each with slots ("kill {process}" beside "kill {person}"). `lexicon.yaml` holds hazards by kind and
what people ask about them: the intent makes the harm, not the word ("make a bomb", "report a
bomb"). Every phrase, and every hazard with its intents, is a template: examples of one template
never stand on both sides of a split (`folds`).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import numpy as np
import yaml

SLOT = re.compile(r"\{(\w+)\}")
PHRASES = ("chat.yaml", "kinds.yaml", "household.yaml")
"""Files of phrases by family; the first also holds the frames."""
LEXICAL = 3
"""Requests drawn of a hazard for each of its lists of intents."""
WRAPPED = 0.5
"""Share of templates of which one more request is drawn, wrapped into what people say around it."""
FRAMED = 0.5
"""Share of verb phrases asked as a question; the rest are requests."""


@dataclass(frozen=True)
class Example:
    """One labelled request."""

    text: str
    """What is asked."""
    harmful: bool
    """Whether a careful agent refuses it."""
    clause: str
    """Id of the clause that a harmful one breaks; of its neighbours, for a harmless one."""
    source: str
    """Data set or family of the grammar that it comes from."""
    template: str
    """What it was generated from; its own text when nobody generated it."""


@dataclass(frozen=True)
class Template:
    """A phrase with slots, and how it becomes a request."""

    phrase: str
    harmful: bool
    framed: bool
    """Whether it is a verb phrase that needs a frame."""
    clause: str
    family: str
    choices: tuple[str, ...] = ()
    """Phrases to choose from, where there is more than the one that names the template."""


@dataclass(frozen=True)
class Grammar:
    """Templates, frames and the words for slots."""

    templates: tuple[Template, ...]
    questions: tuple[str, ...]
    requests: tuple[str, ...]
    slots: Mapping[str, tuple[str, ...]]
    neutral: tuple[str, ...]
    """Words that people put around a request."""
    before: tuple[str, ...]
    """What a wrapper says before a request."""
    after: tuple[str, ...]
    """What it says after one."""

    def expand(self, template: Template, rng: np.random.Generator) -> Example:
        """Draw one request of a template."""
        phrase = self.fill(_pick(template.choices or (template.phrase,), rng), rng)
        if template.framed:
            frames = self.questions if rng.random() < FRAMED else self.requests
            phrase = _pick(frames, rng).replace("{act}", phrase)
        text = _surface(" ".join(phrase.split()), rng)
        return Example(text, template.harmful, template.clause, template.family, template.phrase)

    def wrap(self, example: Example, rng: np.random.Generator) -> Example:
        """The same request among other sentences."""
        before = [self.fill(_pick(self.before, rng), rng) for _ in range(int(rng.integers(1, 3)))]
        after = [_pick(self.after, rng)] if rng.random() < 0.5 else []
        text = example.text if example.text[-1:] in ".?!" else f"{example.text}."
        return replace(example, text=" ".join([*before, text, *after]))

    def fill(self, phrase: str, rng: np.random.Generator) -> str:
        """Put drawn words into every slot, slots in them too."""
        while found := SLOT.search(phrase):
            word = _pick(self.slots[found[1]], rng)
            phrase = phrase[: found.start()] + word + phrase[found.end() :]
        return re.sub(r"\s+([.?!,])", r"\1", phrase)


def load_grammar() -> Grammar:
    """Read the grammar that is shipped with the package."""
    files, hazards = [_read(name) for name in PHRASES], _read("lexicon.yaml")
    templates = [
        template
        for given in files
        for family, content in given["families"].items()
        for template in _templates(family, content)
    ]
    templates += [item for kind, content in hazards.items() for item in _hazards(kind, content)]
    wrappers = next(given["wrappers"] for given in files if "wrappers" in given)
    slots = {
        name: tuple(map(str, each)) for given in files for name, each in given["slots"].items()
    }
    return Grammar(
        templates=tuple(templates),
        questions=tuple(files[0]["frames"]["question"]),
        requests=tuple(files[0]["frames"]["request"]),
        slots=slots,
        neutral=tuple(files[0]["neutral"]),
        before=tuple(wrappers["before"]),
        after=tuple(wrappers["after"]),
    )


def generate(grammar: Grammar, each: int, rng: np.random.Generator) -> list[Example]:
    """Draw `each` requests of every phrase, `LEXICAL` of every hazard's, without repetitions.

    What a template gives does not depend on which others there are: each has a generator of its
    own, so a grammar that grows keeps the requests it had.
    """
    seed = int(rng.integers(1 << 32))
    drawn = (example for item in grammar.templates for example in _drawn(grammar, item, each, seed))
    return list({example.text: example for example in drawn}.values())


def folds(groups: Sequence[str], count: int, rng: np.random.Generator) -> np.ndarray:
    """Number of the fold `[N]` of each example; equal groups share a fold."""
    names = sorted(set(groups))
    of = dict(zip(names, rng.permutation(len(names)) % count, strict=True))
    return np.array([of[group] for group in groups])


def _templates(family: str, content: Mapping[str, Any]) -> list[Template]:
    """Return the templates of one family."""
    kinds = ("acts_harmful", "acts_harmless", "texts_harmful", "texts_harmless")
    return [
        Template(
            phrase, kind.endswith("harmful"), kind.startswith("acts"), content["clause"], family
        )
        for kind in kinds
        for phrase in content[kind]
    ]


def _hazards(kind: str, content: Mapping[str, Any]) -> list[Template]:
    """Return the templates of the hazards of one kind, and of what is only like them."""
    found = []
    for things, ending in (("things", "harmful"), ("things", "harmless"), ("like", "like")):
        for thing in content[things]:
            for form in ("acts", "texts"):
                choices = (phrase.replace("{x}", thing) for phrase in content[f"{form}_{ending}"])
                found.append(
                    Template(
                        phrase=f"{kind}: {thing}",
                        harmful=ending == "harmful",
                        framed=form == "acts",
                        clause=content["clause"],
                        family=kind,
                        choices=tuple(choices),
                    )
                )
    return found


def _drawn(grammar: Grammar, template: Template, each: int, seed: int) -> Iterator[Example]:
    """Requests of one template."""
    rng = np.random.default_rng((seed, _number(template)))
    for _ in range(min(each, LEXICAL) if template.choices else each):
        yield grammar.expand(template, rng)
    if rng.random() < WRAPPED:
        yield grammar.wrap(grammar.expand(template, rng), rng)


def _number(template: Template) -> int:
    """A number that names a template, the same in every process."""
    named = "\n".join((template.family, template.phrase, *template.choices))
    return zlib.crc32(f"{named}\n{template.harmful}{template.framed}".encode())


def _read(name: str) -> dict[str, Any]:
    """A file of the grammar."""
    path = resources.files("daneel") / "configs" / "judging" / name
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _pick(words: Sequence[str], rng: np.random.Generator) -> str:
    """Draw one of some words."""
    return words[int(rng.integers(len(words)))]


def _surface(text: str, rng: np.random.Generator) -> str:
    """Sometimes drop the capital or the last mark, as people do when they type."""
    text = text[:1].upper() + text[1:] if rng.random() < 0.7 else text
    return text if rng.random() < 0.7 else text.rstrip(".?!")
