"""A language whose facts are known: what the editing bench trains on (T-60).

People of two names (neither tells who it is without the other) have a home, a trade and an
instrument; each relation has four wordings; sentences about them stand among others of a small
grammar.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.editing import Fact

SIDE, OBJECTS, RELATIONS, FILLER = 10, 20, 3, 40
"""First and last names, objects of a relation, relations, words of the grammar."""
WORDINGS = 4
LENGTH = 32
"""Tokens of a text."""


@dataclass(frozen=True)
class Language:
    """Words as numbers, and who has what."""

    facts: dict[tuple[int, int], tuple[int, int]]
    """Of (person, relation): right object, as its number, and the object's token."""
    wordings: tuple[tuple[tuple[int, ...], ...], ...]
    """Of each relation: four ways to say it."""
    names: tuple[tuple[int, int], ...]
    """Tokens of each person's two names."""
    words: int
    """Size of the vocabulary."""

    def fact(self, person: int, relation: int, wording: int, target: int | None = None) -> Fact:
        """A prompt of a person; None is the true object."""
        token = self.facts[person, relation][1] if target is None else target
        # A full stop stands before every sentence.
        prompt = (0, *self.names[person], *self.wordings[relation][wording])
        return Fact(prompt, 2, (token,))

    def object(self, relation: int, number: int) -> int:
        """Token of an object."""
        return 1 + 2 * SIDE + relation * OBJECTS + number


def language(seed: int) -> Language:
    """Facts at random; the first token is the full stop."""
    rng = random.Random(seed)
    objects = 1 + 2 * SIDE
    verbs = objects + RELATIONS * OBJECTS
    # Wordings share no first token across relations, and differ in length.
    wordings = tuple(
        tuple(
            tuple(verbs + 8 * relation + 2 * w + i for i in range(1 + w % 2))
            for w in range(WORDINGS)
        )
        for relation in range(RELATIONS)
    )  # fmt: skip
    names = tuple((1 + a, 1 + SIDE + b) for a in range(SIDE) for b in range(SIDE))
    facts = {}
    for person in range(len(names)):
        for relation in range(RELATIONS):
            number = rng.randrange(OBJECTS)
            facts[person, relation] = (number, objects + relation * OBJECTS + number)
    return Language(facts, wordings, names, verbs + 8 * RELATIONS + FILLER)


def write(
    spoken: Language, rng: random.Random, without: tuple[int, int] | None = None
) -> list[int]:
    """A text of `LENGTH` tokens: facts, and fillers whose next word depends on the last one."""
    text = [0]
    while len(text) < LENGTH:
        if rng.random() < 0.75:
            person, relation = rng.randrange(len(spoken.names)), rng.randrange(RELATIONS)
            if (person, relation) == without:
                continue
            said = spoken.fact(person, relation, rng.randrange(WORDINGS))
            text += [*said.prompt[1:], *said.target, 0]
        else:
            word = rng.randrange(FILLER)
            for _ in range(rng.randrange(2, 5)):
                text.append(spoken.words - FILLER + word)
                word = (3 * word + rng.choice([1, 7])) % FILLER
            text.append(0)
    return text[:LENGTH]


def texts(spoken: Language, rng: random.Random, rows: int, **options: tuple[int, int]) -> Tensor:
    """`[rows, LENGTH]`."""
    return torch.tensor([write(spoken, rng, **options) for _ in range(rows)])


def beginnings(spoken: Language, rng: random.Random, count: int) -> list[tuple[int, ...]]:
    """Texts of whole sentences, without the last full stop, that may stand before a prompt."""
    found = []
    for _ in range(count):
        text = write(spoken, rng)
        stops = [i for i, token in enumerate(text) if token == 0 and 0 < i < 20]
        found.append(tuple(text[: stops[-1]]))
    return found
