"""What the control bench concludes, against jobs made by hand."""

import pytest

from daneel.evaluation.bench import control_evidence as ce
from daneel.evaluation.bench import tasks
from daneel.evaluation.evidence import Evidence
from tests.evaluation.bench.hand_made import by_key, result

PENDULUM = tasks.find("InvertedPendulum")
WALKER = tasks.find("walker-walk")
PANDA = tasks.find("PandaReach")
LOW, HIGH = 10.0, 960.0


def evidence(task: tasks.Task, *results: ce.Result) -> dict[tuple[str, str], Evidence]:
    """The evidence of a task by measure and subject."""
    found = ce.gather([task], by_key(*results))
    return {(item.measure, item.subject): item for item in found}


def rising(at: int, count: int = 10) -> list[float]:
    """Evaluations that reach the threshold at the evaluation number `at` (0: never)."""
    return [HIGH if at and number >= at else LOW for number in range(1, count + 1)]


def test_the_score_is_taken_at_the_stated_steps_over_all_seeds() -> None:
    """The mean of every episode of every seed, with an interval over both."""
    sides = [result(PENDULUM, "planner", seed, [LOW] * 9 + [900 + 50 * seed]) for seed in range(3)]
    score = evidence(PENDULUM, *sides)["return", "planner"]
    assert score.figure == pytest.approx(950) and score.met is True
    assert score.interval is not None
    assert 899 <= score.interval.low < 950 < score.interval.high <= 1001
    assert score.details["per_seed"] == [[899, 901], [949, 951], [999, 1001]]


def test_fewer_seeds_than_asked_never_meet() -> None:
    """However good they are."""
    score = evidence(PENDULUM, result(PENDULUM, "planner", 0, [HIGH] * 10))["return", "planner"]
    assert score.figure == HIGH and score.met is False


def test_steps_and_seconds_to_threshold_are_the_median_seed() -> None:
    """By hand: evaluations 2, 4 and never; the median is 4."""
    sides = [result(PENDULUM, "planner", seed, rising(at)) for seed, at in enumerate((2, 4, 0))]
    found = evidence(PENDULUM, *sides)
    assert found[ce.STEPS, "planner"].figure == 4 * 250
    assert found[ce.STEPS, "planner"].details["per_seed"] == [500, 1000, None]
    assert found[ce.SECONDS, "planner"].figure == 40


def test_a_third_of_the_steps_of_the_peer_is_met_by_equality() -> None:
    """Ours at 5, the peer at 15 of its 30 evaluations."""
    found = evidence(
        WALKER,
        result(WALKER, "planner", 0, rising(5)),
        result(WALKER, "sac", 0, rising(15, 30)),
    )
    ratio = found[ce.STEPS_RATIO, "planner"]
    assert ratio.figure == pytest.approx(1 / 3) and ratio.bound == "" and ratio.met is True
    assert found[ce.SECONDS_RATIO, "planner"].met is True


def test_a_peer_that_never_gets_there_is_a_bound_in_our_favour() -> None:
    """It is known to need more than 30 evaluations; ours took 10."""
    found = evidence(
        WALKER,
        result(WALKER, "planner", 0, rising(10)),
        result(WALKER, "sac", 0, rising(0, 30)),
    )
    assert found[ce.STEPS, "sac"].bound == ">"
    assert found[ce.STEPS, "sac"].figure == 75_000
    ratio = found[ce.STEPS_RATIO, "planner"]
    assert (ratio.bound, ratio.met) == ("<", True)


def test_not_getting_there_ourselves_is_a_miss() -> None:
    """Whether the peer does or not."""
    ours = result(WALKER, "planner", 0, rising(0))
    lost = evidence(WALKER, ours, result(WALKER, "sac", 0, rising(20, 30)))
    assert (lost[ce.STEPS_RATIO, "planner"].bound, lost[ce.STEPS_RATIO, "planner"].met) == (
        ">",
        False,
    )
    both = evidence(WALKER, ours, result(WALKER, "sac", 0, rising(0, 30)))
    assert both[ce.STEPS_RATIO, "planner"].figure is None
    assert both[ce.STEPS_RATIO, "planner"].met is False


def test_success_rates_have_wilson_intervals() -> None:
    """29 of 30 episodes."""
    sides = [
        result(PANDA, "planner", seed, [0.0] * 9 + [rate])
        for seed, rate in enumerate((1.0, 0.9, 1.0))
    ]
    score = evidence(PANDA, *sides)["success rate", "planner"]
    assert score.figure == pytest.approx(29 / 30) and score.met is True
    assert score.interval is not None and score.interval.high < 1.0
    assert score.interval_kind.startswith("Wilson")


def test_latency_is_that_of_the_slowest_seed() -> None:
    """A robot does not run on the median."""
    sides = [
        result(PENDULUM, "planner", seed, [HIGH] * 10, latency_ms=(4.0, tail))
        for seed, tail in enumerate((8.0, 21.0, 9.0))
    ]
    tail = evidence(PENDULUM, *sides)[ce.P95, "planner"]
    assert tail.figure == 21.0 and tail.met is False


def test_the_limit_on_seconds_is_for_the_whole_training() -> None:
    """Ten evaluations ten seconds apart are 100 s, under the limit of 120."""
    sides = [result(PENDULUM, "planner", seed, [HIGH] * 10) for seed in range(3)]
    took = evidence(PENDULUM, *sides)[ce.TRAINING_SECONDS, "planner"]
    assert (took.figure, took.threshold, took.met) == (100.0, 120, True)


def test_the_peer_is_shown_at_our_steps_and_at_its_own_end() -> None:
    """Two figures, neither with a threshold."""
    found = evidence(WALKER, result(WALKER, "sac", 0, rising(20, 30)))
    assert found["return", "sac"].figure == LOW
    assert found["return at 3x steps", "sac"].figure == HIGH
    assert found["return", "sac"].met is None


def test_jobs_of_different_commits_are_said() -> None:
    """A row never hides that its seeds ran different code."""
    sides = [
        result(PENDULUM, "planner", seed, [HIGH] * 10, commit=letter * 40)
        for seed, letter in enumerate("aab")
    ]
    assert evidence(PENDULUM, *sides)["return", "planner"].commit == "a" * 40 + "+" + "b" * 40
