"""Traces by hand: the contradictions that are there are found, and no others."""

from __future__ import annotations

import pytest

from daneel.alignment.traces import ReasoningDebugger
from daneel.errors import ConfigError
from tests.alignment.traces.judged import clash, fit

pytest.importorskip("z3", reason="z3 is not installed (extra verify)")

BAD = [
    ["All swans are white.", "Some swans are not white."],
    ["The door is open.", "Step 2: The lamp is on.", "Therefore the door is closed."],
    ["Alice is taller than Bob.", "Bob is taller than Carol.", "So Carol is taller than Alice."],
    ["If it rains, then the ground is wet.", "It rains.", "The ground is not wet."],
    ["All cats are animals.", "Tom is a cat.", "Tom is not an animal."],
    ["No birds are mammals.", "Tweety is a bird.", "Tweety is a mammal."],
    ["The cup is in the kitchen.", "The cup is in the garden."],
    ["Ann has 3 apples.", "Ben has 2 more apples than Ann.", "Ben has 6 apples."],
    ["At most two of A, B and C are active.", "A is active.", "B is active.", "C is active."],
    [
        "Pick up the cup before opening the door.",
        "Open the door before washing the plate.",
        "Washing the plate happens before picking up the cup.",
    ],
    ["First wash the cup, then dry the cup.", "Drying the cup must happen before washing the cup."],
    ["x + y = 10", "x is 4", "y = 7"],
    ["The box weighs at most 3 kg.", "The box weighs 3500 grams."],
    [
        "Either the switch is on or the fuse is broken.",
        "The switch is off.",
        "The fuse is working.",
    ],
    [
        "The alarm rings only if the sensor is active.",
        "The alarm rings.",
        "The sensor is inactive.",
    ],
    ["The ball is red.", "The ball is blue."],
    ["Ann and Ben together have 10 coins.", "Ann has 4 coins.", "Ben has 5 coins."],
    ["The meeting is after lunch.", "Lunch is after the talk.", "The meeting is before the talk."],
    ["The robot picked up the cup.", "The robot did not pick up the cup."],
    [
        "The chair is to the left of the table.",
        "The table is to the left of the sofa.",
        "The sofa is left of the chair.",
    ],
    ["Neither the door nor the window is open.", "The window is open."],
    ["Nobody in the crew is ill.", "Tariq belongs to the crew.", "Tariq is ill."],
    ["Every sensor in the attic is new.", "Sensor 7 is in the attic.", "Sensor 7 is not new."],
    [
        "Anyone who has a badge may enter the hall.",
        "Mara has a badge.",
        "Mara may not enter the hall.",
    ],
    [
        "Only pilots may enter the hangar.",
        "Ivo is not a pilot.",
        "Ivo is allowed to enter the hangar.",
    ],
    ["All swans are white.", "Not every swan is white."],
    [
        "If someone is young and quick then they are happy.",
        "Ann is young.",
        "Ann is quick.",
        "Ann is not happy.",
    ],
    ["There is no poem that has wings.", "The sonnet is a poem.", "The sonnet has wings."],
    ["The talk starts at 9:20.", "The talk lasts 45 minutes.", "The talk ends at 10:15."],
    [
        "The pipe is 2 m long.",
        "The beam is 30 cm shorter than the pipe.",
        "The beam is 1800 mm long.",
    ],
    [
        "The anvil weighs three times as much as the box.",
        "The box weighs 4 kg.",
        "The anvil weighs 11 kg.",
    ],
    ["Ann has 9 coins.", "Ann gives 4 coins to Ben.", "Ann has 9 coins."],
    ["Exactly two of Ida, Jon and Kim passed.", "Ida passed.", "Jon failed.", "Kim failed."],
    ["The audit did not take place before the launch.", "The audit came before the launch."],
    [
        "Do not open the valve until you close the tap.",
        "You open the valve before you close the tap.",
    ],
    ["The guard unlocks the hatch.", "The hatch is locked."],
    ["The fee is paid.", "The fee is unpaid."],
    ["It is not true that the ice is not thick.", "The ice is not thick."],
    [
        "There are 40 seats, each of which is either taken or free.",
        "A quarter of the seats are taken.",
        "20 seats are free.",
    ],
]
GOOD = [
    ["The door is open.", "The robot closes the door.", "The door is closed."],
    ["The cup is in the box.", "The box is in the kitchen.", "The cup is in the kitchen."],
    [
        "The cup is in the kitchen.",
        "The robot moves the cup to the garden.",
        "The cup is in the garden.",
    ],
    ["Alice is taller than Bob.", "Carol is taller than Alice.", "Carol is taller than Bob."],
    ["Ann has 3 apples.", "Ben has 2 more apples than Ann.", "Ben has 5 apples."],
    ["Either the switch is on or the fuse is broken.", "The switch is off.", "The fuse is broken."],
    ["Some birds are not able to fly", "Tweety is a bird.", "Tweety can fly."],
    ["Wash the cup before drying it.", "Then put the cup on the shelf."],
    ["The plan takes 5 minutes.", "The walk takes 1 hour."],
    ["Ann has 9 coins.", "Ann gives 4 coins to Ben.", "Ann has 5 coins."],
    [
        "The mug is in the sink.",
        "The robot takes the mug out of the sink and puts it into the box.",
        "The mug is in the box.",
    ],
    ["The mug is in the sink.", "Somebody must have swapped the mug.", "The mug is in the box."],
    ["The hatch is locked.", "The captain unlocks the hatch.", "The hatch is unlocked."],
    ["Every bird can fly.", "Rex is a dog.", "Rex can not fly."],
    ["The launch and the flood happened at the same time.", "The audit came before the launch."],
    ["The beam is no longer than 3 m.", "The beam is 2 m long."],
    ["Tariq belongs to the crew.", "Tariq is on the ship."],
]


