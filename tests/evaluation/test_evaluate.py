"""Evaluation of an agent: the numbers, the record, and what is hashed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from daneel.alignment import weights_hash
from daneel.envs import EnvConfig
from daneel.errors import ConfigError
from daneel.evaluation import (
    agent_weights,
    describe,
    evaluate,
    load_evaluation,
    save_evaluation,
)
from daneel.training import load_agent
from tests.evaluation import runs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run."""
    return runs.trained(tmp_path_factory.mktemp("runs") / "run")


def test_summary_by_hand() -> None:
    """Eight returns, two of them far out; six successes."""
    found = runs.evaluation([0, 10, 10, 10, 10, 10, 10, 100], [True] * 6 + [False] * 2)
    assert found.mean == pytest.approx(20) and found.iqm == pytest.approx(10)
    assert found.success_rate == 0.75 and found.episodes == 8
    assert found.success_interval is not None
    # Wilson for 6 of 8, by the formula with z = 1.96.
    assert found.success_interval.low == pytest.approx(0.409, abs=1e-3)
    assert found.success_interval.high == pytest.approx(0.929, abs=1e-3)
    assert found.mean_interval is not None
    assert found.mean_interval.low < 20 < found.mean_interval.high


def test_one_episode_has_no_interval_and_says_so() -> None:
    """Neither a width of zero nor a guess."""
    found = runs.evaluation([5.0])
    assert found.mean_interval is None and found.success_rate is None
    assert "one episode: no interval" in describe(found)


def test_same_seed_same_episodes(run: Path) -> None:
    """Also when several environments are stepped side by side."""
    agent, trained, _ = load_agent(run)
    one = evaluate(agent, trained.env, 3, seed=4)
    two = evaluate(agent, trained.env, 3, seed=4, num_envs=3)
    other = evaluate(agent, trained.env, 3, seed=5)
    assert one.seeds == two.seeds != other.seeds
    assert one.returns == pytest.approx(two.returns)
    assert one.returns != other.returns


def test_the_hash_is_of_the_weights_and_survives_acting(run: Path) -> None:
    """A changed weight changes it; episodes do not."""
    agent, trained, which = load_agent(run)
    before = weights_hash(agent_weights(agent))
    found = evaluate(agent, trained.env, 2, checkpoint=which)
    assert found.weights_sha256 == before == weights_hash(agent_weights(agent))
    state = agent.state_dict()
    with torch.no_grad():
        next(iter(state["q"].values())).add_(1e-3)
    agent.load_state_dict(state)
    assert weights_hash(agent_weights(agent)) != before


def test_only_what_was_learned_is_hashed() -> None:
    """Generators and counters move without learning."""

    class Stub:
        def state_dict(self) -> dict[str, object]:
            return {
                "net": {"w": torch.ones(2), "count": torch.tensor(3)},
                "scale": [np.ones(1, np.float32)],
                "generator": torch.zeros(4, dtype=torch.uint8),
                "updates": 7,
            }

    assert sorted(agent_weights(Stub())) == ["net.w", "scale.0"]  # type: ignore[arg-type]


def test_the_record_comes_back(tmp_path: Path) -> None:
    """Nothing is lost; a run without one has none."""
    assert load_evaluation(tmp_path) is None
    found = runs.evaluation([1.0, 2.5], [True, False])
    save_evaluation(found, tmp_path)
    assert load_evaluation(tmp_path) == found


def test_another_environment(run: Path) -> None:
    """With a limit on the length."""
    agent, _, _ = load_agent(run)
    env = EnvConfig(id="Pendulum-v1", kwargs={"g": 5.0})
    found = evaluate(agent, env, 1, max_steps=7)
    assert found.env.kwargs == {"g": 5.0} and found.lengths == (7,)


def test_no_episodes_are_refused(run: Path) -> None:
    """With what to type."""
    agent, trained, _ = load_agent(run)
    with pytest.raises(ConfigError, match="episodes is 0"):
        evaluate(agent, trained.env, 0)
