"""The training loop: decide, remember, learn; now and then evaluate and save.

With `--logs` the agent learns from them before its first decision (`daneel.training.offline`).

One iteration takes one decision in each of N environments. What is due after it (records,
evaluation, checkpoint) hangs on counters that are part of the checkpoint, so a resumed run does at
each step what the uninterrupted one did: on a CPU its `metrics.jsonl` is the same, byte for byte
but for the times.

Evaluations run on a copy of the agent's state: how often a run is evaluated does not change what is
learned. With `gate` set, what a checkpoint does not pass is taken back
(`daneel.training.gating`): that does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv

from daneel.agents import Agent, build
from daneel.alignment.judging import CriticRLHF
from daneel.config import to_dict
from daneel.envs import goal_relabel
from daneel.errors import NonFiniteError
from daneel.training import checkpoint
from daneel.training.changes import refuse_changes, warn_of_forgetting
from daneel.training.collector import Collector
from daneel.training.config import TrainConfig
from daneel.training.critic_term import CriticVectorEnv
from daneel.training.evaluator import Evaluator
from daneel.training.gating import CheckpointGate, Judged
from daneel.training.interrupt import Interrupt
from daneel.training.offline import open_offline
from daneel.training.progress import Progress
from daneel.training.ram import check_memory
from daneel.training.recorder import Recorder
from daneel.training.replay import Replay, memory_bytes, saving_bytes
from daneel.training.rollout import EpisodeResult
from daneel.training.run_folder import RunFolder
from daneel.training.seeding import agent_seed, generator
from daneel.training.sizes import Sizes, measure
from daneel.training.stopwatch import Stopwatch
from daneel.training.tracking import open_tracker
from daneel.world_models import Batch

OnProgress = Callable[[Progress], None]

_SHOW_SECONDS = 0.2
_RECENT_EPISODES = 10
_OFFLINE_CHECKPOINTS = 10


@dataclass(frozen=True)
class TrainResult:
    """How a training ended."""

    run: RunFolder
    """Its folder."""
    config: TrainConfig[Any]
    """Its configuration, resolved."""
    step: int
    """Environment steps done."""
    interrupted: bool
    """Whether it was stopped before its last step; `daneel resume` goes on."""
    eval_return: float | None
    """Mean return of the last evaluation, if there was one."""
    seconds: Mapping[str, float]
    """Seconds of each phase (`daneel.training.stopwatch.PHASES`)."""
    overhead: float
    """Share of the loop's own work in the time of training."""
    notes: tuple[str, ...] = ()
    """Commands of the tracker to type next."""


