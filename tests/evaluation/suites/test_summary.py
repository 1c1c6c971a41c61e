"""From episodes to the record: hand numbers, splits, contamination, what was not run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daneel.errors import ConfigError
from daneel.evaluation import statistics
from daneel.evaluation.suites import Episode, rates, summarise, to_show
from daneel.evaluation.suites.record import reference_mean
from daneel.evaluation.suites.summary import NOTHING_RAN, same_task
from tests.evaluation.suites import made


def test_figures_of_a_skill_by_hand() -> None:
    """Two successes, a miss and a crash: 2 of 4; returns of those that ran are 0, 1 and 3."""
    reach = made.example().skills[1]
    assert (reach.success_rate, reach.successes, reach.failures) == (0.5, 2, 1)
    assert reach.interval == statistics.wilson_interval(2, 4)
    assert reach.mean_return == pytest.approx(4 / 3)
    assert reach.return_interval is not None
    assert 0 <= reach.return_interval.low < reach.return_interval.high <= 3


def test_means_by_hand() -> None:
    """1, 0.5 and 0; the fourth was not run and is no zero."""
    found = made.example()
    assert (found.overall.mean, found.overall.scored, found.overall.not_run) == (0.5, 3, 1)
    assert found.blocks["arm"].mean == 0.75 and list(found.blocks) == ["arm", "hand"]
    hand = found.blocks["hand"]
    assert (hand.mean, hand.scored, hand.not_run) == (0.0, 1, 1)


def test_a_skill_that_was_not_run_has_no_figures() -> None:
    """Only a reason."""
    turn = made.example().skills[3]
    assert (turn.status, turn.reason, turn.episodes) == ("not run", made.MISSING, ())
    assert (turn.success_rate, turn.interval, turn.mean_return) == (None, None, None)
    silent = made.record(made.suite("push"), {}).skills[0]
    assert (silent.status, silent.reason) == ("not run", NOTHING_RAN)


def test_a_skill_whose_episodes_all_failed_is_scored_zero() -> None:
    """It was run; nothing is known of its return."""
    score = made.record(made.suite("push"), {"push": "!!"}).skills[0]
    assert (score.status, score.success_rate, score.mean_return) == ("scored", 0.0, None)


def test_a_skill_that_was_trained_on_is_not_held_out() -> None:
    """The suite holds out reach and grasp; the policy trained on grasp."""
    found = made.example()
    flags = {score.skill: (score.held_out, score.contaminated) for score in found.skills}
    assert flags["reach"] == (True, False) and flags["grasp"] == (False, True)
    assert flags["push"] == (False, False)
    assert found.held_out is not None and found.held_out.mean == 0.5
    assert found.train is not None and (found.train.scored, found.train.not_run) == (2, 1)


def test_nobody_recorded_the_training() -> None:
    """Then the suite's word stands, and the record says that there is none other."""
    found = made.record(made.suite("push", held_out=["push"]), {"push": "s"}, trained_on=None)
    assert found.skills[0].held_out and found.trained_on is None and found.train is None


@pytest.mark.parametrize(
    ("trained", "same"),
    [
        ("Meta-World/reach-v3", True),
        ("Meta-World/reach-v2", True),
        ("Meta-World/reach-wall-v3", False),
        ("reach-v3", False),
    ],
)
def test_same_task(trained: str, same: bool) -> None:
    """Versions do not make another task."""
    assert same_task("Meta-World/reach-v3", ["CartPole-v1", trained]) is same


def test_dense_rewards_do_not_make_another_task() -> None:
    """Training on the dense variant has seen the sparse one."""
    assert same_task("FetchPush-v4", ["FetchPushDense-v4"])
    assert same_task("PandaReach-v3", ["PandaReachDense-v3"])
    assert not same_task("PandaReach-v3", ["PandaPush-v3"])
    microwave, kettle = 'Kitchen-v1 {"tasks": ["microwave"]}', 'Kitchen-v1 {"tasks": ["kettle"]}'
    assert same_task(kettle, [kettle]) and not same_task(kettle, [microwave])
    assert same_task(kettle, ["Kitchen-v1"])


