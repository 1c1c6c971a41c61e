"""Trains Stable-Baselines3 algorithms by their own `learn`, in a run folder like any other.

The library drives and a callback follows: the same records, evaluations at the same environment
steps, the same kind of checkpoint as `daneel.training.loop`. A step costs the peer a few
microseconds more than its own script: no wrapper but the one that stands for the library's
`Monitor`, and no logger.

What is due (records, evaluation, checkpoint) is done between two rounds of collecting, when every
transition is stored and every update made. The rounds of on-policy algorithms are long (PPO: 2048
decisions), so their records and evaluations also come within a round, where the policy stands
still; their checkpoints wait for its end and, as in the library, so does the end of the training.

A resumed run equals the uninterrupted one bit for bit on a CPU: `learn` is entered again with the
counters it had, so that every schedule goes on; simulators are restored by replaying actions, and
the generators that the library draws from (the process's own) are put back to where they stood.
The caller's generators are as before once the training has ended.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections import deque
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.her import HerReplayBuffer

from daneel.agents import AGENTS
from daneel.agents import baseline_state as library
from daneel.agents.baseline_spaces import replay_bytes
from daneel.agents.baselines import SB3Agent
from daneel.alignment.judging import CriticRLHF
from daneel.config import to_dict
from daneel.envs import make_single
from daneel.errors import ConfigError
from daneel.training.baseline_env import RecordedEnv
from daneel.training.baseline_streams import LibraryReplay, Streams
from daneel.training.collector import FinishedEpisode, SeenRange
from daneel.training.config import TrainConfig
from daneel.training.critic_term import CriticEnv
from daneel.training.evaluator import Evaluator
from daneel.training.interrupt import Interrupt
from daneel.training.loop import OnProgress, Trainer, TrainResult
from daneel.training.ram import check_memory
from daneel.training.rollout import EpisodeResult
from daneel.training.run_folder import RunFolder
from daneel.training.seeding import agent_seed, generator
from daneel.training.stopwatch import Stopwatch

_RECENT_EPISODES = 10


def train_baseline(
    config: TrainConfig[Any], *, resume: bool = False, on_progress: OnProgress | None = None
) -> TrainResult:
    """Train an agent with `native_learn`, or go on with a training.

    Args:
        config: Resolved configuration; `config.out` is the run folder.
        resume: Go on from the folder's latest checkpoint instead of making the folder.
        on_progress: Called a few times a second.

    Raises:
        DaneelError: Anything the user can mend; the last checkpoint is kept.
    """
    assert config.out is not None
    with library.untouched_generators():
        trainer = BaselineTrainer(config, on_progress or (lambda progress: None))
        try:
            with Interrupt() as interrupt:  # as in `entry._train`
                if resume:
                    run = RunFolder.open(config.out)
                else:
                    run = RunFolder.create(config.out, to_dict(config))
                with run:
                    return trainer.run(run, interrupt, resume)
        finally:
            trainer.close()


class BaselineTrainer(Trainer):
    """A `Trainer` whose decisions and updates are made by the library's `learn`.

    Args:
        config: Resolved configuration.
        on_progress: Called a few times a second.

    Raises:
        ConfigError: Hindsight would begin before the first episode has ended.
        MemoryBudgetError: The replay does not fit in memory.
        SpaceError: The algorithm cannot use the environment.
    """

    agent: Any
    collector: Any
    replay: Any

    def __init__(self, config: TrainConfig[Any], on_progress: OnProgress) -> None:
        """Build environments and algorithm; the base class's own parts are replaced."""
        envs = [make_single(config.env) for _ in range(config.env.num_envs)]
        observation, action = envs[0].observation_space, envs[0].action_space
        assert isinstance(observation, spaces.Dict)
        self.config, self._on_progress = config, on_progress
        seen = SeenRange(observation)
        recorded = [
            RecordedEnv(env, config.env.id, config.seed, index, seen)
            for index, env in enumerate(_criticised(envs, config.critic))
        ]
        self._envs = DummyVecEnv([lambda env=env: env for env in recorded])
        rows = config.agent.buffer_size or config.replay_capacity
        assert rows is not None
        needed = replay_bytes(config.agent, observation, action, rows, config.env.num_envs)
        check_memory(needed)
        self.agent = self._build(observation, action, rows)
        _await_hindsight(self.agent.model, envs[0], config)
        self.collector = Streams(recorded, seen, self.agent.model)
        self.replay = LibraryReplay(self.agent.model, needed)
        self._spaces = {"observation": str(observation), "action": str(action)}
        self._warmup_rng = generator(config.seed, "warmup")  # unused: the library has its own
        self._state = None
        self._between_rounds = True
        self._updates = 0
        self._due = {name: every for name, every in self._intervals().items() if every}
        self._saved_at = None
        self._evaluator = Evaluator(config)
        self._returns = deque(maxlen=_RECENT_EPISODES)
        self._eval_return = None
        self._enough = 0
        self.offline = None
        self._watch = Stopwatch()
        self._shown = self._begun = (0.0, 0)

    def _build(self, observation: spaces.Dict, action: spaces.Space[Any], rows: int) -> SB3Agent:
        config = self.config
        agent = AGENTS.load(config.agent.name)(
            *(config.agent, observation, action),
            seed=agent_seed(config.seed),
            device=config.device,
            env=self._envs,
            buffer_size=rows,
        )
        agent.model.set_logger(Logger(folder=None, output_formats=[]))
        return agent

    def close(self) -> None:
        """Close the training environments."""
        self._envs.close()

    # -- the library drives -----------------------------------------------------------------------

    def _loop(self) -> None:
        self._begun = (self._watch.total(), self.step)
        model = self.agent.model
        decisions = math.ceil(self.config.steps / self.config.env.action_repeat)
        if model.num_timesteps < decisions and not self._interrupt:
            with contextlib.suppress(_Stopped), self.agent.explained():
                model.learn(
                    decisions - model.num_timesteps,
                    callback=_Follower(self),
                    log_interval=sys.maxsize,  # the library's own log is read, not written
                    reset_num_timesteps=False,
                )
                self.end_round()
        if self._saved_at != self.step:
            self._save()
        self._show("training", now=True)

    def begin_round(self) -> None:
        """A round of collecting begins: first what is due after the last one.

        Raises:
            _Stopped: An interrupt was requested.
        """
        if self.collector.is_going_back:
            self.collector.go_back()
            self._updates = self.agent.model._n_updates
        self.end_round()
        if self._interrupt or self._is_over():
            raise _Stopped
        self._between_rounds = False

    def end_round(self) -> None:
        """Every transition is stored and every update made: do what is due."""
        self._between_rounds = True
        self._watch.lap("update")
        self._record_update()
        self._do_what_is_due()

    def after_decision(self, infos: list[dict[str, Any]]) -> None:
        """Every environment took a step; its transition is not stored yet."""
        for index, info in enumerate(infos):
            if "episode" in info:
                self._end_episode(index, info["episode"])
        if not self.agent.off_policy and self._is_due_within_round():
            self._watch.lap("update")
            self._do_what_is_due()
        self._show("training")

    def _is_due_within_round(self) -> bool:
        """The last evaluation waits for the last update; an interrupted one for the resumed run."""
        step, config = self.step, self.config
        if step < min(self._due["log"], self._due.get("eval", step + 1)):
            return False
        return step < config.steps and not self._interrupt

    def _end_episode(self, index: int, ended: Mapping[str, Any]) -> None:
        episode = FinishedEpisode(index, ended["r"], ended["l"], ended.get("success"))
        self._returns.append(episode.return_)
        self._recorder.episode(self.step, self.collector.decisions, episode)

    def _record_update(self) -> None:
        model = self.agent.model
        if model._n_updates == self._updates:
            return
        self._updates = model._n_updates
        metrics = {
            key.removeprefix("train/"): float(value)
            for key, value in model.logger.name_to_value.items()
            if key.startswith("train/")
        }
        kept = {k: v for k, v in metrics.items() if k != "n_updates" and not _is_undefined(k, v)}
        self._recorder.update(kept, self.step)
        model.logger.name_to_value.clear()  # TD3 updates its actor now and then: count each once

    # -- now and then -----------------------------------------------------------------------------

    def _intervals(self) -> dict[str, int]:
        """What may be due now: within a round the library's state is not whole."""
        intervals = super()._intervals()
        if not self._between_rounds:
            del intervals["checkpoint"]
        return intervals

    def _run_episodes(self) -> list[EpisodeResult] | None:
        with library.untouched_generators():
            return super()._run_episodes()

    def _go_back(self, state: dict[str, Any]) -> None:
        """Weights and optimisers only: the counters are the training's clock."""
        super()._go_back({**state, "counters": self.agent.state_dict()["counters"]})


