"""`daneel bench offline`: logs, then few steps in a twin with hidden parameters (M-2, T-51).

Logs of mixed quality are recorded in the source simulator (MuJoCo). An agent learns from them
offline; its return at home is the reward to keep. Then it goes on in the twin (PyBullet, mass,
friction, damping, strength, delay, noise, bias from a seed it never sees) with a budget of samples,
until three evaluations in a row have 90 % of that reward; the first of them counts. In the same go:
the offline policy as it is (the curve's first point), the same agent from scratch, SAC of
Stable-Baselines3 with its replay filled from the logs, and (T-51) the agent with a world model and
a first policy pretrained on the same logs without their rewards.

Each (task, seed, arm) is a job, appended to `offline-jobs.jsonl` when it has ended: a bench that
was stopped goes on where it was.

What was tried against slow fine-tuning, on seed 10 (twin 110), never on recorded ones; one run
each, shares of the offline reward after 1,000, 2,000 and 3,000 decisions in the twin:

- Is the twin solvable? The logs' controller, tuned again with the hidden parameters of twins 110
  and 111, keeps of its reward at home: SwingUp 40, 62 %, Push 48, 96 %, Lift 79, 87 %, Reach 91,
  78 %, Door 88, 103 %, Slide 97, 82 %, Balance 93, 100 %, Drawer 105, 98 %.
- While fine-tuning, the policy's entropy was 0.4 at a target of -0.5, its weight near 0 (SwingUp).
  Holding it there from the imitation on: Balance's policy has 46 to 50 at home instead of 88, since
  the wide one smooths what values it climbs. Holding it only while fine-tuning, encoder free, pull
  and doubt fading over 2,000 updates: Balance 0.24, 0.33, 0.08 (as it is: 0.51, 0.57, 0.61).
- With the spread held and pull and doubt fading: Reach 0.59, 0.71, 0.68; with a pull that stays
  0.57, 0.65, 0.72; with three times the updates 0.52, 0.61, 0.51; with an encoder that goes on
  learning 0.60, 0.78, 0.75. Of these the last, and a discount of 0.97: 0.56, 0.71, 0.78; a target
  entropy of -1 for each action instead of -0.5: 0.56, 0.78, 0.44. Drawer with the last 0.45, 0.68,
  0.62; at an entropy of -1 0.44, 0.60, 0.59; without pull, doubt and logged rows 0.24, 0.48, 0.61.
  There the drawer swings about its goal: the twin is late by 1.3 decisions.
- In the same setting with the last three commands in every observation, since a delay hides them:
  Drawer 0.79, 0.92, 1.01. But Reach has 43 at home instead of 50 and 0.48, 0.66, 0.50, Balance
  0.21, 0.48, 0.25 (without: 0.35, 1.21, 0.88); Slide 41 at home instead of 16, of which 0.25, 0.18,
  0.29. Probably an imitation that sees its last action copies the noise in it.

- Planning while fine-tuning (64 sequences, one update a decision): Reach 0.68, 0.78, 0.86 (policy
  alone 0.49, 0.52, 0.52), but Slide 0.10, 0.22, 0.26 (0.30, 0.51, 0.64) and Balance 0.21, 0.14,
  0.16 (0.51, 0.57, 0.61), there also without doubt and at a discount of 0.95: the model does not
  know what delays hide. The policy that learned from what the plans lived has 0.79 in Slide.
- A spread held at 0.15 before the tanh while fine-tuning, encoder, pull and doubt as they are: Push
  0.16, 0.73, 1.10, 0.98 (0.08, 0.40, 0.13), Slide 0.40, 0.60, 0.48, 0.74, Balance 0.53, 0.63, 0.47,
  0.42, Reach 0.46, 0.52, 0.58, 0.57: the next to try on more seeds.
- Commands in the observation that imitation does not see (their weights begin at zero), the encoder
  free and no doubt while fine-tuning: Balance 0.10, 0.21, 0.19, Slide 0.57, 0.35, 0.37.

So the settings are those of before; five seeds for each comparison would come next. The arm from
scratch has neither pull nor doubt: on seed 10 its curve is higher in the mean without (Drawer 0.46
and 0.37, Balance 0.09 and 0.06, Slide 0.04 and 0.05 over 10,000, 5,000 and 5,000 decisions).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from daneel import config
from daneel.envs.twins import TASKS
from daneel.errors import ConfigError, unknown_name
from daneel.evaluation import evidence, files, provenance
from daneel.evaluation.bench.offline_arms import ARMS, Job, Outcome, Sizes, run_job
from daneel.evaluation.bench.offline_evidence import BENCH, gather

JOBS = "offline-jobs.jsonl"
DEFAULT_TASKS = ("Reach", "Push", "Slide", "Lift", "Drawer", "Door", "SwingUp", "Balance")
"""Eight of the nine: without Hop, whose episodes are the longest."""


@dataclass(frozen=True)
class Options:
    """Measure steps in a twin to 90 % of the offline policy's reward, with logs and without."""

    tasks: tuple[str, ...] = DEFAULT_TASKS
    """Which tasks."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Seeds of logs, agent and twin."""

    arms: tuple[str, ...] = tuple(ARMS)
    """Which arms: ours, scratch, sac, unlabelled. The others need the target that `ours` finds."""

    sizes: Sizes = field(default_factory=Sizes)
    """How much of everything; finished jobs of other sizes do not count."""

    minutes: float | None = None
    """Begin no further job after so many minutes; the same command goes on later."""

    runs: Path = Path("runs/bench-offline")
    """Where logs and run folders go."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    rehearse: bool = False
    """Cut everything short and keep the results in the folder of the runs: shows that it runs."""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: There is nothing to measure, or an arm lacks its target.
            UnknownNameError: There is no such task or arm.
        """
        for name in ("tasks", "seeds", "arms"):
            if not getattr(self, name):
                raise ConfigError(f"{name} is empty. Expected at least one. Leave it out for all.")
        for task in self.tasks:
            TASKS.entry(task)
        for arm in self.arms:
            if arm not in ARMS:
                raise unknown_name("arm", arm, ARMS, "Type `daneel bench offline --help`.")

    @property
    def folder(self) -> Path:
        """Where results go: a rehearsal never touches the recorded ones."""
        return self.runs / "rehearsal" if self.rehearse else self.results

    def cut(self) -> Options:
        """With sizes that run in a minute, when this is a rehearsal."""
        small = Sizes(400, 180, 2, 6, 20, 20)
        return replace(self, sizes=small, seeds=self.seeds[:1]) if self.rehearse else self