def test_order_of_episodes_does_not_matter() -> None:
    """Workers finish as they like."""
    of = made.suite("push", "reach")
    found = [*made.episodes("push", "sfs"), *made.episodes("reach", "ff")]
    given = {"policy": "x", "episodes": 3, "seed": 5, "origin": made.ORIGIN}
    assert summarise(of, found, **given) == summarise(of, reversed(found), **given)


def test_a_skill_scores_the_same_in_any_suite() -> None:
    """Its figures are drawn from the seed alone, not after those of others."""
    alone = made.record(made.suite("reach"), {"reach": "sffs"}).skills[0]
    among = made.record(made.suite("push", "reach"), {"push": "ss", "reach": "sffs"}).skills[1]
    assert alone == among


@pytest.mark.parametrize(
    ("episode", "message"),
    [
        (made.episodes("jump", "s")[0], "episode of 'jump'. Expected skills of 'made'"),
        (made.episodes("push", "s")[0], "of one that exists already"),
        (made.episodes("reach", "s")[0], "of a skill that was not run"),
    ],
)
def test_episodes_that_do_not_belong_are_refused(episode: Episode, message: str) -> None:
    """Unknown skill, the same episode twice, a skill said not to run."""
    of = made.suite("push", "reach")
    found = [*made.episodes("push", "s"), episode]
    with pytest.raises(ConfigError, match=message):
        summarise(of, found, policy="x", episodes=1, seed=0, not_run={"reach": "no package"})
    with pytest.raises(ConfigError, match="no skill 'jump'"):
        summarise(of, [], policy="x", episodes=1, seed=0, not_run={"jump": "no package"})


def test_an_episode_has_an_outcome_or_a_failure() -> None:
    """Neither both nor none, and a return that is a number."""
    episode = made.episodes("push", "s")[0]
    with pytest.raises(ConfigError, match="success None and failure None"):
        replace(episode, success=None)
    with pytest.raises(ConfigError, match="success True and failure 'x'"):
        replace(episode, failure="x")
    with pytest.raises(ConfigError, match="return nan"):
        replace(episode, return_=float("nan"))


def test_rates_and_references() -> None:
    """A record can be the reference of another; means are over the skills both have."""
    found = made.example()
    assert rates(found) == {"push": 1.0, "reach": 0.5, "grasp": 0.0}
    assert reference_mean(found, "expert") == (pytest.approx(0.95), 2)
    # `turn` was not run, so that chance's zero there is not part of this table's mean.
    assert reference_mean(found, "random") == (pytest.approx(0.1), 1)
    assert reference_mean(found, "expert", "hand") == (pytest.approx(0.9), 1)
    assert reference_mean(found, "nobody") is None


def test_best_median_worst() -> None:
    """By success, then by return; crashes have no film."""
    score = made.record(made.suite("push"), {"push": "fs!sf"}).skills[0]
    shown = {name: episode.number for name, episode in to_show(score).items()}
    assert shown == {"best": 3, "median": 1, "worst": 0}


@pytest.mark.parametrize(
    ("outcomes", "shown"),
    [("", {}), ("!", {}), ("f", {"best": 0}), ("sf", {"best": 0, "worst": 1})],
)
def test_few_episodes_to_show(outcomes: str, shown: dict[str, int]) -> None:
    """None is shown twice."""
    score = made.record(made.suite("push"), {"push": outcomes}).skills[0]
    assert {name: episode.number for name, episode in to_show(score).items()} == shown


def test_an_empty_suite() -> None:
    """Has no figures and no errors."""
    found = made.record(made.suite(), {})
    assert found.overall.mean is None and found.blocks == {} and found.train is None
