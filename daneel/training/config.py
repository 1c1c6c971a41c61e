"""What a training is: one frozen dataclass, and the command line that makes it.

`daneel train PRESET|ENV_ID [flags]` stacks, from below: the defaults of the dataclasses, the
preset, the flags. The agent's own dataclass is chosen before the flags are read, so `--agent.*` are
the fields of that agent and `--help` shows them.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from daneel.agents import AGENTS
from daneel.alignment import load_gate
from daneel.config import from_dict, load_preset, preset_names
from daneel.envs import EnvConfig, list_ids
from daneel.errors import ConfigError, unknown_name
from daneel.training.logs import LogError, logged_env
from daneel.training.offline import OfflineConfig
from daneel.training.tracking import TRACKERS

AgentConfig = TypeVar("AgentConfig")

DEFAULT_AGENT = "planner"
LOG_AGENT = "pessimist"
_MAX_ROWS = 1_000_000
_POSITIVE = ("threads", "eval_episodes", "stop_after", "log_every")
_POSITIVE_OR_NONE = ("checkpoint_every", "replay_capacity")


@dataclass(frozen=True)
class TrainConfig(Generic[AgentConfig]):
    """One training run."""

    env: EnvConfig = field(default_factory=EnvConfig)
    """Where to train."""

    agent: AgentConfig = field(default_factory=lambda: _agent_config_class(DEFAULT_AGENT)())
    """What learns."""

    preset: str = "custom"
    """Name of this training, part of the run folder's name."""

    steps: int = 10_000
    """Environment steps: decisions times `env.action_repeat`, over all environments. With `logs`
    0 is allowed: learn from them and stop."""

    logs: tuple[str, ...] = ()
    """Learn from these first: LeRobot or Minari datasets, or run folders of `daneel train`."""

    offline: OfflineConfig = field(default_factory=OfflineConfig)
    """How the logs are used."""

    seed: int = 0
    """Seed from which every random draw of the run is derived."""

    device: str = "cpu"
    """Where the networks live: cpu, cuda or cuda:N. Runs repeat bit for bit on cpu."""

    threads: int = 1
    """Threads of torch. More are rarely faster for small networks."""

    tracker: str = "none"
    """Where metrics go besides the run folder: none, wandb or trackio."""

    out: str | None = None
    """Run folder to make; None makes runs/<date>-<preset>-<seed>."""

    eval_every: int | None = None
    """Environment steps between evaluations; None is a tenth of the run, 0 is never."""

    eval_episodes: int = 10
    """Episodes of each evaluation."""

    stop_return: float | None = None
    """End when this many evaluations in a row, `stop_after`, have at least this mean return: on a
    machine every further step costs."""

    stop_after: int = 3
    """Evaluations in a row for `stop_return`."""

    checkpoint_every: int | None = None
    """Environment steps between checkpoints; None is a tenth of the run."""

    replay_capacity: int | None = None
    """Rows of the replay: one a decision and one more an episode. None keeps about the whole run,
    at most a million."""

    hindsight: float = 0.8
    """Share of replayed windows that get a goal reached later on, in goal environments."""

    gate: str | None = None
    """Checks that every checkpoint must pass: default, strict or the path of a .yaml file. What
    passes is released; what does not goes back to the last release. None gates only the end."""

    critic: float | None = None
    """What the critic takes away from an episode's last reward when it finds the whole episode
    faulty; None trains without it. Evaluations score the task alone."""

    video: bool = False
    """Film one episode when the training has ended."""

    log_every: int = 250
    """Environment steps between records of the training's own metrics."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field is outside its range.
            UnknownNameError: no tracker has this name.
        """
        for name in _POSITIVE + _POSITIVE_OR_NONE:
            value = getattr(self, name)
            if value is None and name in _POSITIVE_OR_NONE:
                continue
            self._require(name, isinstance(value, int) and value >= 1, "a whole number from 1")
        least = 0 if self.logs else 1
        enough = isinstance(self.steps, int) and self.steps >= least
        self._require("steps", enough, f"a whole number from {least}")
        self._require("seed", 0 <= self.seed < 2**32, "a whole number from 0 to 4294967295")
        self._require("eval_every", (self.eval_every or 0) >= 0, "a whole number from 0")
        self._require("hindsight", 0 <= self.hindsight <= 1, "a number from 0 to 1")
        self._require(
            "preset", bool(re.fullmatch(r"[\w.-]+", self.preset)), "letters, digits, - _ ."
        )
        self._require("device", _is_device(self.device), "cpu, cuda or cuda:N, present here")
        self._require("critic", self.critic is None or self.critic > 0, "a number above 0")
        TRACKERS.entry(self.tracker)
        if self.gate is not None:
            load_gate(self.gate)

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise ConfigError(
                f"{name} is {getattr(self, name)!r}. Expected {expected}."
                " Type `daneel train --help` to see every field."
            )


def _is_device(name: str) -> bool:
    kind, _, index = name.partition(":")
    if kind == "cpu":
        return not index
    if kind != "cuda" or not (index.isdigit() or not index):
        return False
    return int(index or 0) < torch.cuda.device_count()


