"""Curves: reading, smoothing, aligning runs of unequal length, summarising."""

import json
from pathlib import Path

import numpy as np
import pytest

from daneel.errors import RunFolderError
from daneel.evaluation import curves
from daneel.evaluation.curves import Series


def curve(steps: list[float], values: list[float]) -> Series:
    """A series of plain lists."""
    return Series(np.array(steps, float), np.array(values, float))


def test_metrics_of_a_key_are_picked_in_order(tmp_path: Path) -> None:
    """Records of other things in between do not matter."""
    records = [{"step": 2, "a": 1.0}, {"step": 3, "b": [1]}, {"step": 1, "a": 5}, {"step": 4}]
    (tmp_path / curves.METRICS).write_text("".join(json.dumps(r) + "\n" for r in records))
    found = curves.series(curves.load_metrics(tmp_path), "a")
    assert found.steps.tolist() == [1, 2] and found.values.tolist() == [5, 1]
    assert len(curves.series([], "a")) == 0


def test_a_folder_without_metrics_is_no_run(tmp_path: Path) -> None:
    """And the message says what to type."""
    with pytest.raises(RunFolderError, match=r"no metrics\.jsonl.*Type `ls runs`"):
        curves.load_metrics(tmp_path)


def test_smoothing_by_hand() -> None:
    """A window of three; the ends keep their own values."""
    smoothed = curves.smooth(curve([1, 2, 3, 4], [0, 3, 6, 0]), window=3)
    assert smoothed.values.tolist() == pytest.approx([0, 3, 3, 0])
    few = curve([1, 2], [5, 7])
    assert curves.smooth(few).values.tolist() == [5, 7]


def test_thinning_keeps_the_mean() -> None:
    """Fewer points, none of them lost."""
    thin = curves.thin(curve(list(range(1000)), list(range(1000))), points=10)
    assert len(thin) == 10 and thin.values.mean() == pytest.approx(499.5)


def test_runs_evaluated_alike_keep_their_steps() -> None:
    """A shorter run has no say beyond its end."""
    grid, values = curves.align([curve([10, 20, 30], [1, 2, 3]), curve([10, 20], [5, 6])])
    assert grid.tolist() == [10, 20, 30]
    np.testing.assert_array_equal(values, [[1, 2, 3], [5, 6, np.nan]])


def test_runs_of_different_steps_are_interpolated_within_their_range() -> None:
    """Never beyond it, on either side."""
    grid, values = curves.align([curve([0, 10], [0, 10]), curve([4, 8], [1, 1])], points=6)
    assert grid.tolist() == [0, 2, 4, 6, 8, 10]
    np.testing.assert_allclose(values[0], [0, 2, 4, 6, 8, 10])
    np.testing.assert_array_equal(values[1], [np.nan, np.nan, 1, 1, 1, np.nan])


def test_summary_counts_runs_and_withholds_intervals() -> None:
    """Three runs have an interval, the two that go further do not."""
    runs = [curve([1, 2], [0, 10]), curve([1, 2], [3, 20]), curve([1], [6])]
    found = curves.summarise(runs, np.random.default_rng(0))
    assert found.count.tolist() == [3, 2]
    assert found.middle.tolist() == [3, 15]
    assert found.low[0] == 0 and found.high[0] == 6
    assert np.isnan(found.low[1]) and np.isnan(found.high[1])


def test_summary_over_tasks_is_stratified() -> None:
    """Tasks at fixed, different levels: no spread, and the IQM of their levels."""
    tasks = [[curve([0, 10], [level, level])] * 3 for level in (0.0, 1.0)]
    found = curves.summarise_tasks(tasks, np.random.default_rng(0), points=3)
    assert found.middle.tolist() == [0.5] * 3
    assert found.low.tolist() == found.high.tolist() == [0.5] * 3


def test_summary_over_tasks_needs_the_same_seeds_everywhere() -> None:
    """Otherwise strata would have different weights."""
    one = curve([0, 1], [0, 0])
    with pytest.raises(ValueError, match=r"\[1, 2\] runs"):
        curves.summarise_tasks([[one], [one, one]], np.random.default_rng(0))


def test_first_reach() -> None:
    """The first point at or above, never one in between."""
    rising = curve([10, 20, 30], [1, 5, 9])
    assert curves.first_reach(rising, 5) == 20
    assert curves.first_reach(rising, 10) is None


def test_few_seeds_are_said() -> None:
    """Under three there is no interval."""
    assert curves.too_few(3) is None
    assert "1 seed: too few" in (curves.too_few(1) or "")