def run(options: Options) -> int:
    """Runs what is missing, records each job when it has ended, prints the table."""
    import time

    options, began = options.cut(), time.perf_counter()
    done = finished(options.folder)
    for job in jobs(options):
        if _key(job) in done:
            continue
        if options.minutes is not None and time.perf_counter() - began > 60 * options.minutes:
            _say("The time is over; the same command goes on from here.")
            break
        first = done.get((job.task, job.seed, "ours", job.sizes))
        if job.arm != "ours" and first is None:
            raise ConfigError(
                f"The arm {job.arm!r} of {job.task}, seed {job.seed}, needs the target that 'ours' "
                f"finds. Expected both. Type `--arms ours {job.arm}`."
            )
        outcome = run_job(job, options.runs, first.home if first else None)
        files.append_json(options.folder / JOBS, config.to_dict(outcome))
        done[_key(job)] = outcome
        _say(_line(outcome))
    for item in gather(list(done.values()), options.sizes):
        evidence.append(item, options.folder)
    print(table(options.folder))
    return 0


def jobs(options: Options) -> Iterator[Job]:
    """All jobs, seed by seed, so that an early stop leaves every task with as many seeds."""
    for seed in options.seeds:
        for arm in sorted(options.arms, key=list(ARMS).index):
            for task in options.tasks:
                yield Job(task, seed, arm, options.sizes)


def finished(folder: Path) -> dict[tuple[str, int, str, Sizes], Outcome]:
    """The newest outcome of each job."""
    path = folder / JOBS
    rows = files.read_jsonl(path) if path.exists() else []
    outcomes: Sequence[Outcome] = [config.from_dict(Outcome, row) for row in rows]
    return {_key(outcome.job): outcome for outcome in outcomes}


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of the recorded evidence."""
    return evidence.table(evidence.load(BENCH, folder))


def _key(job: Job) -> tuple[str, int, str, Sizes]:
    return (job.task, job.seed, job.arm, job.sizes)


def _line(outcome: Outcome) -> str:
    job, reached = outcome.job, outcome.reached
    after = "not reached" if reached is None else f"{reached:,} samples"
    return (
        f"{job.task}, seed {job.seed}, {ARMS[job.arm]}: 90 % of {outcome.home:.1f} after {after}; "
        f"{outcome.curve[0][1]:.1f} at first, {outcome.last:.0%} at last; {outcome.seconds:.0f} s"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
