"""What has changed since."""

from __future__ import annotations

from daneel.alignment.traces.epochs import Epochs, exclusive_words, mutable


def test_an_event_ends_what_was_said_under_its_key() -> None:
    """An event ends what was said under its key, and nothing else."""
    epochs = Epochs()
    door, lamp = epochs.of("door open"), epochs.of("lamp on")
    epochs.happens("door open")
    assert epochs.of("door open") != door and epochs.of("lamp on") == lamp
    assert epochs.events() == 1


def test_states_of_which_a_thing_has_one_change_together() -> None:
    """A ball that becomes green is red no longer; another ball stays as it is."""
    epochs = Epochs()
    red, other = epochs.of("ball red"), epochs.of("cube red")
    epochs.happens("ball green")
    assert epochs.of("ball red") != red and epochs.of("cube red") == other
    assert exclusive_words("ball red") is not None and exclusive_words("ball new") is None


def test_an_event_that_is_not_understood_may_have_changed_its_things() -> None:
    """An event that is not understood may have changed states of its things; a denial has not."""
    epochs = Epochs()
    before = epochs.of("mug full"), epochs.of("jug full"), epochs.of("mug nic")
    epochs.shake("somebody swapped the mug")
    after = epochs.of("mug full"), epochs.of("jug full"), epochs.of("mug nic")
    assert [a != b for a, b in zip(before, after, strict=True)] == [True, False, False]
    epochs.shake("nobody has not swapped the jug")
    assert epochs.of("jug full") == after[1]


def test_another_time_of_a_log_may_have_changed_all() -> None:
    """Another time of a log may have changed all."""
    epochs = Epochs()
    before = epochs.of("mug full")
    epochs.tick()
    assert epochs.of("mug full") != before


def test_a_state_can_change_by_events_of_other_names() -> None:
    """A state can change by events of other names."""
    assert mutable("door open") and mutable("ball red") and not mutable("ann nurs")
    assert not mutable("")
