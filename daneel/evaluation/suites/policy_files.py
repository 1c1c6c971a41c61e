"""Policies from files of other libraries: Stable-Baselines3 zips and ONNX graphs."""

from __future__ import annotations

import hashlib
import importlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from daneel.agents import Performer
from daneel.envs.suites import Skill
from daneel.errors import ConfigError, MissingExtraError
from daneel.evaluation.suites.acting import Fitted, NotRunError, Stateless
from daneel.registry import Entry, Registry

_SB3, _CONTRIB = "stable_baselines3:", "sb3_contrib:"
ZIPS = Registry(
    "SB3 policy",
    Entry("stable_baselines3.sac.policies", _SB3 + "SAC", "soft actor-critic"),
    Entry("stable_baselines3.td3.policies", _SB3 + "TD3", "TD3, and DDPG, which shares its class"),
    Entry("stable_baselines3.dqn.policies", _SB3 + "DQN", "deep Q-network"),
    Entry("stable_baselines3.common.policies", _SB3 + "PPO", "PPO, and A2C, which acts the same"),
    Entry("sb3_contrib.tqc.policies", _CONTRIB + "TQC", "truncated quantile critics"),
    Entry("sb3_contrib.qrdqn.policies", _CONTRIB + "QRDQN", "quantile regression DQN"),
    Entry("sb3_contrib.crossq.policies", _CONTRIB + "CrossQ", "SAC without target networks"),
    Entry("sb3_contrib.common.recurrent.policies", _CONTRIB + "RecurrentPPO", "PPO with memory"),
)
"""Which class loads a zip, by the module of the policy recorded in it."""

MODALITY = {"observation": "state", "achieved_goal": "achieved", "desired_goal": "goal"}
"""What goal environments call their observations, and what we call them."""


class ZipPolicy:
    """What `model.save()` of Stable-Baselines3 wrote. Loading it runs code pickled in the file."""

    trained_on = None

    def __init__(self, path: Path) -> None:
        """Loads the model on the CPU.

        Raises:
            ConfigError: It is no such file.
            UnknownNameError: It holds a policy of an algorithm that is not known.
        """
        self.name, self.sha256 = path.name, file_sha256(path)
        kind = ZIPS.load(_policy_module(path))
        if kind.__name__ == "RecurrentPPO":
            raise ConfigError(
                f"{path.name} holds a recurrent policy. Expected one without memory. Wrap it in a "
                "function and type `daneel eval package.module:function --suite NAME`."
            )
        self._model = kind.load(path, device="cpu")

    def action_repeat(self, skill: Skill) -> int:
        """That of the skill."""
        return skill.action_repeat

    def performer(
        self, skill: Skill, observations: spaces.Dict, actions: spaces.Space[Any], seed: int
    ) -> Performer:
        """The model's deterministic action."""
        wants = spaces.Dict(
            {MODALITY.get(key, key): space for key, space in self._native().items()}
        )
        acting = Stateless(self._predict)
        return Fitted(acting, wants, self._model.action_space, observations, actions)

    def _native(self) -> dict[str, spaces.Space[Any]]:
        """Spaces that the model was made for, by the environment's own names."""
        space = self._model.observation_space
        return dict(space.spaces) if isinstance(space, spaces.Dict) else {"state": space}

    def _predict(self, obs: dict[str, np.ndarray]) -> np.ndarray:
        native = {key: obs[MODALITY.get(key, key)] for key in self._native()}
        flat = not isinstance(self._model.observation_space, spaces.Dict)
        action, _ = self._model.predict(native["state"] if flat else native, deterministic=True)
        return np.asarray(action)


class OnnxPolicy:
    """A graph from observation to action: inputs named as the modalities, or one for `state`."""

    trained_on = None

    def __init__(self, path: Path) -> None:
        """Opens the graph on one thread.

        Raises:
            ConfigError: It is no ONNX file.
            MissingExtraError: onnxruntime is not installed.
        """
        self.name, self.sha256 = path.name, file_sha256(path)
        try:
            onnxruntime: Any = importlib.import_module("onnxruntime")
        except ImportError as error:
            raise MissingExtraError(
                f"The policy {path.name} needs onnxruntime, which is not installed. It comes with "
                "the extra 'onnx'. Type `pip install \"daneel[onnx]\"`."
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            providers = ["CPUExecutionProvider"]
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # the library raises classes of its own, without a common base
            raise ConfigError(
                f"Cannot read the policy {path.name}: {error}. Expected an ONNX graph."
            ) from error
        self._inputs = [item.name for item in self._session.get_inputs()]

    def action_repeat(self, skill: Skill) -> int:
        """That of the skill."""
        return skill.action_repeat

    def performer(
        self, skill: Skill, observations: spaces.Dict, actions: spaces.Space[Any], seed: int
    ) -> Performer:
        """The graph, one observation at a time."""
        if len(self._inputs) > 1:
            missing = sorted(set(self._inputs) - set(observations.spaces))
            if missing:
                raise NotRunError(f"the graph has inputs {missing} that the task does not show")
        return Stateless(self._infer)

    def _infer(self, obs: dict[str, np.ndarray]) -> np.ndarray:
        names = self._inputs if len(self._inputs) > 1 else ["state"]
        feed = {name: obs[key][None] for name, key in zip(self._inputs, names, strict=True)}
        return np.asarray(self._session.run(None, feed)[0])[0]


def file_sha256(path: Path) -> str:
    """Hash of a policy's file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(
            f"Cannot read the policy {str(path)!r}: {error.strerror}. Expected a file. "
            "Type `daneel eval --help`."
        ) from error


def _policy_module(path: Path) -> str:
    """The module of the policy's class, read without running anything of the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            data = json.loads(archive.read("data"))
        return str(data["policy_class"]["__module__"])
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ConfigError(
            f"{str(path)!r} is not a model saved by Stable-Baselines3 ({error}). Expected what "
            "`model.save()` writes. Type `daneel eval --help`."
        ) from error
