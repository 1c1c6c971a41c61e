"""Controllers are fresh for each episode and row, and unknown skills are refused."""

import numpy as np
import pytest

from daneel.agents import AgentState
from daneel.agents.experts import EXPERTS, Controller, Scripted, expert_of
from daneel.errors import ConfigError, UnknownNameError
from tests.agents.experts import need, skill


def counting() -> Controller:
    """Adds up what it saw: a controller with a memory."""
    total = np.zeros(1)

    def act(obs: dict[str, np.ndarray]) -> np.ndarray:
        total[:] += obs["state"]
        return total.copy()

    return act


def observe(*values: float) -> dict[str, np.ndarray]:
    """Observations of as many environments as there are values."""
    return {"state": np.array(values, np.float32)[:, None]}


def test_a_batch_of_two_equals_two_singles() -> None:
    """Rows do not share a memory."""
    both, first, second = Scripted(counting), Scripted(counting), Scripted(counting)
    states: list[AgentState | None] = [None, None, None]
    for step in (1.0, 2.0, 4.0):
        together, states[0] = both.act(observe(step, 10 * step), states[0])
        one, states[1] = first.act(observe(step), states[1])
        two, states[2] = second.act(observe(10 * step), states[2])
        assert together.dtype == np.float32
        assert np.array_equal(together, np.concatenate([one, two]))


def test_rows_that_begin_an_episode_forget_and_the_others_do_not() -> None:
    """`reset_state` renews some."""
    performer = Scripted(counting)
    _, state = performer.act(observe(1.0, 1.0))
    state = performer.reset_state(state, np.array([True, False]))
    action, _ = performer.act(observe(1.0, 1.0), state)
    assert action[:, 0].tolist() == [1.0, 2.0]


def test_rows_can_be_dropped() -> None:
    """As `run_episodes` does when no episode is left for a row."""
    performer = Scripted(counting)
    _, state = performer.act(observe(1.0, 5.0))
    kept = {key: value[np.array([False, True])] for key, value in state.items()}
    assert performer.act(observe(1.0), kept)[0].tolist() == [[6.0]]


@pytest.mark.parametrize("module", EXPERTS.names())
def test_a_foreign_skill_is_refused(module: str) -> None:
    """By every module, before it makes anything."""
    need(module)
    with pytest.raises(ConfigError, match=r"no script for the skill 'a-skill' \(CartPole-v1\)"):
        EXPERTS.load(module)(skill("CartPole-v1", 10))


@pytest.mark.parametrize(
    ("module", "env"),
    [
        ("meta_world", "Meta-World/fly-v3"),
        ("panda", "PandaFlip-v3"),
        ("mazes", "AntMaze_UMaze-v5"),
        ("dm_control", "dm_control/walker-walk-v0"),
        ("kitchen", "FrankaKitchen-v1"),
    ],
)
def test_a_skill_without_script_is_refused(module: str, env: str) -> None:
    """Also where the environments look alike."""
    need(module)
    with pytest.raises(ConfigError, match="has no script"):
        EXPERTS.load(module)(skill(env, 10))


def test_a_skill_names_its_expert() -> None:
    """And the message says so where it does not."""
    task = skill("dm_control/pendulum-swingup-v0", 10, expert="dm_control")
    assert isinstance(expert_of(task), Scripted)
    with pytest.raises(ConfigError, match="has no expert"):
        expert_of(skill("CartPole-v1", 10))
    with pytest.raises(UnknownNameError, match="dm_control"):
        expert_of(skill("CartPole-v1", 10, expert="dm_controll"))
