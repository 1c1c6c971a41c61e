"""From a request to the record, experts and chance beside it."""

import pytest

from daneel.envs.suites import load_suite
from daneel.evaluation.suites import rates, reference, score, workers
from daneel.evaluation.suites.runner import Request
from daneel.evaluation.suites.workers import Local

pytest.importorskip("panda_gym", reason="the extra 'suites' is not installed")

REACH = "panda-reach"


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Workers in this process, and a file of references of the test's own."""
    monkeypatch.setitem(workers.ENGINES, "processes", Local)
    monkeypatch.setattr(reference, "FILE", tmp_path / "reference.json")
    return reference.FILE


def request(policy: str, **settings) -> Request:
    """An evaluation of two episodes of one cheap skill."""
    return Request(**{"suite": "panda", "policy": policy, "episodes": 2, "workers": 1} | settings)


def test_a_part_of_a_suite_is_not_called_the_suite(kept) -> None:
    """The record names how much of it was scored."""
    record = score(request("random", tasks=(REACH,)))
    count = len(load_suite("panda").skills)
    assert record.suite == f"panda (1 of {count} tasks)"
    assert [found.skill for found in record.skills] == [REACH]
    assert record.reference == {}


def test_recorded_references_stand_beside_later_scores(kept) -> None:
    """What experts reached once is in the record of whoever is scored next."""
    for who in ("random", "expert"):
        reference.keep(who, score(request(who, tasks=(REACH,))))
    assert kept.is_file()
    record = score(request("random", tasks=(REACH,)))
    assert record.reference["expert"] == {REACH: 1.0}
    assert record.reference["random"] == rates(record)