class Trainer:
    """The parts of one training and its counters.

    Args:
        config: Resolved configuration.
        env: Its vector environment; the caller closes it.
        on_progress: Called a few times a second.

    Raises:
        MemoryBudgetError: The replay does not fit in memory.
        SpaceError: The agent cannot use the environment.
    """

    def __init__(self, config: TrainConfig[Any], env: VectorEnv, on_progress: OnProgress) -> None:
        """Build agent, replay and collector."""
        assert isinstance(env.single_observation_space, spaces.Dict)
        assert config.replay_capacity is not None
        self.config, self._on_progress = config, on_progress
        observation, action = env.single_observation_space, env.single_action_space
        relabel = goal_relabel(env) if config.hindsight > 0 else None
        rows, streams = config.replay_capacity, env.num_envs
        needed = memory_bytes(observation, action, rows, streams, relabel is not None)
        check_memory(needed, saving=saving_bytes(needed, streams))
        self.agent: Agent = build(
            config.agent, observation, action, seed=agent_seed(config.seed), device=config.device
        )
        self.replay = Replay(
            *(observation, action, rows, streams, generator(config.seed, "replay")),
            relabel=relabel,
            relabel_ratio=config.hindsight,
        )
        self._log_rng = generator(config.seed, "logs")
        self.offline = None
        if config.logs:
            self.offline = open_offline(
                *(config.logs, config.offline, self.agent, observation, action, self._log_rng)
            )
        self.collector = Collector(self._criticised(env), config.seed, config.env.id)
        self._spaces = {"observation": str(observation), "action": str(action)}
        self._action_space = action
        self._warmup_rng = generator(config.seed, "warmup")
        self._state: dict[str, Any] | None = None
        self._due = {name: every for name, every in self._intervals().items() if every}
        self._saved_at: int | None = None
        self._evaluator = Evaluator(config)
        self._returns: deque[float] = deque(maxlen=_RECENT_EPISODES)
        self._eval_return: float | None = None
        self._enough = 0  # evaluations in a row that reached `stop_return`
        self._watch = Stopwatch()
        self._shown = self._begun = (0.0, 0)

    def _criticised(self, env: VectorEnv) -> VectorEnv:
        """The environment with the critic's term in its rewards, where it is wanted."""
        if self.config.critic is None:
            return env
        return CriticVectorEnv(env, self.config.critic, CriticRLHF.pretrained())

    @property
    def step(self) -> int:
        """Environment steps so far."""
        return self.collector.decisions * self.config.env.action_repeat

    def _intervals(self) -> dict[str, int]:
        """Environment steps between the things that are due regularly, in their order."""
        config = self.config
        return {
            "log": config.log_every,
            "eval": config.eval_every or 0,
            "checkpoint": config.checkpoint_every or 0,
        }

    def run(self, run: RunFolder, interrupt: Interrupt, resume: bool) -> TrainResult:
        """Train in `run` until the last step or an interrupt; the state is saved at the end."""
        tracker = open_tracker(self.config.tracker, run.path, to_dict(self.config))
        self._run_folder, self._interrupt = run, interrupt
        self._gate = self._open_gate(run)
        self._recorder = Recorder(run, tracker, self._watch)
        self._show("starting", sizes=measure(self.agent, getattr(self.replay, "nbytes", 0)))
        try:
            if resume:
                self._resume()
            else:
                self._start()
            self._loop()
        finally:
            self._evaluator.close()
            notes = tracker.finish()
        return TrainResult(
            run=run,
            config=self.config,
            step=self.step,
            interrupted=self._is_unfinished() or bool(interrupt),
            eval_return=self._eval_return,
            seconds=dict(self._watch.seconds),
            overhead=self._watch.overhead(),
            notes=tuple(notes),
        )

    def _is_unfinished(self) -> bool:
        return not self._is_over() or (self.offline is not None and self.offline.is_due)

    def _is_over(self) -> bool:
        config = self.config
        stops = config.stop_return is not None and self._enough >= config.stop_after
        return stops or self.step >= config.steps

    def _open_gate(self, run: RunFolder) -> CheckpointGate | None:
        if self.config.gate is None:
            return None
        self.agent.actor()  # raises now, not at the first checkpoint, what no gate can judge
        return CheckpointGate(self.config.gate, run)

    def _start(self) -> None:
        self._run_folder.truncate_metrics(0)
        self.collector.start()
        if self.offline is not None:
            for seen in (self.offline.logs.low, self.offline.logs.high):
                self.collector.seen.update({key: value[None] for key, value in seen.items()})
            self._due["eval"] = 0  # what the logs taught, before the first step
        self._watch.start()

    def _learn_offline(self) -> None:
        """Learn from the logs, before the first step; a checkpoint now and then."""
        offline = self.offline
        if offline is None or not offline.is_due:
            return
        self._show(f"logs: {offline.logs.line()}", now=True)
        every = max(offline.total // _OFFLINE_CHECKPOINTS, 1)
        while offline.is_due and not self._interrupt:
            self._recorder.update(offline.update(), self.step)
            self._watch.lap("update")
            self._show(f"logs, update {offline.done:,}/{offline.total:,}")
            if offline.done % every == 0:
                self._recorder.offline(offline.done)
                self._save()

    def _loop(self) -> None:
        self._begun = (self._watch.total(), self.step)
        self._learn_offline()
        while True:
            self._do_what_is_due()
            if self._interrupt or self._is_over():
                break
            self._decide()
            self._show("training")
        if self._saved_at != self.step:
            self._save()
        self._show("training", now=True)

    # -- one decision -----------------------------------------------------------------------------

    def _decide(self) -> None:
        """Act, step, remember, learn."""
        watch, collector = self._watch, self.collector
        obs, before = collector.obs, collector.decisions
        action = self._choose(obs, before)
        watch.lap("act")
        step = collector.step(action)
        watch.lap("env")
        self.replay.add(obs, action, step.reward, step.terminated, step.truncated, step.next_obs)
        watch.lap("replay")
        if step.done is not None:
            self._end_episodes(step.done, step.finished)
        for decision in range(before + 1, collector.decisions + 1):
            for _ in range(self.agent.updates_due(decision)):
                self._update()
        watch.lap("logging")

    def _choose(self, obs: dict[str, np.ndarray], decisions: int) -> np.ndarray:
        if decisions < self.agent.warmup_decisions and self.offline is None:
            return self._random_action()
        action, self._state = self.agent.act(obs, self._state, explore=True)
        if not np.isfinite(action).all():
            raise NonFiniteError(
                f"The agent's action became {action} at environment step {self.step} in"
                f" {self.config.env.id}. Actions must be finite. The last checkpoint is kept:"
                " lower the agent's learning rate, or type `daneel resume RUN` to try from there."
            )
        return action

    def _random_action(self) -> np.ndarray:
        count, space = self.collector.env.num_envs, self._action_space
        if isinstance(space, spaces.Discrete):
            return self._warmup_rng.integers(space.n, size=count) + space.start
        assert isinstance(space, spaces.Box)
        draw = self._warmup_rng.random((count, *space.shape), np.float32)
        return space.low + draw * (space.high - space.low)

    def _update(self) -> None:
        agent = self.agent

        def draw(count: int) -> Batch:
            return self.replay.sample(count, agent.horizon, agent.context)

        batch = draw(agent.batch_size) if self.offline is None else self.offline.mixed(draw)
        self._watch.lap("replay")
        metrics = self.agent.update(batch)
        self._watch.lap("update")
        if metrics:
            self._recorder.update(metrics, self.step)

    def _end_episodes(self, done: np.ndarray, finished: list[Any]) -> None:
        if self._state is not None:
            self._state = self.agent.reset_state(self._state, done)
        for episode in finished:
            self._returns.append(episode.return_)
            self._recorder.episode(self.step, self.collector.decisions, episode)

    # -- now and then -----------------------------------------------------------------------------

    def _do_what_is_due(self) -> None:
        """Records, evaluation, checkpoint, in this order; an interrupted evaluation stays due."""
        for name, every in self._intervals().items():
            if not every or self.step < self._due[name]:
                continue
            if name == "eval" and not self._evaluate():
                return
            self._due[name] = (self.step // every + 1) * every
            if name == "log":
                self._recorder.means(self.step, self.collector.decisions)
            elif name == "checkpoint":
                self._save()
        self._watch.lap("logging")

    def _evaluate(self) -> bool:
        """Run an evaluation and record it; False when an interrupt came in between."""
        before = self._watch.total()
        results = self._run_episodes()
        if results is None:
            return False
        seconds = round(self._watch.total() - before, 3)
        self._eval_return = self._recorder.evaluation(
            self.step, self.collector.decisions, results, seconds
        )
        goal = self.config.stop_return
        self._enough = self._enough + 1 if goal is not None and self._eval_return >= goal else 0
        return True

    def _run_episodes(self) -> list[EpisodeResult] | None:
        """Episodes without exploration, or None when an interrupt came in between."""
        self._show("evaluating", now=True)
        self._watch.lap("logging")
        try:
            return self._evaluator.run(self.agent, should_stop=lambda: bool(self._interrupt))
        finally:
            self._watch.lap("eval")

    def _show(self, activity: str, now: bool = False, sizes: Sizes | None = None) -> None:
        seconds = self._watch.total()
        if not now and sizes is None and seconds - self._shown[0] < _SHOW_SECONDS:
            return
        self._shown = (seconds, self.step)
        elapsed = seconds - self._begun[0]
        self._on_progress(
            Progress(
                step=self.step,
                steps=self.config.steps,
                steps_per_second=(self.step - self._begun[1]) / elapsed if elapsed > 0 else 0.0,
                episode_return=float(np.mean(self._returns)) if self._returns else None,
                eval_return=self._eval_return,
                activity=activity,
                sizes=sizes,
            )
        )

    # -- checkpoints ------------------------------------------------------------------------------

    def _judge(self) -> Judged | None:
        """The gate's word on the agent as it is; what does not pass goes back to the last release.

        None without a gate, and when an interrupt came in between: then nothing is taken back, and
        the resumed run goes on as the uninterrupted one would have.
        """
        if self._gate is None or self._interrupt:
            return None
        results = self._run_episodes()
        if results is None:
            return None
        space = self._evaluator.spaces
        seen = self.collector.seen.state_dict()
        judged = self._gate.judge(self.agent, space, seen, results, self.step)
        last = None if judged.report.passed else self._gate.last_released()
        if last is not None:
            self._go_back(last)
        self._recorder.gate(self.step, self.collector.decisions, judged.report, last is not None)
        self._watch.lap("eval")
        return judged

    def _go_back(self, state: dict[str, Any]) -> None:
        """Take the agent back to this state, and forget what the one before was about to do."""
        self.agent.load_state_dict(state)
        self._state = None

    def _save(self) -> None:
        """Write a checkpoint of everything; with a gate, of what it let pass."""
        judged = self._judge()
        self._show("saving", now=True)
        self._watch.lap("logging")
        tree = {
            "agent": self.agent.state_dict(),
            "replay": self.replay.state_dict(),
            "progress": self._progress_state(),
        }
        path = self._run_folder.save_checkpoint(self.step, tree)
        self._saved_at = self.step
        if self._gate is not None and judged is not None and judged.report.passed:
            self._gate.release(judged, path)
        self._watch.lap("checkpoint")

    def _progress_state(self) -> dict[str, Any]:
        return {
            "config": to_dict(self.config),
            "spaces": self._spaces,
            "collector": self.collector.state_dict(),
            "planner_state": self._state,
            "warmup_rng": self._warmup_rng.bit_generator.state,
            "recorder": self._recorder.state_dict(),
            "watch": self._watch.state_dict(),
            "offline": None if self.offline is None else self.offline.state_dict(),
            "due": dict(self._due),
            "returns": list(self._returns),
            "eval_return": self._eval_return,
            "enough": self._enough,
            "metrics_bytes": self._run_folder.metrics_size(),
        }

    def _resume(self) -> None:
        """Take everything back from the latest checkpoint, or begin anew where there is none."""
        if not self._run_folder.has_checkpoint():
            self._start()
            return
        path = self._run_folder.checkpoint()
        tree = checkpoint.load(path)
        progress = tree["progress"]
        refuse_changes(self._run_folder, path, progress, self.config, self._spaces)
        warn_of_forgetting(self._run_folder, progress, self.config, self.replay.capacity)
        self.agent.load_state_dict(tree["agent"])
        self.replay.load_state_dict(tree["replay"])
        self.collector.load_state_dict(progress["collector"])
        self._state = progress["planner_state"]
        self._warmup_rng.bit_generator.state = progress["warmup_rng"]
        if self.offline is not None:
            self.offline.load_state_dict(progress["offline"], self._log_rng)
        self._recorder.load_state_dict(progress["recorder"])
        self._due = dict(progress["due"])
        self._returns.extend(progress["returns"])
        self._eval_return = progress["eval_return"]
        self._enough = progress.get("enough", 0)  # younger than the oldest checkpoints
        self._saved_at = self.step
        self._run_folder.truncate_metrics(progress["metrics_bytes"])
        self._run_folder.write_config(to_dict(self.config))
        self._watch.load_state_dict(progress["watch"])
