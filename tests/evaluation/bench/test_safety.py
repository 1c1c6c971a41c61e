"""Every tampering of the bench is refused, and its worlds are safe under the shield."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from daneel.alignment import CheckSpec, release, run_gate, save_report, weights_hash
from daneel.alignment.safety import PlantEnv
from daneel.envs import EnvConfig, make_single
from daneel.errors import CheckpointError, UnknownNameError
from daneel.evaluation.bench import safety
from daneel.evaluation.bench.safety_shield import Tally, _episodes
from daneel.evaluation.bench.safety_tampering import TAMPERINGS
from daneel.evaluation.bench.safety_worlds import WORLDS
from daneel.training import agent_weights, build_candidate, load_agent, load_seen_range, train
from tests.training.children import tiny_config


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small agent with a release."""
    run = tmp_path_factory.mktemp("runs") / "run"
    train(tiny_config(run, EnvConfig("daneel/IdentityBox-v0"), eval_every=0))
    agent, config, name = load_agent(run)
    env = make_single(config.env)
    evidence = {"returns": [1.0] * 5, "weights_sha256": weights_hash(agent_weights(agent))}
    candidate = build_candidate(
        agent,
        env.observation_space,  # type: ignore[arg-type]
        env.action_space,
        load_seen_range(run),
        evidence,
        run / "checkpoints" / name,
    )
    save_report(run_gate(candidate, [CheckSpec("weights_unchanged")]), run)
    release(run, candidate.path, candidate.weights)
    return run


@pytest.mark.parametrize("name", TAMPERINGS)
def test_every_tampering_is_refused_with_what_to_type(
    released: Path, tmp_path: Path, name: str
) -> None:
    """On a copy: the copy as it is loads, the changed one does not, and says what to do."""
    run = Path(shutil.copytree(released, tmp_path / "run"))
    assert load_agent(run)[2] == "released"
    TAMPERINGS[name](run)
    with pytest.raises(CheckpointError, match=r"(?s)Expected.*daneel gate"):
        load_agent(run)


@pytest.mark.parametrize("row", WORLDS)
def test_shielded_episodes_are_safe_and_certified(row: str) -> None:
    """A few of each world, and the first state of many is one the certificate knows."""
    world, tally = WORLDS[row](3), Tally()
    _episodes(world, True, tally, range(2))
    assert tally.unsafe == 0 and tally.uncertified == 0
    env = PlantEnv(world.task)
    for seed in range(50):
        assert env.reset(seed=seed)[1]["unsafe"] is False
        assert world.certificate.contains(np.asarray(env.state))


def test_parts_are_checked() -> None:
    """By name."""
    with pytest.raises(UnknownNameError, match="Nearest: shield"):
        safety.Options(parts=("sheild",))
