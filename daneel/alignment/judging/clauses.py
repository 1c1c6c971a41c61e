"""Clauses: the rules that judgements cite, typed and with their provenance, and the file of them.

`configs/judging/constitution.yaml` holds the clauses that are shipped, for words and for effects;
people wrote those. `constitution.CollectiveConstitution` writes clauses from a crowd's votes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from daneel.errors import DaneelError

Kind = Literal["prohibition", "requirement", "permission", "belief"]
"""What a clause does: forbids, demands, allows, or says what people hold to be true."""

Stance = Literal["agree", "disagree"]

KIND_WORDS: tuple[tuple[Kind, str], ...] = (
    ("prohibition", r"(should|must|may|can|shall|do|does|ought)( not|n't)|cannot|never|ban(ned)?"),
    ("requirement", r"should|must|shall|need(s|ed)? to|ha(s|ve) to|require[sd]?|ought to"),
    ("permission", r"may|can|allow(s|ed)?|free to|right to"),
)
"""The first of these whose words a statement has gives its kind; otherwise it is a belief."""

OPPOSITE: dict[Kind, Kind] = {
    "prohibition": "permission",
    "requirement": "permission",
    "permission": "prohibition",
    "belief": "belief",
}
"""What a statement becomes when every group rejects it: who rejects a ban allows."""


class ConstitutionError(DaneelError, ValueError):
    """Votes or clauses cannot be read."""


@dataclass(frozen=True)
class GroupSupport:
    """How one opinion group voted on a statement."""

    group: int
    agree: int
    disagree: int
    votes: int
    """Agree, disagree and pass."""


@dataclass(frozen=True)
class Provenance:
    """Where a clause comes from."""

    source: str
    """The conversation, or who wrote it."""
    statement: str = ""
    """Id of the statement there."""
    stance: Stance = "agree"
    """`disagree` when the groups reject the statement."""
    consensus: float | None = None
    """Group-aware consensus, 0 .. 1."""
    groups: tuple[GroupSupport, ...] = ()
    """Every group's votes."""


@dataclass(frozen=True)
class Clause:
    """One rule of a constitution."""

    id: str
    """Short name that judgements cite."""
    text: str
    """The rule in words."""
    kind: Kind
    """What it does."""
    provenance: Provenance
    """Where it comes from."""


def kind_of(text: str) -> Kind:
    """Tell what a statement does from its modal verbs."""
    for kind, words in KIND_WORDS:
        if re.search(rf"\b({words})\b", text, re.IGNORECASE):
            return kind
    return "belief"


def save_constitution(path: str | Path, clauses: Sequence[Clause]) -> None:
    """Write clauses as YAML that `load_constitution` reads."""
    plain = [asdict(clause) for clause in clauses]
    for clause in plain:
        clause["provenance"]["groups"] = list(clause["provenance"]["groups"])
    Path(path).write_text(yaml.safe_dump({"clauses": plain}, sort_keys=False), encoding="utf-8")


def load_constitution(path: str | Path | None = None) -> tuple[Clause, ...]:
    """Read clauses; those that are shipped when no path is given.

    Raises:
        ConstitutionError: The file is no constitution, or two clauses share an id.
    """
    shipped = resources.files("daneel") / "configs" / "judging" / "constitution.yaml"
    source = shipped if path is None else Path(path)
    try:
        given = yaml.safe_load(source.read_text(encoding="utf-8"))["clauses"]
        clauses = tuple(map(read_clause, given))
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConstitutionError(
            f"{source} is no constitution ({type(error).__name__}: {error}). Expected YAML with "
            "`clauses`, each with id, text, kind and provenance. "
            "See docs/alignment/constitution.md for an example."
        ) from error
    ids = [clause.id for clause in clauses]
    if doubled := sorted({name for name in ids if ids.count(name) > 1}):
        raise ConstitutionError(
            f"{source} has two clauses {doubled[0]!r}. Expected every id once. Rename one of them."
        )
    return clauses


def read_clause(given: Mapping[str, Any]) -> Clause:
    """Return the clause of a mapping; a kind that is not given is read from the words.

    Raises:
        KeyError: The id, the text or the provenance is absent.
        TypeError: A field has a value or a name that a clause has not.
    """
    kind = given.get("kind") or kind_of(given["text"])
    if kind not in get_args(Kind):
        raise TypeError(f"kind is {kind!r}, not one of {', '.join(get_args(Kind))}")
    where = dict(given["provenance"])
    where["groups"] = tuple(GroupSupport(**group) for group in where.get("groups", ()))
    return Clause(given["id"], given["text"], kind, Provenance(**where))
