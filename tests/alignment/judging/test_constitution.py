"""A crowd's votes become clauses that every group supports, with their provenance."""

from pathlib import Path

import numpy as np
import pytest

from daneel.alignment.judging.clauses import (
    Clause,
    ConstitutionError,
    kind_of,
    load_constitution,
    save_constitution,
)
from daneel.alignment.judging.constitution import (
    CollectiveConstitution,
    Conversation,
    majority,
    read_polis,
)
from daneel.alignment.judging.opinion_groups import OpinionGroups, silhouette

TEXTS = (
    "Robots should ask before they enter a room.",
    "Robots must never carry weapons.",
    "Robots may use the lift.",
    "Robots are fun.",
    "Robots should watch the children.",
)


def conversation(rng: np.random.Generator) -> Conversation:
    """Two camps of 60 and 20, each text four times.

    Both like texts 0 and 1, the large camp text 2, the small one text 3, neither text 4.
    """
    camps = [(60, (0.95, 0.95, 0.95, 0.05, 0.05)), (20, (0.95, 0.9, 0.05, 0.95, 0.05))]
    rows = [np.where(rng.random((n, 20)) < np.tile(likes, 4), 1.0, -1.0) for n, likes in camps]
    votes = np.concatenate(rows)
    votes[rng.random(votes.shape) < 0.05] = np.nan
    return Conversation("robots", tuple("abcdefghijklmnopqrst"), TEXTS * 4, votes)


def test_planted_groups_are_found():
    """Two camps are two groups, and a voter is placed by few votes."""
    talk = conversation(np.random.default_rng(0))
    groups = OpinionGroups.fit(talk.votes, np.random.default_rng(0))
    members = groups.members(talk.votes)
    assert len(groups.centres) == 2
    assert np.mean(members[:60] == members[0]) > 0.95
    assert np.mean(members[60:] != members[0]) > 0.95
    few = np.full((1, 20), np.nan)
    few[0, 2:4] = (-1, 1)
    assert groups.members(few)[0] != members[0]


def test_one_group_where_all_agree():
    """A crowd of one opinion is not split."""
    votes = np.ones((20, 4))
    assert len(OpinionGroups.fit(votes, np.random.default_rng(0)).centres) == 1


def test_silhouette_by_hand():
    """Two pairs at distance 1, 10 apart: (b - a) / b with a = 1 and b the mean to the others."""
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    expected = np.mean([1 - 1 / 10.5, 1 - 1 / 9.5, 1 - 1 / 9.5, 1 - 1 / 10.5])
    assert silhouette(points, np.array([0, 0, 1, 1])) == pytest.approx(expected)


def test_consensus_is_the_product_over_groups():
    """The figure of each clause can be computed from the counts in its provenance."""
    found = CollectiveConstitution.fit(
        conversation(np.random.default_rng(0)), np.random.default_rng(0)
    )
    clauses = found.clauses(20)
    assert {clause.id.removeprefix("robots-") for clause in clauses} == set("abefgjklopqt")
    for clause in clauses:
        where = clause.provenance
        held = [g.agree if where.stance == "agree" else g.disagree for g in where.groups]
        parts = [(h + 1) / (g.votes + 2) for h, g in zip(held, where.groups, strict=True)]
        assert where.consensus == pytest.approx(np.prod(parts), abs=1e-4)


def test_a_majority_does_not_outvote_a_group():
    """Three quarters like statement c, but one group rejects it: it is no clause."""
    talk = conversation(np.random.default_rng(0))
    assert majority(talk.votes)[2] > 0.6
    found = CollectiveConstitution.fit(talk, np.random.default_rng(0))
    assert "robots-c" not in {clause.id for clause in found.clauses(20)}


def test_kinds_and_rejected_statements():
    """Modal verbs give the kind; a rejected demand becomes a permission."""
    assert kind_of(TEXTS[0]) == "requirement"
    assert kind_of(TEXTS[1]) == "prohibition"
    assert kind_of(TEXTS[2]) == "permission"
    assert kind_of(TEXTS[3]) == "belief"
    talk = conversation(np.random.default_rng(0))
    found = CollectiveConstitution.fit(talk, np.random.default_rng(0)).clauses(20)
    rejected = next(clause for clause in found if clause.id == "robots-e")
    assert rejected.kind == "permission"
    assert rejected.provenance.stance == "disagree"
    assert rejected.text.startswith("It is rejected that")


def test_groups_predict_better_than_the_majority():
    """New voters of the small camp vote as their group does."""
    found = CollectiveConstitution.fit(
        conversation(np.random.default_rng(0)), np.random.default_rng(0)
    )
    fresh = conversation(np.random.default_rng(1)).votes[60:]
    shown = fresh.copy()
    shown[:, 2::5] = np.nan
    hidden = np.isnan(shown) & ~np.isnan(fresh)
    right = found.predict(shown)[hidden] == fresh[hidden]
    assert right.mean() > 0.8  # the majority's guess is right for one in twenty


def test_clauses_are_saved_and_read_again(tmp_path: Path):
    """YAML keeps every field."""
    found = CollectiveConstitution.fit(
        conversation(np.random.default_rng(0)), np.random.default_rng(0)
    )
    save_constitution(tmp_path / "c.yaml", found.clauses(3))
    assert load_constitution(tmp_path / "c.yaml") == found.clauses(3)


def test_the_shipped_constitution():
    """Its ids are unique and every clause says who wrote it."""
    clauses = load_constitution()
    assert len({clause.id for clause in clauses}) == len(clauses) >= 10
    assert all(isinstance(c, Clause) and c.provenance.source == "shipped" for c in clauses)


def test_polis_files(tmp_path: Path):
    """Moderated statements go, empty cells are unseen."""
    (tmp_path / "t.comments.csv").write_text(
        "comment-id,moderated,comment-body\n1,1,yes\n2,-1,removed\n3,0,no\n"
    )
    (tmp_path / "t.participants-votes.csv").write_text("participant,1,2,3\n0,1,1,\n1,-1,1,0\n")
    talk = read_polis(tmp_path, "t")
    assert talk.ids == ("1", "3")
    np.testing.assert_array_equal(talk.votes, [[1, np.nan], [-1, 0]])


def test_bad_files(tmp_path: Path):
    """The message names the file and what it lacks."""
    with pytest.raises(ConstitutionError, match="cannot be read"):
        read_polis(tmp_path, "absent")
    (tmp_path / "t.comments.csv").write_text("id\n1\n")
    with pytest.raises(ConstitutionError, match=r"\['id'\]"):
        read_polis(tmp_path, "t")
    for text in ("clauses: 3", "[", "clauses: [{id: a}]"):
        (tmp_path / "c.yaml").write_text(text)
        with pytest.raises(ConstitutionError, match="no constitution"):
            load_constitution(tmp_path / "c.yaml")
    one = "{id: a, text: t, kind: belief, provenance: {source: me}}"
    (tmp_path / "c.yaml").write_text(f"clauses: [{one}, {one}]")
    with pytest.raises(ConstitutionError, match="two clauses 'a'"):
        load_constitution(tmp_path / "c.yaml")
