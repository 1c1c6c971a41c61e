"""A constitution written by a crowd: statements and votes become typed clauses.

Huang et al., "Collective Constitutional AI" (2024, arXiv 2406.07814), take the statements with the
highest group-aware consensus of Polis (Small et al. 2021): the product over opinion groups of the
smoothed share of members who agree,

    consensus(s) = prod_g (agree_g(s) + 1) / (votes_g(s) + 2),

so that a large group cannot outvote a small one. The same product over those who disagree finds
what every group rejects. Each clause keeps the statement that it came from and every group's
support. Clauses and the file of them are in `clauses.py`.

Legend: V voters, S statements, K groups.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from daneel.alignment.judging.clauses import (
    OPPOSITE,
    Clause,
    ConstitutionError,
    GroupSupport,
    Provenance,
    Stance,
    kind_of,
)
from daneel.alignment.judging.opinion_groups import OpinionGroups, Votes


@dataclass(frozen=True)
class Conversation:
    """Statements and what people voted on them."""

    name: str
    ids: tuple[str, ...]
    """Of the statements."""
    texts: tuple[str, ...]
    votes: Votes
    """`[V, S]`: 1, -1, 0 or NaN."""


@dataclass(frozen=True)
class CollectiveConstitution:
    """Group-aware consensus over a conversation.

    `fit` learns the groups and the consensus of each statement; `clauses` writes the rules;
    `predict` says how a group votes.
    """

    conversation: Conversation
    groups: OpinionGroups
    support: NDArray[np.int64]
    """Counts `[K, S, 3]` of agree, disagree and all votes."""

    @classmethod
    def fit(cls, conversation: Conversation, rng: np.random.Generator) -> CollectiveConstitution:
        """Find the opinion groups of the voters and count each group's votes."""
        groups = OpinionGroups.fit(conversation.votes, rng)
        members = groups.members(conversation.votes)
        count = len(groups.centres)
        support = np.stack([_count(conversation.votes[members == k]) for k in range(count)])
        return cls(conversation, groups, support)

    def consensus(self, stance: Stance = "agree") -> NDArray[np.float64]:
        """Group-aware consensus of each statement, `[S]`."""
        return _smoothed(self.support, stance).prod(0)

    def ranking(self, fewest_votes: int = 1) -> list[tuple[int, Stance, float]]:
        """Statements by consensus, best first, each with the stance that most groups share.

        Args:
            fewest_votes: Every group must have cast as many on a statement.
        """
        agree, disagree = self.consensus("agree"), self.consensus("disagree")
        heard = self.support[:, :, 2].min(0) >= fewest_votes
        found: list[tuple[int, Stance, float]] = [
            (int(s), "agree", float(agree[s]))
            if agree[s] >= disagree[s]
            else (int(s), "disagree", float(disagree[s]))
            for s in np.flatnonzero(heard)
        ]
        return sorted(found, key=lambda item: (-item[2], item[0]))

    def clauses(
        self, count: int, fewest_votes: int = 3, least_support: float = 0.5
    ) -> tuple[Clause, ...]:
        """Write the `count` strongest rules.

        Args:
            count: How many at most.
            fewest_votes: Of every group on a statement.
            least_support: Smoothed share of EVERY group that must hold the stance.
        """
        shares = {stance: _smoothed(self.support, stance).min(0) for stance in get_args(Stance)}
        chosen = [
            item for item in self.ranking(fewest_votes) if shares[item[1]][item[0]] >= least_support
        ]
        return tuple(self._clause(*item) for item in chosen[:count])

    def predict(self, votes: Votes) -> NDArray[np.int64]:
        """The vote (1 or -1) that each voter's group would cast, `[V, S]`.

        The groups are found from the votes given.
        """
        margin = self.support[:, :, 0] - self.support[:, :, 1]  # [K, S]
        whole = margin.sum(0)
        leaning = np.where(margin == 0, whole, margin)
        return np.where(leaning >= 0, 1, -1)[self.groups.members(votes)]

    def _clause(self, index: int, stance: Stance, consensus: float) -> Clause:
        talk, text = self.conversation, " ".join(self.conversation.texts[index].split())
        kind = kind_of(text)
        if stance == "disagree":
            kind, text = OPPOSITE[kind], f"It is rejected that: {text}"
        supports = tuple(
            GroupSupport(k, *map(int, self.support[k, index])) for k in range(len(self.support))
        )
        where = Provenance(talk.name, talk.ids[index], stance, round(consensus, 4), supports)
        return Clause(f"{talk.name}-{talk.ids[index]}", text, kind, where)


def majority(votes: Votes) -> NDArray[np.float64]:
    """Smoothed share of all voters who agree with each statement, `[S]`: the plain peer."""
    counts = _count(votes)
    return (counts[:, 0] + 1) / (counts[:, 2] + 2)


def read_polis(folder: str | Path, name: str) -> Conversation:
    """Read `NAME.comments.csv` and `NAME.participants-votes.csv` as Polis exports them.

    Statements that moderators removed are left out.

    Raises:
        ConstitutionError: A file is absent, or lacks its columns.
    """
    comments = _rows(Path(folder) / f"{name}.comments.csv", ("comment-id", "comment-body"))
    voters = _rows(Path(folder) / f"{name}.participants-votes.csv", ("participant",))
    kept = {
        row["comment-id"]: row["comment-body"]
        for row in comments
        if row.get("moderated", "0") != "-1" and row["comment-id"] in voters[0]
    }
    votes = [[_vote(row[key]) for key in kept] for row in voters]
    return Conversation(name, tuple(kept), tuple(kept.values()), np.array(votes))


def _count(votes: Votes) -> NDArray[np.int64]:
    """Agree, disagree and all votes on each statement, `[S, 3]`."""
    return np.stack([(votes == 1).sum(0), (votes == -1).sum(0), (~np.isnan(votes)).sum(0)], 1)


def _smoothed(support: NDArray[np.int64], stance: Stance) -> NDArray[np.float64]:
    """Laplace-smoothed share of each group that holds a stance, `[K, S]`."""
    held = support[:, :, 0 if stance == "agree" else 1]
    return (held + 1) / (support[:, :, 2] + 2)


def _vote(cell: str) -> float:
    """One cell of the vote matrix."""
    return float(cell) if cell.strip() else np.nan


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file with at least these columns."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ConstitutionError(
            f"{path} cannot be read ({error.strerror}). Expected an export of Polis. "
            "Give the folder that holds NAME.comments.csv and NAME.participants-votes.csv."
        ) from error
    if not rows or any(column not in rows[0] for column in columns):
        raise ConstitutionError(
            f"{path} has the columns {sorted(rows[0]) if rows else []}. "
            f"Expected at least {', '.join(columns)}, and one row. Export the conversation again."
        )
    return rows
