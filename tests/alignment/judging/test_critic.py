"""The critic finds faults it was not trained on, and its term punishes them."""

from __future__ import annotations

import numpy as np
import pytest

from daneel.alignment.judging import CriticConfig, CriticRLHF, Plan, Program, Record, Trajectory
from daneel.alignment.judging.critic import kind_of
from daneel.alignment.judging.injected import examples, trajectory
from daneel.errors import ConfigError
from daneel.evaluation.bench import judging_plan_faults as faults


@pytest.fixture(scope="module")
def critic() -> CriticRLHF:
    """A critic trained on few examples."""
    return CriticRLHF.pretrained(seed=0, each=150)


GOOD = Plan(
    "Put the Apple in the Fridge.",
    (
        "find Apple",
        "pick Apple",
        "find Fridge",
        "open Fridge",
        "put Apple in Fridge",
        "close Fridge",
    ),
)


def test_plans(critic: CriticRLHF) -> None:
    """A sound plan passes; one that reaches into a closed fridge does not, and is told why."""
    assert not critic.criticise(GOOD).faulty
    bad = Plan(GOOD.instruction, tuple(step for step in GOOD.steps if step != "open Fridge"))
    critique = critic.criticise(bad)
    assert critique.faulty
    assert any("shut" in finding for finding in critique.findings)


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("def f(x):\n    return x + y\n", "nobody binds"),
        ("def f(x):\n    return x\n    x += 1\n", "never reached"),
        ("def f(x):\n    while x > 1:\n        print(x)\n    return x\n", "cannot end"),
        ("def f(x:\n", "does not parse"),
    ],
)
def test_programs(critic: CriticRLHF, source: str, finding: str) -> None:
    """Also signs that no training fault left."""
    critique = critic.criticise(Program(source))
    assert critique.faulty
    assert finding in critique.findings[0]


def test_trajectories(critic: CriticRLHF) -> None:
    """A spike is found where it is."""
    good = trajectory(np.random.default_rng(3))
    assert not critic.criticise(good).faulty
    x = good.observations.copy()
    x[60, 1] += 3.0
    assert critic.criticise(Trajectory(x, good.actions)).faulty


def test_unseen_makers_and_faults(critic: CriticRLHF) -> None:
    """At least the issue's precision, and most faults, in every kind."""
    work, faulty, _ = faults.examples(np.random.default_rng(11), 60)
    for kind in ("plan", "program", "trajectory"):
        rows = [at for at, item in enumerate(work) if kind_of(item) == kind]
        said = np.array([critic.criticise(work[at]).faulty for at in rows])
        truth = np.array([faulty[at] for at in rows])
        assert said[truth].mean() > 0.6
        assert truth[said].mean() >= 0.8


def test_reward_term(critic: CriticRLHF) -> None:
    """Sound work earns more than faulty work."""
    term = critic.reward_term(2.0)
    assert -2.0 <= term(Plan(GOOD.instruction, GOOD.steps[4:])) < term(GOOD) <= 0.0


def test_as_a_layer(critic: CriticRLHF) -> None:
    """A plan that cannot work is not tried; no plan is nothing to criticise."""
    assert critic.judge([Record(GOOD.instruction, None, GOOD.steps)])[0].verdict == "allow"
    assert critic.judge([Record(GOOD.instruction, None, GOOD.steps[4:])])[0].verdict == "unsure"
    assert critic.judge([Record("Hello")])[0].verdict == "allow"


def test_wrong_turns() -> None:
    """Untrained, one-sided, too short."""
    with pytest.raises(ConfigError, match="knows nothing"):
        CriticRLHF().criticise(GOOD)
    with pytest.raises(ConfigError, match="alike"):
        CriticRLHF.train([GOOD, GOOD], [False, False])
    with pytest.raises(ConfigError, match="precision"):
        CriticConfig(precision=0)
    with pytest.raises(ValueError, match="at least 8"):
        CriticRLHF.train([Trajectory(np.zeros((3, 2)), np.zeros((3, 1)))] * 2, [True, False])


def test_same_seed_same_work() -> None:
    """Everything that is made comes from the generator."""
    first, second = (examples(np.random.default_rng(4), 6)[0] for _ in range(2))
    assert first[:12] == second[:12]
