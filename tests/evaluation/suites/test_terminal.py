"""The table for the terminal."""

from __future__ import annotations

from daneel.evaluation.suites import describe
from tests.evaluation.suites import made


def row(text: str, name: str) -> str:
    """The row that begins with `name`, single spaces."""
    return next(
        " ".join(line.split()) for line in text.splitlines() if line.strip().startswith(name)
    )


def test_every_skill_has_its_row() -> None:
    """Success, interval, return, ceiling and floor; remarks at the end."""
    text = describe(made.example())
    assert row(text, "push") == "push 100 % 51 to 100 % 1.5 100 % 10 %"
    assert row(text, "reach") == (
        "reach 50 % 15 to 85 % 1.33 held out, 1 of 4 episodes failed to run"
    )
    assert row(text, "grasp").endswith("90 % trained on: not held out")


def test_not_run_says_why_and_never_zero() -> None:
    """The extra to install is in the row."""
    text = describe(made.example())
    assert row(text, "turn") == f"turn not run 0 % {made.MISSING}"  # the 0 % is chance's
    assert row(describe(made.record(made.suite("push"), {})), "push") == (
        "push not run no episode was run"
    )


def test_means_and_coverage() -> None:
    """By block, over all, over the splits, with how many skills they are over."""
    text = describe(made.example())
    assert row(text, "mean of all").startswith("mean of all 50.0 %")
    assert row(text, "mean of all").endswith(
        "95.0 % 10.0 % expert over 2 skills, random over 1 skill"
    )
    assert row(text, "IQM of all").startswith("IQM of all 50.0 %")
    assert row(text, "held-out skills").startswith("held-out skills 50.0 %")
    assert "3 of 4 skills scored, 1 not run and in no mean; 4 episodes each, seed 0" in text
    assert "not held out, because the policy trained on them: grasp" in text


def test_unrecorded_training_is_said() -> None:
    """Only where something is called held out."""
    of = made.suite("push", held_out=["push"])
    assert "is not recorded" in describe(made.record(of, {"push": "s"}, trained_on=None))
    of = made.suite("push")
    assert "is not recorded" not in describe(made.record(of, {"push": "s"}, trained_on=None))


def test_figures_stand_below_each_other() -> None:
    """Right-aligned: the per cent signs of a column are in one place."""
    lines = describe(made.example()).splitlines()
    ends = {
        line.index(" %") for line in lines if line.strip().startswith(("push", "reach", "gras"))
    }
    assert len(ends) == 1


def test_small_suites() -> None:
    """None and one."""
    assert "0 of 0 skills scored" in describe(made.record(made.suite(), {}))
    assert (
        row(describe(made.record(made.suite("push"), {"push": "s"})), "IQM") == "IQM of all 100.0 %"
    )
