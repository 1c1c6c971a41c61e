"""The twin: what it hides, what it charges, that a seed determines it."""

import gc
import types

import numpy as np
import pytest

from daneel.envs import EnvConfig, make_for_scores
from daneel.envs.twins import DeployedTwin, SampleBudgetError, load_task
from daneel.envs.twins.server import hidden_parameters
from daneel.errors import ConfigError, DaneelError

HIDDEN = 918273


@pytest.fixture(scope="module")
def twin():
    """One twin for all tests that need no budget."""
    env = DeployedTwin("Drawer", HIDDEN)
    yield env
    env.close()


def roll(env, seed, steps=12):
    """States of an episode under a constant command."""
    seen = [env.reset(seed=seed)[0]["state"]]
    for _ in range(steps):
        seen.append(env.step(np.full(env.action_space.shape, 0.5))[0]["state"])
    return np.array(seen)


def numbers_within_reach(root):
    """Every number that can be reached from an object without leaving it for a module."""
    seen, found, todo = set(), [], [root]
    while todo:
        item = todo.pop()
        if id(item) in seen or isinstance(item, types.ModuleType | types.FunctionType | type):
            continue
        seen.add(id(item))
        if isinstance(item, np.ndarray) and item.dtype.kind in "fi":
            found += item.ravel().tolist()
        elif isinstance(item, int | float):
            found.append(item)
        todo += gc.get_referents(item)
    return found


def test_parameters_are_out_of_reach(twin):
    """Neither the parameters nor their seed can be reached from the object that learners hold."""
    roll(twin, 0)
    task = load_task("Drawer")
    drawn = hidden_parameters(task, HIDDEN)[0]
    numbers = np.array(numbers_within_reach(twin), float)
    assert len(numbers) > 10  # the walk walks
    assert not np.isin(HIDDEN, numbers)
    for value in drawn:
        assert np.abs(numbers - value).min() > 1e-9
    assert twin.spec is None


def test_the_seeds_determine_everything(twin):
    """The same seeds give the same episode, whatever came before; another twin another one."""
    expected = roll(twin, 7)
    roll(twin, 8)
    np.testing.assert_array_equal(roll(twin, 7), expected)
    same, other = DeployedTwin("Drawer", HIDDEN), DeployedTwin("Drawer", HIDDEN + 1)
    np.testing.assert_array_equal(roll(same, 7), expected)
    assert np.abs(roll(other, 7) - expected).max() > 0.01
    same.close()
    other.close()


def test_every_observation_costs_and_the_budget_ends():
    """Resets and steps are counted; beyond the budget both are refused, again and again."""
    env = DeployedTwin("SwingUp", 1, budget=5)
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.zeros(1))
    assert (env.samples, env.samples_left) == (4, 1)
    env.reset()
    for ask in (lambda: env.step(np.zeros(1)), env.reset):
        with pytest.raises(SampleBudgetError, match=r"5 samples.*`budget`"):
            ask()
    env.samples, env.budget = 0, 100  # what is here is a copy
    with pytest.raises(SampleBudgetError):
        env.step(np.zeros(1))
    env.close()


def test_a_connection_for_scores_is_free():
    """It gives more than the budget and counts nothing; none becomes one on the way."""
    scored = make_for_scores(EnvConfig("Twin/DrawerDeployed-v0", kwargs={"hidden": 1, "budget": 5}))
    twin = scored.unwrapped
    assert isinstance(twin, DeployedTwin) and len(roll(twin, 0)) == 13
    assert twin.samples == 0 and twin.samples_left is None
    learned = DeployedTwin("Drawer", 1, budget=5)
    np.testing.assert_array_equal(roll(learned, 0, 4), roll(twin, 0, 4))
    with pytest.raises(DaneelError, match="given 5 samples"):
        learned.score_only()
    with pytest.raises(SampleBudgetError):
        learned.reset(seed=0)
    for env in (scored, learned):
        env.close()


def test_a_twin_that_has_ended_says_so():
    """After close() a twin answers with what to do."""
    env = DeployedTwin("SwingUp", 1)
    env.close()
    with pytest.raises(DaneelError, match="Make the environment again"):
        env.reset()


def test_bad_seeds_are_refused():
    """A negative seed is refused."""
    with pytest.raises(ConfigError, match="hidden is -1"):
        DeployedTwin("SwingUp", -1)
