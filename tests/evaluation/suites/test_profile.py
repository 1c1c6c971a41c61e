"""Performance profiles by hand and against rliable."""

from __future__ import annotations

import importlib
import sys
import types

import numpy as np
import pytest

from daneel.evaluation.suites import profile
from tests.evaluation.suites import made


@pytest.fixture
def rliable(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The library, without `arch`, of which its profiles need base classes to exist, no more."""
    pytest.importorskip("rliable.metrics")
    arch, bootstrap = types.ModuleType("arch"), types.ModuleType("arch.bootstrap")
    vars(arch)["bootstrap"] = bootstrap
    for base in ("IIDBootstrap", "IndependentSamplesBootstrap"):
        vars(bootstrap)[base] = object
    monkeypatch.setitem(sys.modules, "arch", arch)
    monkeypatch.setitem(sys.modules, "arch.bootstrap", bootstrap)
    monkeypatch.delitem(sys.modules, "rliable.library", raising=False)
    return importlib.import_module("rliable.library")


def test_shares_by_hand() -> None:
    """Four skills at 0, 50, 50 and 100 %."""
    shares = profile.shares([0.0, 0.5, 0.5, 1.0], np.array([0.0, 0.49, 0.5, 0.99, 1.0]))
    assert shares.tolist() == [0.75, 0.75, 0.25, 0.25, 0.0]


def test_a_share_is_not_above_itself() -> None:
    """Whatever the last digit of a threshold is: k of 10 against the hundredths."""
    rates = [count / 10 for count in range(11)]
    assert np.round(profile.shares(rates)[::10] * 11).tolist() == list(range(10, -1, -1))


def test_profile_equals_rliable(rliable: types.ModuleType) -> None:
    """Average-score distributions of the reference implementation."""
    scores = (np.random.default_rng(0).random((10, 30)) < 0.5).astype(float)
    taus = np.linspace(0.013, 0.987, 20)
    counts = scores.sum(axis=0).astype(int).tolist()
    ours = profile.profile(counts, [10] * 30, np.random.default_rng(0), taus)
    theirs = rliable.average_score_distributions(scores, taus)
    assert ours.share.tolist() == pytest.approx(theirs.tolist())


def test_band_equals_a_loop_over_rliable(rliable: types.ModuleType) -> None:
    """Runs redrawn for each task by a plain loop, profiles by rliable."""
    plain = np.random.default_rng(1)
    scores = (plain.random((8, 12)) < 0.5).astype(float)
    taus = np.array([0.2, 0.45, 0.7])
    draws = []
    for _ in range(1500):
        tasks = [scores[plain.integers(8, size=8), task] for task in range(12)]
        draws.append(rliable.average_score_distributions(np.stack(tasks, axis=1), taus))
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    counts = scores.sum(axis=0).astype(int).tolist()
    ours = profile.profile(counts, [8] * 12, np.random.default_rng(2), taus)
    # A share of 12 skills moves in steps of 0.083.
    assert ours.low.tolist() == pytest.approx(np.minimum(low, ours.share).tolist(), abs=0.09)
    assert ours.high.tolist() == pytest.approx(np.maximum(high, ours.share).tolist(), abs=0.09)


def test_band_holds_the_profile_and_falls() -> None:
    """At both ends too, where redrawing moves skills to one side only."""
    found = profile.profile([1, 1, 1, 9, 9, 10, 0], [10] * 7, np.random.default_rng(0))
    assert (found.low <= found.share).all() and (found.share <= found.high).all()
    assert (np.diff(found.share) <= 0).all() and (np.diff(found.low) <= 0).all()
    assert found.share[-1] == 0.0


def test_profile_of_a_record_leaves_out_what_was_not_run() -> None:
    """Three skills were scored: 100, 50 and 0 %."""
    found = profile.of_record(made.example())
    assert found is not None
    assert found.share[[0, 49, 50, 99]].tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 3, 1 / 3])
    assert profile.of_record(made.record(made.suite("push"), {})) is None


def test_no_rates_are_refused() -> None:
    """A share of nothing is no number."""
    with pytest.raises(ValueError, match="no success rates"):
        profile.shares([])
