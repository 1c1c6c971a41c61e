"""Messages are what the user sees, so the tests read them."""

import pytest

from daneel import errors


def test_message_is_printed_as_written() -> None:
    """`LookupError` and `ImportError` bases add no quotes and no prefix."""
    for kind in (errors.DaneelError, errors.UnknownNameError, errors.MissingExtraError):
        assert str(kind("No such env 'x'.")) == "No such env 'x'."


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.ConfigError, ValueError),
        (errors.UnknownNameError, LookupError),
        (errors.MissingExtraError, ImportError),
        (errors.NonFiniteError, FloatingPointError),
        (errors.SpaceError, TypeError),
    ],
)
def test_errors_are_also_the_builtin_kind(kind: type[Exception], builtin: type[Exception]) -> None:
    """Library users may catch the builtin they expect, or every Daneel error at once."""
    assert issubclass(kind, builtin)
    assert issubclass(kind, errors.DaneelError)


def test_nearest_ignores_case_and_keeps_spelling() -> None:
    """The best match comes first and is spelled as registered."""
    choices = ["HalfCheetah-v5", "Hopper-v5", "Ant-v5"]
    assert errors.nearest("halfcheeta-v5", choices)[0] == "HalfCheetah-v5"


def test_nearest_returns_at_most_n_and_nothing_when_all_are_far() -> None:
    """Three by default; an unlike name has no neighbours."""
    assert errors.nearest("walk", ["walk-a", "walk-b", "walk-c", "walk-d"]) == [
        "walk-a",
        "walk-b",
        "walk-c",
    ]
    assert errors.nearest("qqqq", ["walker", "cheetah"]) == []


def test_unknown_name_lists_the_nearest_and_ends_with_the_hint() -> None:
    """Wrong value, what is expected, what to type."""
    error = errors.unknown_name("agent", "planer", ["sac", "planner"], "Type `daneel list agents`.")
    assert isinstance(error, errors.UnknownNameError)
    assert str(error) == "Unknown agent 'planer'. Nearest: planner. Type `daneel list agents`."


def test_unknown_name_without_neighbours_lists_what_there_is() -> None:
    """Up to twelve names, in order; none registered is said so."""
    assert str(errors.unknown_name("check", "qqqq", ["b", "a"])) == (
        "Unknown check 'qqqq'. Known: a, b."
    )
    many = [f"name{index:02}" for index in range(20)]
    assert str(errors.unknown_name("check", "???", many)).endswith("name11 and 8 more.")
    assert str(errors.unknown_name("check", "x", [])) == (
        "Unknown check 'x'. No check is registered."
    )
