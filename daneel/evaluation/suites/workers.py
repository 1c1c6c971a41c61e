"""Workers that run episodes: processes of this machine, or Ray actors on several.

A worker is asked for one episode at a time, so when its process dies, killed by the system or by a
crash of the simulator, exactly one episode is lost, and the scheduler knows which.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

import torch

from daneel.envs.suites import Skill
from daneel.errors import DaneelError, MissingExtraError, PolicyError
from daneel.evaluation.suites.acting import NotRunError, Policy
from daneel.evaluation.suites.clips import Clip, film
from daneel.evaluation.suites.episodes import Stage, Timed
from daneel.evaluation.suites.policies import open_policy


@dataclass(frozen=True)
class Job:
    """What every worker of an evaluation knows."""

    policy: str
    """As the user typed it."""
    which: str | None
    """Checkpoint of a run."""
    seed: int
    """Of the evaluation."""
    skills: tuple[Skill, ...]
    """What may be asked for."""

    def skill(self, name: str) -> Skill:
        """The skill called `name`."""
        return next(skill for skill in self.skills if skill.name == name)


@dataclass(frozen=True)
class Lost:
    """An episode that could not be run to its end."""

    reason: str
    """Why, for people."""


@dataclass(frozen=True)
class NotRun:
    """A skill that cannot be run here."""

    reason: str
    """Why, for people."""


Answer = Timed | Lost | NotRun


class Worker(Protocol):
    """Runs episodes, one at a time."""

    def run(self, skill: str, number: int) -> Answer:
        """Runs an episode and waits for it."""
        ...

    def film(self, skill: str, number: int, size: tuple[int, int]) -> Clip | Lost | NotRun:
        """Runs an episode again, filming it."""
        ...

    def stop(self) -> None:
        """Ends the worker."""
        ...


@dataclass
class Local:
    """What a worker does, in whatever process it lives."""

    job: Job
    _policy: Policy | None = None
    _stages: dict[tuple[str, Any], Stage] = field(default_factory=dict)

    def run(self, skill: str, number: int) -> Answer:
        """Runs an episode; the skill's environment stays open until another is asked for.

        Raises:
            PolicyError: The policy is wrong: no other episode would go better.
        """
        try:
            return self._stage(self.job.skill(skill), None).run(number)
        except (MissingExtraError, NotRunError) as error:
            return NotRun(str(error))
        except PolicyError:
            raise
        except Exception as error:  # whatever a simulator throws is one failed episode
            self.close()
            return Lost(f"{type(error).__name__}: {error}")

    def film(self, skill: str, number: int, size: tuple[int, int]) -> Clip | Lost | NotRun:
        """Runs an episode again, filming it."""
        try:
            return film(self._stage(self.job.skill(skill), size), number)
        except (MissingExtraError, NotRunError) as error:
            return NotRun(str(error))
        except Exception as error:
            self.close()
            return Lost(f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Closes what is open."""
        for stage in self._stages.values():
            stage.close()
        self._stages.clear()

    def stop(self) -> None:
        """Closes what is open."""
        self.close()

    def _stage(self, skill: Skill, size: tuple[int, int] | None) -> Stage:
        if self._policy is None:
            self._policy = open_policy(self.job.policy, self.job.which)
        key = (skill.name, size)
        if key not in self._stages:
            self.close()
            self._stages[key] = Stage(skill, self._policy, self.job.seed, size)
        return self._stages[key]


class ProcessWorker:
    """A worker in a process of its own, with one thread; a dead one is replaced."""

    def __init__(self, job: Job) -> None:
        """Starts when it is first asked."""
        self._job = job
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def run(self, skill: str, number: int) -> Answer:
        """Runs an episode and waits for it.

        Raises:
            DaneelError: The policy is wrong.
        """
        return self._ask("run", skill, number)

    def film(self, skill: str, number: int, size: tuple[int, int]) -> Clip | Lost | NotRun:
        """Runs an episode again, filming it."""
        return self._ask("film", skill, number, size)

    def stop(self) -> None:
        """Ends the process."""
        if self._process is None or self._pipe is None:
            return
        self._pipe.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = self._pipe = None

    def _ask(self, what: str, *arguments: Any) -> Any:
        pipe = self._start()
        try:
            pipe.send((what, arguments))
            answer = pipe.recv()
        except (EOFError, OSError):
            return Lost(f"the process that ran it ended ({self._how_it_ended()})")
        if isinstance(answer, DaneelError):
            raise answer
        return answer

    def _start(self) -> Connection:
        if self._pipe is None:
            # Not forked: a fork inherits the locks of OpenGL's and PyTorch's threads, and hangs.
            context = multiprocessing.get_context("spawn")
            pipe, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, self._job), daemon=True)
            process.start()
            theirs.close()
            self._pipe, self._process = pipe, process
        return self._pipe

    def _how_it_ended(self) -> str:
        assert self._process is not None
        self._process.join()
        code = self._process.exitcode or 0
        self._process = self._pipe = None
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _serve(pipe: Connection, job: Job) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    worker = Local(job)
    while True:
        try:
            what, arguments = pipe.recv()
        except (EOFError, OSError):
            break  # the parent has gone, or wants no more
        try:
            answer = getattr(worker, what)(*arguments)
        except DaneelError as error:
            answer = error
        pipe.send(answer)
    worker.stop()


class RayWorker:
    """A worker somewhere in a Ray cluster; Ray replaces a dead one."""

    def __init__(self, job: Job) -> None:
        """Asks the cluster for one core.

        Raises:
            MissingExtraError: Ray is not installed.
        """
        self._ray = _import_ray()
        if not self._ray.is_initialized():
            self._ray.init(log_to_driver=False)
        remote = self._ray.remote(num_cpus=1, max_restarts=-1)(Local)
        self._actor = remote.remote(job)

    def run(self, skill: str, number: int) -> Answer:
        """Runs an episode and waits for it."""
        return self._ask(self._actor.run.remote(skill, number))

    def film(self, skill: str, number: int, size: tuple[int, int]) -> Clip | Lost | NotRun:
        """Runs an episode again, filming it."""
        return self._ask(self._actor.film.remote(skill, number, size))

    def stop(self) -> None:
        """Ends the actor."""
        self._ray.kill(self._actor)

    def _ask(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            return Lost(f"the worker that ran it ended ({error})")
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, DaneelError):
                raise error.cause from error
            raise


def _import_ray() -> Any:
    """The module `ray`.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtraError(
            "Workers on several machines need Ray, which is not installed. It comes with the "
            "extra 'scale'. Type `pip install \"daneel[scale]\"`."
        ) from error


ENGINES: dict[str, Callable[[Job], Worker]] = {"processes": ProcessWorker, "ray": RayWorker}
"""Where workers live, by the word the user types."""
