"""The model card: scores with intervals, verdicts, and what was not measured."""

from pathlib import Path

from daneel.evaluation import card
from tests.evaluation import runs


def test_what_was_measured(tmp_path: Path) -> None:
    """Figures, intervals and every finding, in tables."""
    run = runs.judged(runs.hand_made(tmp_path / "run"))
    text = card.write(run, command="daneel train walker").read_text()
    assert text.startswith("# dm_control/walker-walk-v0: planner, size small\n")
    assert "| mean return | 150 | " in text and "| success rate | 75 % | 41 to 93 % | 8 |" in text
    assert "| action_bounds | violated | Output 0 reaches 1.5 <b>. |" in text
    assert "500 environment steps in 50.0 s" in text and "daneel train walker\n" in text


def test_what_was_not(tmp_path: Path) -> None:
    """Said, with what to type."""
    text = card.write(runs.hand_made(tmp_path / "run")).read_text()
    assert "| mean return | not measured |" in text and "Type `daneel gate" in text
    assert "real robot: not measured" in text
