"""The scaling bench: its splits hold nothing back twice, its records say what was asked."""

from pathlib import Path

import numpy as np
import pytest

from daneel.backbones.scaling import Runs
from daneel.errors import DaneelError
from daneel.evaluation import datasets, evidence
from daneel.evaluation.bench import scaling


@pytest.fixture
def published() -> None:
    """Skips where the published runs are absent."""
    for name in ("porian_isoflop", "gadre_overtraining", "alabdulmohsin_nmt"):
        try:
            datasets.locate(f"scaling/{name}")
        except DaneelError as absent:
            pytest.skip(str(absent))


def outcome(law: str, errors: list[float], inside: list[float], asked: bool) -> scaling.Outcome:
    """A made-up outcome."""
    return scaling.Outcome(
        f"{scaling.PLOTTED[0]}, made up", law, np.array(errors), np.array(inside), asked, 1.0
    )


def test_the_records_are_mean_and_largest_error_and_coverage(tmp_path: Path) -> None:
    """By hand, and a table from them."""
    outcomes = [
        outcome(scaling.ISOFLOP, [0.01, -0.05], [1.0, 0.0], True),
        outcome(scaling.SMOOTH, [0.2, 0.1], [np.nan, np.nan], False),
    ]
    found = {(item.measure, item.subject): item for item in scaling.records(outcomes)}
    assert found[scaling.MEAN, scaling.ISOFLOP].figure == pytest.approx(3)
    assert found[scaling.MAX, scaling.ISOFLOP].figure == pytest.approx(5)
    assert found[scaling.MAX, scaling.ISOFLOP].met is True
    assert found[scaling.MEAN, scaling.SMOOTH].met is None
    assert found[scaling.COVERAGE, scaling.ISOFLOP].figure == 50
    assert (scaling.COVERAGE, scaling.SMOOTH) not in found
    for item in found.values():
        evidence.append(item, tmp_path)
    table = scaling.table(tmp_path)
    assert "| 15 / 20 |" in table and "3 / 5" in table


@pytest.mark.usefixtures("published")
def test_no_run_is_fitted_and_asked_for() -> None:
    """In any split; all eleven settings, three training sets, five translation models are there."""
    splits = list(scaling.splits())
    assert len(splits) == 11 * 2 + 3 * 2 + 5
    for split in splits:
        known = _pairs(split.known)
        for question in split.questions:
            assert not known & _pairs(question.later), question.row
        for fitted, later in split.folds:
            assert _pairs(fitted) | _pairs(later) <= known


@pytest.mark.usefixtures("published")
def test_the_isoflop_law_meets_the_bar_on_a_tuned_setting() -> None:
    """Mean and largest error at up to 32 times the compute, with few starts."""
    name = f"{scaling.PLOTTED[0]}, up to x32"
    split = next(split for split in scaling.splits() if split.questions[0].row == name)
    law = scaling.fits(starts=3)[scaling.ISOFLOP](split.known)
    later = split.questions[0].later
    errors = np.abs(law.predict(later) / later.loss - 1)
    assert errors.mean() < 0.03 and errors.max() < 0.08


def _pairs(runs: Runs) -> set[tuple[float, float]]:
    return set(zip(runs.params.tolist(), runs.tokens.tolist(), strict=True))
