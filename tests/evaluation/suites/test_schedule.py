"""Who runs which episode: every one exactly once, in whatever order workers ask."""

import threading
import time
from collections import Counter

import pytest

from daneel.errors import PolicyError
from daneel.evaluation.suites import schedule
from daneel.evaluation.suites.schedule import MAX_LOST, Schedule
from daneel.evaluation.suites.workers import Lost, NotRun


class Clerk:
    """A worker that notes what it was asked and answers by the rules it was given."""

    def __init__(self, answers=None, seconds=0.0):
        """`answers` maps a skill to what comes of its episodes."""
        self.asked, self.stopped, self.answers, self.seconds = [], False, answers or {}, seconds

    def run(self, skill, number):
        """Answers after a while."""
        self.asked.append((skill, number))
        time.sleep(self.seconds)
        answer = self.answers.get(skill, Lost("as agreed"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def film(self, skill, number, size):
        """Never asked here."""
        raise NotImplementedError

    def stop(self):
        """Notes it."""
        self.stopped = True


def test_a_worker_stays_with_its_skill():
    """It takes another when nothing is left there; the last to come help where most is left."""
    plan = Schedule({"a": [0, 1], "b": [0, 1, 2, 3], "c": [0, 1, 2]})
    assert [plan.next(None), plan.next("a")] == [("a", 0), ("a", 1)]
    assert [plan.next("a"), plan.next(None)] == [("b", 0), ("c", 0)]
    assert [plan.next(None), plan.next("b")] == [("b", 1), ("b", 2)]
    assert [plan.next("x"), plan.next("x")] == [("c", 1), ("b", 3)]
    assert [plan.next("c"), plan.next("c")] == [("c", 2), None]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_episode_runs_once(count):
    """Whatever the number of workers; all of them are stopped at the end."""
    waiting = {name: list(range(2)) for name in "abcdefg"}
    workers = [Clerk(seconds=0.001) for _ in range(count)]
    outcomes = list(schedule.run(waiting, workers))
    asked = Counter(job for worker in workers for job in worker.asked)
    assert asked == Counter((name, number) for name in waiting for number in range(2))
    assert Counter((found.skill, found.number) for found in outcomes) == asked
    assert all(worker.stopped for worker in workers)
    assert threading.active_count() < 10


def test_a_skill_that_is_not_run_is_asked_once():
    """Nothing else of it is tried."""
    worker = Clerk({"a": NotRun("no package")})
    outcomes = list(schedule.run({"a": [0, 1, 2], "b": [0]}, [worker]))
    assert worker.asked == [("a", 0), ("b", 0)]
    assert outcomes[0].answer == NotRun("no package")


def test_a_skill_that_crashes_again_and_again_is_given_up():
    """After some lost episodes in a row."""
    worker = Clerk()
    list(schedule.run({"a": range(10), "b": [0]}, [worker]))
    assert worker.asked == [("a", number) for number in range(MAX_LOST)] + [("b", 0)]


def test_an_error_of_the_policy_ends_everything():
    """It reaches the caller, and no worker is left behind."""
    workers = [Clerk({"a": PolicyError("wrong size")}), Clerk(seconds=0.001)]
    with pytest.raises(PolicyError, match="wrong size"):
        list(schedule.run({"a": range(5), "b": range(500)}, workers))
    assert all(worker.stopped for worker in workers)
    assert len(workers[1].asked) < 500


def test_a_caller_that_stops_early():
    """What is under way is waited for, nothing else begins."""
    worker = Clerk(seconds=0.001)
    outcomes = schedule.run({name: [0] for name in "abcdefgh" * 1}, [worker])
    next(outcomes)
    outcomes.close()
    assert worker.stopped and len(worker.asked) < 8


def test_nothing_to_do():
    """No episodes, no workers."""
    assert list(schedule.run({}, [])) == []