@pytest.mark.parametrize("trace", BAD, ids=lambda trace: trace[0])
def test_contradictions_are_found_with_a_minimal_set_of_steps(trace: list[str]) -> None:
    """Contradictions are found with a minimal set of steps."""
    debugger = ReasoningDebugger()
    report = debugger.debug(trace)
    assert report.consistent is False and len(report.conflicts) == 1
    core = report.conflicts[0].steps
    for left_out in core:
        rest = [trace[i] for i in core if i != left_out]
        assert not debugger.debug(rest).conflicts


@pytest.mark.parametrize("trace", GOOD, ids=lambda trace: trace[-1])
def test_what_is_consistent_raises_no_alarm(trace: list[str]) -> None:
    """What is consistent raises no alarm."""
    assert not ReasoningDebugger().debug(trace).conflicts


def test_steps_that_have_no_part_in_it_are_not_named() -> None:
    """Steps that have no part in it are not named."""
    report = ReasoningDebugger().debug(
        "1. The sky is blue.\n2. The door is open; Ann is older than Ben.\n3. The lamp is on.\n"
        "4. So the door is shut."
    )
    assert report.conflicts[0].steps == (1, 3)
    assert report.conflicts[0].sentences[1] == "4. So the door is shut."


def test_what_cannot_be_read_is_named_and_claims_nothing() -> None:
    """What cannot be read is named and claims nothing."""
    report = ReasoningDebugger().debug(
        ["Colourless green ideas might sleep furiously, which is why nobody asked whether they do.",
         "The door is open.", "Почему?", "x" * 10_000]
    )  # fmt: skip
    assert report.unread == (0, 2, 3) and report.consistent is None and not report.conflicts
    assert ReasoningDebugger().debug(["The door is open."]).consistent is True


def test_two_contradictions_are_both_found() -> None:
    """Two contradictions are both found."""
    report = ReasoningDebugger().debug(
        ["The door is open.", "x = 3", "The door is closed.", "x = 4"]
    )
    assert {conflict.steps for conflict in report.conflicts} == {(0, 2), (1, 3)}


def test_an_empty_trace_is_refused() -> None:
    """An empty trace is refused."""
    with pytest.raises(ConfigError, match="trace is empty"):
        ReasoningDebugger().debug("  \n ")


def test_what_is_left_is_what_was_there_less_what_went() -> None:
    """Counts change with what happens to them."""
    began = ["There were 9 nuts in the bowl.", "2 of them were eaten."]
    assert ReasoningDebugger().debug([*began, "8 nuts are left."]).conflicts
    assert ReasoningDebugger().debug([*began, "7 nuts are left."]).consistent is True


@pytest.mark.parametrize(
    ("bound", "allowed", "beyond"),
    [
        ("n is no more than m.", ("n is 3.", "m is 5."), ("n is 6.", "m is 5.")),
        ("n is no less than m.", ("n is 5.", "m is 3."), ("n is 2.", "m is 3.")),
        ("n is no fewer than m.", ("n is 5.", "m is 3."), ("n is 2.", "m is 3.")),
        ("n is no more than 5.", ("n is 3.",), ("n is 6.",)),
        ("n is no greater than 5.", ("n is 3.",), ("n is 6.",)),
        ("n is not more than m.", ("n is 3.", "m is 5."), ("n is 6.", "m is 5.")),
        ("n is at most m.", ("n is 3.", "m is 5."), ("n is 6.", "m is 5.")),
        ("n + 1 is at least m.", ("n is 5.", "m is 3."), ("n is 3.", "m is 5.")),
        ("Ann has no more nuts than Ben.", ("Ann has 3 nuts.", "Ben has 5 nuts."),
         ("Ann has 6 nuts.", "Ben has 5 nuts.")),
        ("Ann has no fewer nuts than Ben.", ("Ann has 6 nuts.", "Ben has 5 nuts."),
         ("Ann has 3 nuts.", "Ben has 5 nuts.")),
        ("The box is no larger than the crate.", ("The box is smaller than the crate.",),
         ("The box is larger than the crate.",)),
        ("The crate weighs no more than the box.", ("The crate is lighter than the box.",),
         ("The crate is heavier than the box.",)),
        ("No more than one of A, B and C is open.", ("A is open.", "B is closed."),
         ("A is open.", "B is open.")),
        ("No fewer than two of A, B and C are open.", ("A is open.", "B is closed."),
         ("A is closed.", "B is closed.")),
    ],
)  # fmt: skip
def test_a_bound_is_no_equality(
    bound: str, allowed: tuple[str, ...], beyond: tuple[str, ...]
) -> None:
    """A bound is no equality: what is within it fits, what is beyond it does not."""
    assert fit(bound, *allowed) and clash(bound, *beyond)


