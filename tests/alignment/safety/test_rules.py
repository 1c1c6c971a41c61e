"""z3's verdicts against the definition, over random formulas and traces; blocks and their count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daneel.alignment.safety import (
    NeuroSymbolicExecutor,
    Proposal,
    Trace,
    as_trace,
    check_rules,
    evaluate,
    load_rules,
    parse_rule,
    parse_rules,
)
from daneel.errors import ConfigError


def trace(*values: Any, complete: bool = True) -> Trace:
    """Steps in which `x` has these values and `a` says whether it is above 0."""
    steps = [{"x": v, "a": not isinstance(v, tuple) and v > 0, "w": "hall"} for v in values]
    return as_trace(steps, complete)


def verdict(text: str, where: Trace) -> str:
    """What z3 says."""
    return check_rules([parse_rule(text)], where)[0].verdict


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("always(x > 0)", (1, 2), True),
        ("always(x > 0)", (1, -2), False),
        ("never(x > 1)", (1, 0), True),
        ("never(x > 1)", (1, 2), False),
        ("eventually(x == 3)", (1, 3, 1), True),
        ("eventually(x == 3)", (1, 2), False),
        ("until(a, x < -1)", (1, 2, -2, 5), True),
        ("until(a, x < -1)", (1, -1, -2), False),
        ("until(a, x < -1)", (1, 2), False),
        ("within(1, x == 2)", (0, 2), True),
        ("within(1, x == 2)", (0, 0, 2), False),
        ("always(implies(x == 1, within(2, x == 2)))", (1, 0, 2, 0), True),
        ("always(implies(x == 1, within(2, x == 2)))", (0, 1, 0, 0, 2), False),
        ("next(x == 2)", (0, 2), True),
        ("next(x == 2)", (2,), False),
        ("not next(x == 2)", (2,), True),
        ("abs(x) <= 2 and (max(x, 1) == 1 or not a)", (-2,), True),
        ("0 < x < 2", (2,), False),
        ('w == "hall" and w != "stairs"', (0,), True),
        ('never(w == "hall")', (0,), False),
        ("x / 4 - -x * 2 >= 2.25", (1,), True),
    ],
)
def test_every_kind_of_rule_by_hand(text: str, values: tuple[float, ...], holds: bool) -> None:
    """z3 and the definition agree with what the words mean; each kind is seen violated too."""
    where = trace(*values)
    assert evaluate(parse_rule(text).node, where) is holds
    assert verdict(text, where) == ("holds" if holds else "violated")


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("eventually(x == 3)", (1, 2), True),
        ("within(3, x == 2)", (0, 0), True),
        ("within(1, x == 2)", (0, 0), False),
        ("until(a, x < -1)", (1, 2), True),
        ("until(a, x < -1)", (1, 0, 1), False),
        ("always(x > 0)", (1, 2), True),
        ("not eventually(x == 3)", (1, 2), True),
        ("not eventually(x == 3)", (1, 3), False),
    ],
)
def test_a_rollout_is_only_the_beginning(text: str, values: tuple[float, ...], holds: bool) -> None:
    """What is still owed at its end counts as kept; what was seen to break, does not."""
    where = trace(*values, complete=False)
    assert evaluate(parse_rule(text).node, where) is holds
    assert verdict(text, where) == ("holds" if holds else "violated")


def formula(rng: np.random.Generator, depth: int) -> str:
    """A random rule."""
    if depth == 0:
        return str(rng.choice(["a", "x > 0", "x <= 1", "abs(x) < 1.5", 'w == "hall"', "not a"]))
    one, two = formula(rng, depth - 1), formula(rng, depth - 1)
    forms = [
        f"always({one})", f"never({one})", f"eventually({one})", f"next({one})",
        f"within({rng.integers(3)}, {one})", f"until({one}, {two})", f"implies({one}, {two})",
        f"({one} and {two})", f"({one} or {two})", f"not ({one})",
    ]  # fmt: skip
    return str(rng.choice(forms))


@pytest.mark.parametrize("seed", range(3))
def test_z3_equals_the_definition_on_random_rules(seed: int) -> None:
    """Complete traces and beginnings."""
    rng = np.random.default_rng(seed)
    for _ in range(25):
        rule = parse_rule(formula(rng, 2))
        where = trace(*rng.integers(-2, 3, rng.integers(1, 5)), complete=bool(rng.integers(2)))
        expected = "holds" if evaluate(rule.node, where) else "violated"
        assert check_rules([rule], where)[0].verdict == expected, rule.text


def test_an_interval_is_judged_for_all_of_its_values() -> None:
    """Holds for all, violated for all, or open with the values that break it."""
    assert verdict("always(x > 0)", trace((0.5, 1.0), (0.1, 2.0))) == "holds"
    assert verdict("always(x > 0)", trace((0.5, 1.0), (-2.0, -1.0))) == "violated"
    found = check_rules([parse_rule("always(x > 0)")], trace((0.5, 1.0), (-1.0, 1.0)))[0]
    assert found.verdict == "unknown" and found.witness is not None
    assert found.witness["x@1"] <= 0 < found.witness["x@0"]


def test_intervals_are_joined_across_steps_not_judged_one_by_one() -> None:
    """The same value of x must break both sides: interval arithmetic alone could not tell."""
    assert verdict("always(x - x == 0)", trace((-1.0, 1.0))) == "holds"
    assert verdict("x > 0 or x <= 0", trace((-1.0, 1.0))) == "holds"


def test_blocks_are_logged_counted_and_settled() -> None:
    """The best allowed plan is chosen; false blocks and misses are counted by the outcome."""
    executor = NeuroSymbolicExecutor(parse_rules([("low", "always(x < 2)")]))
    plans = [
        Proposal("fast", trace((1.0, 3.0)), 9.0),
        Proposal("slow", trace((0.5, 1.0)), 5.0),
        Proposal("slower", trace((0.1, 0.2)), 1.0),
    ]
    chosen = executor.choose(plans)
    assert chosen is not None and chosen.proposal.plan == "slow"
    assert executor.counts.checked == 2 and executor.counts.blocked == 1
    assert executor.log == [
        {"rule": "low", "verdict": "unknown", "witness": executor.log[0]["witness"]}
    ]
    assert executor.log[0]["witness"]["x@0"] >= 2
    assert executor.settle(executor.judge(plans[0]), trace(1.5))  # it would have been fine
    assert not executor.settle(chosen, trace(2.5))  # the model was wrong
    assert executor.counts.false_blocks == 1 and executor.counts.misses == 1


def test_where_all_plans_are_blocked_none_is_chosen() -> None:
    """Nothing is better than something forbidden."""
    executor = NeuroSymbolicExecutor(parse_rules([("low", "always(x < 2)")]))
    assert executor.choose([Proposal(0, trace(3.0), 1.0)]) is None


def test_rules_that_nothing_can_keep_are_refused() -> None:
    """With the names of those that clash, and not of the others."""
    rules = [("high", "always(x > 1)"), ("low", "eventually(x < 0)"), ("y", "always(y > 0)")]
    with pytest.raises(ConfigError, match="'high' and 'low'"):
        NeuroSymbolicExecutor(parse_rules(rules))
    with pytest.raises(ConfigError, match="at least one"):
        NeuroSymbolicExecutor(())


@pytest.mark.parametrize(
    "text",
    [
        "", "always(", "x", "1", "always(x > 0, 1)", "within(x, a)", "within(-1, a)", "foo(a)",
        "__import__('os').system('true')", "x.y > 0", "x[0] > 0", "lambda: a", "a if b else c",
        'w > "hall"', '"a" == "b"', "x in y", "x > True", "always(x > 0)\nx > 1", "x ** 2 > 1",
        "not " * 3000 + "a", "f'{x}' == 'a'",
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused(text: str) -> None:
    """Every one with three sentences, and nothing is run."""
    if text == "x":
        assert parse_rule(text).node.kind == "switch"
        return
    with pytest.raises(ConfigError, match=r"docs/safety\.md"):
        parse_rule(text)


def test_traces_that_do_not_fit_are_refused() -> None:
    """A missing variable names its neighbour; NaN and empty intervals cannot be judged."""
    with pytest.raises(ConfigError, match=r"Nearest: x"):
        verdict("always(xx > 0)", trace(1.0))
    for bad in (float("nan"), (2.0, 1.0), float("inf")):
        with pytest.raises(ConfigError, match="cannot be judged"):
            verdict("always(x > 0)", trace(bad))
    with pytest.raises(ConfigError, match="no step"):
        verdict("always(x > 0)", Trace(()))


def test_rules_from_a_file(tmp_path: Path) -> None:
    """A name and a formula a line; words in other scripts are words."""
    path = tmp_path / "rules.yaml"
    path.write_text('rules:\n  hall: never(w == "холл")\n  low: always(x < 2)\n', "utf-8")
    rules = load_rules(path)
    assert [rule.name for rule in rules] == ["hall", "low"]
    found = check_rules(rules, as_trace([{"w": "холл", "x": 1}], True))
    assert [finding.verdict for finding in found] == ["violated", "holds"]
    path.write_text("rule: 3\n")
    with pytest.raises(ConfigError, match="Expected `rules:`"):
        load_rules(path)
