"""Anything that acts, by what a user types: a run, an SB3 zip, a callable, an ONNX file, or a name.

`open_policy` turns the text into a `Policy`, which gives a `Performer` for each episode. A policy
that cannot act in a skill's spaces says so, and the skill reads "not run".
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from daneel.agents import Performer
from daneel.agents.experts import EXPERTS
from daneel.envs.suites import Skill
from daneel.errors import ConfigError
from daneel.evaluation.suites.acting import NotRunError, Policy, Stateless

EXPERT, RANDOM = "expert", "random"


def open_policy(text: str, which: str | None = None) -> Policy:
    """The policy that a user named.

    Args:
        text: "expert", "random", a run folder or a folder with a run for each skill,
            "module:function", a ".onnx" file, or an SB3 ".zip" (loading one runs the code pickled
            in it: open only those that you trust).
        which: Checkpoint of a run.

    Raises:
        ConfigError: It is none of these.
    """
    if text == EXPERT:
        return ExpertPolicy()
    if text == RANDOM:
        return RandomPolicy()
    path = Path(text)
    if path.is_dir():
        return _open_folder(path, which)
    for ending, kind in _files().items():
        if text.endswith(ending):
            return kind(path)
    if ":" in text:
        return CallablePolicy(text)
    raise ConfigError(
        f"{text!r} is no policy. Expected a run folder, expert, random, module:function, an SB3 "
        ".zip or an .onnx file. Type `daneel eval --help`."
    )


def _open_folder(path: Path, which: str | None) -> Policy:
    from daneel.evaluation.suites.policy_runs import open_folder

    return open_folder(path, which)


def _files() -> dict[str, Callable[[Path], Policy]]:
    """Kinds of files, imported when asked for: each needs a library of its own."""
    from daneel.evaluation.suites.policy_files import OnnxPolicy, ZipPolicy

    return {".zip": ZipPolicy, ".onnx": OnnxPolicy}


class ExpertPolicy:
    """The scripted expert of each skill."""

    name = EXPERT
    sha256 = None
    trained_on = ()

    def action_repeat(self, skill: Skill) -> int:
        """One, unless the expert says otherwise."""
        return int(getattr(self._expert(skill), "action_repeat", 1))

    def performer(
        self, skill: Skill, observations: spaces.Dict, actions: spaces.Space[Any], seed: int
    ) -> Performer:
        """A fresh expert."""
        return self._expert(skill)

    def _expert(self, skill: Skill) -> Performer:
        if skill.expert is None:
            raise NotRunError("there is no expert for this task")
        return EXPERTS.load(skill.expert)(skill)


class RandomPolicy:
    """Uniform actions; the episode's seed decides them."""

    name = RANDOM
    sha256 = None
    trained_on = ()

    def action_repeat(self, skill: Skill) -> int:
        """That of the skill."""
        return skill.action_repeat

    def performer(
        self, skill: Skill, observations: spaces.Dict, actions: spaces.Space[Any], seed: int
    ) -> Performer:
        """Draws from a generator of its own."""
        generator = np.random.default_rng(seed)
        if isinstance(actions, spaces.Discrete):
            first, count = int(actions.start), int(actions.n)
            return Stateless(lambda obs: first + generator.integers(count))
        assert isinstance(actions, spaces.Box)
        low, high = actions.low, actions.high
        return Stateless(lambda obs: generator.uniform(low, high).astype(np.float32))


class CallablePolicy:
    """A function from one observation (a dictionary of modalities) to one action."""

    sha256 = None
    trained_on = None

    def __init__(self, text: str) -> None:
        """Imports the function; modules beside the working directory are found.

        Raises:
            ConfigError: There is no such module or function.
        """
        self.name = text
        module, _, attribute = text.partition(":")
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        try:
            self._call: Any = importlib.import_module(module)
            for part in attribute.split("."):
                self._call = getattr(self._call, part)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"Cannot load the policy {text!r}: {error}. Expected package.module:function, a "
                "function from an observation to an action. Type `daneel eval --help`."
            ) from error

    def action_repeat(self, skill: Skill) -> int:
        """That of the skill, or the function's own attribute `action_repeat`."""
        return int(getattr(self._call, "action_repeat", skill.action_repeat))

    def performer(
        self, skill: Skill, observations: spaces.Dict, actions: spaces.Space[Any], seed: int
    ) -> Performer:
        """The function, called once a decision."""
        return Stateless(self._call)