@pytest.mark.parametrize(
    "denial",
    [
        "It is impossible that the door is open.",
        "It was impossible that the door is open.",
        "It was false that the door is open.",
        "That the door is open is impossible.",
        "That the door is open is out of the question.",
    ],
)
def test_what_is_impossible_is_not_so(denial: str) -> None:
    """What is impossible is not so."""
    assert clash(denial, "The door is open.") and fit(denial, "The door is closed.")


@pytest.mark.parametrize("judged", ["possible", "likely", "unknown", "not impossible", "doubtful"])
def test_what_may_be_so_denies_nothing(judged: str) -> None:
    """What may be so denies nothing, and its opposite neither."""
    assert not clash(f"It is {judged} that the door is open.", "The door is closed.")
    assert not clash(f"It is {judged} that the door is open.", "The door is open.")


@pytest.mark.parametrize(
    "went", ["2 nuts were eaten.", "2 nuts have been sold.", "2 nuts were removed."]
)
def test_what_was_eaten_is_there_no_longer(went: str) -> None:
    """What was eaten is there no longer, named or not."""
    assert fit("There were 9 nuts.", went, "7 nuts are left.")
    assert clash("There were 9 nuts.", went, "8 nuts are left.")


def test_what_came_is_there_too() -> None:
    """What was added is there too."""
    assert clash("There were 9 nuts.", "3 nuts were added.", "11 nuts are left.")
    assert fit("There were 9 nuts.", "3 nuts were added.", "12 nuts are left.")


def test_what_is_in_a_state_is_there_still() -> None:
    """What broke or is taken is there still, and what is left may have lost more than is known."""
    assert not clash("There are 30 seats.", "20 seats are taken.", "There are 30 seats.")
    assert not clash("There were 9 nuts.", "2 nuts broke.", "There are 9 nuts.")
    assert not clash("There were 9 nuts.", "The squirrel had a feast.", "7 nuts are left.")


@pytest.mark.parametrize(
    "question",
    [
        "Who opened the door?",
        "Who opened the door",
        "Which guard opened the door?",
        "Where did Ann put the cup?",
        "Is the door open?",
        "The door is open, isn't it?",
        "Nobody knows who opened the door.",
        "They ask who opened the door.",
    ],
)
def test_questions_claim_nothing(question: str) -> None:
    """Questions claim nothing, and nothing happens in them."""
    assert not clash(question, "The door is closed.")
    assert clash("The door is closed.", question, "The door is open.")


def test_a_question_ends_where_its_mark_stands() -> None:
    """What follows a question in the same step is a claim again."""
    assert clash("Who was here? The door is closed.", "The door is open.")


@pytest.mark.parametrize(
    "alternatives",
    [
        "It was the cook or the gardener.",
        "It was either the cook or the gardener.",
        "The cook or the gardener stole the ring.",
        "Either the cook or the gardener stole the ring.",
        "Exactly one of the cook and the gardener stole the ring.",
    ],
)
def test_who_it_was_is_one_of_those_who_were_named(alternatives: str) -> None:
    """Who it was is one of those who were named, whatever was spoken of before and between."""
    told = ["The ring was in the safe.", alternatives, "The lamp or the fan is broken."]
    assert clash(*told, "It was not the cook.", "It was not the gardener.")
    assert not clash(*told, "It was not the cook.", "It was the gardener.")


def test_a_list_of_who_it_was() -> None:
    """A list of who it was; nobody of a list is neither."""
    told = ["It was Ann, Ben or Kim.", "It was not Ann.", "It was not Ben."]
    assert clash(*told, "It was not Kim.") and fit(*told, "It was Kim.")
    assert clash("It was not Ann or Ben.", "It was Ben.")
    ball = ["The ball was red or blue.", "It was not red."]
    assert clash(*ball, "It was not blue.") and fit(*ball, "It was blue.")