def resolve(config: TrainConfig[Any]) -> TrainConfig[Any]:
    """`config` with every None replaced by what it stands for; what the run folder records."""
    steps = config.steps or TrainConfig.steps  # of none for now: as many as may follow
    tenth = max(steps // 10, 1)
    decisions = steps // config.env.action_repeat
    # A quarter more: an episode of ten decisions takes eleven rows.
    rows = min(decisions + decisions // 4 + 16 * config.env.num_envs, _MAX_ROWS)
    return replace(
        config,
        out=config.out or str(_free_folder(config)),
        eval_every=tenth if config.eval_every is None else config.eval_every,
        checkpoint_every=config.checkpoint_every or tenth,
        replay_capacity=config.replay_capacity or rows,
        gate=_from_anywhere(config.gate),
        logs=tuple(os.path.abspath(path) for path in config.logs),
    )


def _from_anywhere(gate: str | None) -> str | None:
    """The path of a gate's file holds wherever the run is resumed from; a name is a name."""
    if gate is None or not gate.endswith((".yaml", ".yml")):
        return gate
    return str(Path(gate).absolute())


def _free_folder(config: TrainConfig[Any]) -> Path:
    """runs/<date>-<preset>-<seed>, with a number where that is taken."""
    today = datetime.date.today().isoformat()
    base = Path("runs") / f"{today}-{config.preset}-{config.seed}"
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path


def _agent_config_class(name: str) -> type[Any]:
    return AGENTS.load(name).Config


def config_type(agent: str) -> Any:
    """`TrainConfig[C]` for the configuration class C of the agent `agent`.

    Raises:
        UnknownNameError: no agent has this name.
    """
    return TrainConfig[_agent_config_class(agent)]


def from_data(data: dict[str, Any]) -> TrainConfig[Any]:
    """A configuration from plain data, as a preset or a `config.yaml` holds it.

    Raises:
        ConfigError: an unknown field, or a value outside its range.
        UnknownNameError: the agent or the tracker does not exist.
    """
    agent = dict(data.get("agent") or {})
    name = agent.setdefault("name", DEFAULT_AGENT)
    return from_dict(config_type(name), {**data, "agent": agent})


def plan(arguments: Sequence[str]) -> tuple[TrainConfig[Any], list[str]]:
    """Defaults of a command line, and the flags that are still to be laid on top.

    Args:
        arguments: PRESET or ENV_ID first, if any, then flags; `--agent NAME` chooses the agent.
            With `--logs` the environment is theirs and the agent the pessimist, unless named.

    Raises:
        UnknownNameError: no such preset, environment or agent; the nearest are named.
        LogError: there are no such logs, or they do not say where they were recorded.
    """
    rest = list(arguments)
    data: dict[str, Any] = {}
    logs = _logs_in(rest)
    if rest and not rest[0].startswith("-"):
        data = _preset_or_env(rest.pop(0))
    elif logs:
        data = _recorded(logs)
    agent, rest = _take_agent(rest)
    if logs and agent is None and "agent" not in data:
        agent = LOG_AGENT
    if agent is not None and agent != data.get("agent", {}).get("name", DEFAULT_AGENT):
        data = {**data, "agent": {"name": agent}}  # settings of another agent do not apply
    return from_data(data), rest


def _preset_or_env(name: str) -> dict[str, Any]:
    if name in preset_names() or name.endswith((".yaml", ".yml")):
        return load_preset(name)
    if re.search(r"-v\d+$", name):
        return {"env": {"id": name}, "preset": _as_preset(name)}
    hint = "Type `daneel list presets` or `daneel list envs` to see them all."
    raise unknown_name("preset or env", name, [*preset_names(), *list_ids()], hint)


def _as_preset(env_id: str) -> str:
    return re.sub(r"[^\w.-]+", "-", env_id)


def _logs_in(arguments: Sequence[str]) -> list[str]:
    """The words behind `--logs`, up to the next flag."""
    found: list[str] = []
    taking = False
    for word in arguments:
        flag, equals, value = word.partition("=")
        if word.startswith("--"):
            taking = flag == "--logs"
            found += [value] if taking and equals else []
        elif taking:
            found.append(word)
    return found


def _recorded(logs: Sequence[str]) -> dict[str, Any]:
    """The environment that the logs were recorded in."""
    env = logged_env(logs)
    if env is None:
        raise LogError(
            f"{logs[0]} does not say in which environment it was recorded. Expected its id before "
            f"the flags. Type `daneel train ENV_ID --logs {logs[0]}`; `daneel list envs` has them."
        )
    return {"env": env, "preset": f"logs-{_as_preset(env['id'])}"}


def _take_agent(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Take `--agent NAME` (or `--agent.name NAME`, or with `=`) out of the arguments."""
    name, rest, words = None, [], iter(arguments)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag not in ("--agent", "--agent.name"):
            rest.append(word)
            continue
        name = value if equals else next(words, None)
        if name is None:
            raise ConfigError(
                f"{flag} has no value. Expected the name of an agent. Type `daneel list agents`."
            )
    return name, rest


def parse(arguments: Sequence[str]) -> TrainConfig[Any]:
    """The configuration that a command line of `daneel train` asks for.

    Raises:
        ConfigError: a value outside its range.
        UnknownNameError: no such preset, environment or agent.
        SystemExit: `--help`, or an unknown flag (the nearest are shown).
    """
    import tyro

    defaults, rest = plan(arguments)
    return tyro.cli(
        config_type(defaults.agent.name),
        default=defaults,
        args=rest,
        prog="daneel train",
    )
