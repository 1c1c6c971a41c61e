"""Policies by what a user types: runs, one run a task, SB3 zips, ONNX graphs."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO, SAC

from daneel.agents.baselines import PPO as OurPPO
from daneel.envs import EnvConfig
from daneel.envs.suites import find_skill
from daneel.errors import ConfigError
from daneel.evaluation.suites.acting import NotRunError
from daneel.evaluation.suites.episodes import Stage
from daneel.evaluation.suites.policies import open_policy
from daneel.training import TrainConfig, train

panda_gym = pytest.importorskip("panda_gym", reason="the extra 'suites' is not installed")

REACH = find_skill("panda-reach")
OTHER = find_skill("panda-push")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hardly trained run on one task, in a folder named like the task."""
    folder = tmp_path_factory.mktemp("specialists") / REACH.name
    settings: dict[str, Any] = {"n_steps": 8, "n_epochs": 1}
    train(
        TrainConfig(
            env=EnvConfig(id=REACH.env, action_repeat=2),
            agent=OurPPO.Config(batch_size=8, kwargs=settings),
            steps=32,
            out=str(folder),
            eval_every=None,
        )
    )
    return folder


def episode(policy: Any, skill: Any = REACH) -> Any:
    """The first episode."""
    stage = Stage(skill, policy, 0)
    try:
        return stage.run(0).episode
    finally:
        stage.close()


def test_a_run(run):
    """It acts at the rate it was trained at, and says what it was trained on."""
    policy = open_policy(str(run))
    assert policy.trained_on == (REACH.env,)
    assert policy.sha256 and policy.sha256 == open_policy(str(run)).sha256
    assert policy.action_repeat(REACH) == 2
    found = episode(policy)
    assert found.steps > found.decisions or found.success
    assert found.return_ == episode(open_policy(str(run))).return_


def test_a_run_in_a_task_of_another_shape(run):
    """The task is not run, and the reason names both shapes."""
    with pytest.raises(NotRunError, match=r"'state' \[6\], the task shows \[18\]"):
        episode(open_policy(str(run)), OTHER)


def test_one_run_for_each_task(run):
    """A folder of runs named like tasks acts with the run of each; others are not run."""
    policy = open_policy(str(run.parent))
    assert policy.trained_on == (REACH.env,)
    assert episode(policy).return_ == episode(open_policy(str(run))).return_
    with pytest.raises(NotRunError, match="no agent was trained"):
        episode(policy, OTHER)


def test_a_folder_without_runs(tmp_path):
    """The message says what was expected."""
    with pytest.raises(ConfigError, match="holds no run"):
        open_policy(str(tmp_path))


@pytest.mark.parametrize("algorithm", [SAC, PPO])
def test_a_zip_of_stable_baselines(tmp_path, algorithm):
    """A model saved by the library, for the native environment, acts as it does there."""
    native = gym.make(REACH.env)
    model = algorithm("MultiInputPolicy", native, seed=0, device="cpu")
    model.save(tmp_path / "model.zip")
    policy = open_policy(str(tmp_path / "model.zip"))
    assert policy.trained_on is None
    stage = Stage(REACH, policy, 0)
    obs, _ = stage.env.reset(seed=1)
    theirs, _ = native.reset(seed=1)
    expected, _ = model.predict(theirs, deterministic=True)
    space: Any = stage.env.observation_space
    performer = policy.performer(REACH, space, stage.env.action_space, 0)
    batch = {key: value[None] for key, value in obs.items()}
    np.testing.assert_allclose(performer.act(batch)[0][0], expected, atol=1e-6)
    stage.close()
    native.close()


def test_a_file_that_is_no_model(tmp_path):
    """A zip of something else, or no zip at all."""
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(ConfigError, match="not a model saved by Stable-Baselines3"):
        open_policy(str(tmp_path / "text.zip"))


def test_an_onnx_graph(tmp_path):
    """A graph with modalities as inputs computes the action."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    inputs = [make.make_tensor_value_info(k, kind, [1, 3]) for k in ("goal", "achieved")]
    output = make.make_tensor_value_info("action", kind, [1, 3])
    node = make.make_node("Sub", ["goal", "achieved"], ["action"])
    graph = make.make_graph([node], "reach", inputs, [output])
    opsets = [make.make_opsetid("", 17)]
    model = make.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.save(model, tmp_path / "reach.onnx")
    policy = open_policy(str(tmp_path / "reach.onnx"))
    stage = Stage(REACH, policy, 0)
    obs, _ = stage.env.reset(seed=1)
    space: Any = stage.env.observation_space
    performer = policy.performer(REACH, space, stage.env.action_space, 0)
    action, _ = performer.act({key: value[None] for key, value in obs.items()})
    stage.close()
    np.testing.assert_allclose(action[0], obs["goal"] - obs["achieved"], atol=1e-7)


def test_a_graph_that_is_none(tmp_path):
    """The message says so."""
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ConfigError, match="Expected an ONNX graph"):
        open_policy(str(tmp_path / "text.onnx"))
