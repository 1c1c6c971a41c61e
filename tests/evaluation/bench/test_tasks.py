"""The rows of the control bench are those of the issue."""

import pytest

from daneel.errors import UnknownNameError
from daneel.evaluation.bench import tasks
from daneel.evaluation.bench.tasks import TASKS


def test_action_repeat_is_two_in_the_suites_that_publish_frames() -> None:
    """And one elsewhere; evaluations then fall on decisions."""
    for task in TASKS:
        in_suite = task.name.startswith(("dm_control/", "Meta-World/"))
        assert task.env.action_repeat == (2 if in_suite else 1)
        assert task.eval_every % task.env.action_repeat == 0
        assert task.eval_every * tasks.EVALUATIONS == task.steps


def test_the_peer_gets_three_times_the_steps() -> None:
    """So that "at most a third" can be judged."""
    assert TASKS[0].budget(ours=True) == 2500
    assert TASKS[0].budget(ours=False) == 7500


def test_tasks_are_found_by_short_name_and_by_id() -> None:
    """Short names are unique."""
    assert len({tasks.short(task) for task in TASKS}) == len(TASKS)
    for task in TASKS:
        assert tasks.find(task.name) is task
        assert tasks.find(tasks.short(task)) is task


def test_an_unknown_task_has_neighbours() -> None:
    """The nearest names and what to type."""
    with pytest.raises(UnknownNameError, match=r"walker-walk.*daneel bench control --help"):
        tasks.find("walker-wolk")