class _Stopped(Exception):
    """Leaves `learn` between two rounds."""


class _Follower(BaseCallback):
    """Passes the library's events on."""

    def __init__(self, trainer: BaselineTrainer) -> None:
        super().__init__()
        self._trainer = trainer

    def _on_training_start(self) -> None:
        self._trainer.collector.after_first_reset()

    def _on_rollout_start(self) -> None:
        self._trainer.begin_round()

    def _on_step(self) -> bool:
        self._trainer.after_decision(self.locals["infos"])
        return True


def _is_undefined(name: str, value: float) -> bool:
    """Whether a diagnostic is NaN for a good reason: a share of a variance that is 0."""
    return name == "explained_variance" and not math.isfinite(value)


def _criticised(envs: list[gym.Env[Any, Any]], weight: float | None) -> list[gym.Env[Any, Any]]:
    """The environments with the critic's term in their rewards, where it is wanted."""
    if weight is None:
        return envs
    critic = CriticRLHF.pretrained()
    return [CriticEnv(env, weight, critic) for env in envs]


def _await_hindsight(
    model: BaseAlgorithm, env: gym.Env[Any, Any], config: TrainConfig[Any]
) -> None:
    """Hindsight needs a finished episode; the library fails in its first update otherwise.

    Learning begins that late unless the user said when.
    """
    if not isinstance(getattr(model, "replay_buffer", None), HerReplayBuffer):
        return
    assert isinstance(model, OffPolicyAlgorithm)
    limit = None if env.spec is None else env.spec.max_episode_steps
    if limit is None:
        return
    decisions = math.ceil(limit / config.env.action_repeat) * config.env.num_envs
    if config.agent.learning_starts is None:
        model.learning_starts = max(model.learning_starts, decisions)
    if model.learning_starts < decisions - 1:
        raise ConfigError(
            f"agent.learning_starts is {model.learning_starts}, but the first episodes of "
            f"{config.env.id} may last {decisions} decisions. Hindsight replay needs a finished "
            f"episode before it learns. Type `--agent.learning_starts {decisions}` or more."
        )
