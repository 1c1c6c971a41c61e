"""The control tasks that this project has to learn fast, and what "learnt" means for each.

Steps are environment steps: decisions times the action repeat ("frames" in dm_control papers). The
action repeat is two for dm_control and Meta-World, as in the figures published for them, else one.
In goal environments the peer learns with hindsight (SAC+HER).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from daneel.envs import EnvConfig
from daneel.errors import unknown_name

EVALUATIONS = 10
"""Evaluations of a run up to the stated budget; also the grid of "steps to threshold"."""
EPISODES = 10
"""Episodes of each evaluation."""
PEER_BUDGET = 3
"""The peer may take this many times our budget to reach the threshold."""


@dataclass(frozen=True)
class Task:
    """One row of the bench."""

    env: EnvConfig
    """The environment, the same for both sides."""
    seeds: tuple[int, ...]
    """Seeds that the figure needs."""
    steps: int
    """Environment steps after which the figure is taken."""
    measure: Literal["return", "success rate"]
    """What is averaged over the episodes."""
    threshold: float
    """What the mean has to reach at `steps`."""
    peer: str
    """What it is compared with, for the reader of the table."""
    max_seconds: float | None = None
    """Training has to end within this many seconds, where that is asked."""

    @property
    def name(self) -> str:
        """The environment's id names the row."""
        return self.env.id

    @property
    def slug(self) -> str:
        """The name, fit for a file."""
        return self.name.replace("/", "-")

    @property
    def eval_every(self) -> int:
        """Environment steps between evaluations."""
        return self.steps // EVALUATIONS

    def budget(self, ours: bool) -> int:
        """Environment steps that a side is trained for."""
        return self.steps * (1 if ours else PEER_BUDGET)


TASKS = (
    Task(
        EnvConfig(id="InvertedPendulum-v5"), (0, 1, 2), 2_500, "return", 950,
        "SAC (SB3) 94 after 5k steps", max_seconds=120,
    ),
    Task(
        EnvConfig(id="dm_control/cartpole-swingup-v0", action_repeat=2), (0, 1, 2), 25_000,
        "return", 800, "BRO 848",
    ),
    Task(
        EnvConfig(id="dm_control/ball_in_cup-catch-v0", action_repeat=2), (0, 1, 2), 15_000,
        "return", 940, "BRO 702 at 25k, 967 at 50k; TD-MPC2 981 at 100k",
    ),
    Task(
        EnvConfig(id="dm_control/walker-walk-v0", action_repeat=2), (0,), 25_000,
        "return", 700, "BRO 747",
    ),
    Task(
        EnvConfig(id="PandaReach-v3"), (0, 1, 2), 5_000, "success rate", 0.95, "SAC+HER",
    ),
    Task(
        EnvConfig(id="Meta-World/drawer-close-v3", action_repeat=2), (0,), 25_000,
        "success rate", 0.9, "SAC",
    ),
    Task(
        EnvConfig(id="Meta-World/window-open-v3", action_repeat=2), (0,), 25_000,
        "success rate", 0.9, "SAC",
    ),
    Task(
        EnvConfig(id="HalfCheetah-v5"), (0,), 25_000, "return", 3_500,
        "CrossQ 3562, BRO 5107 (v4 task)",
    ),
)  # fmt: skip
"""The rows, in the order of the table."""


def find(name: str) -> Task:
    """The task called `name`, by its whole id or by its last part without version ("walker-walk").

    Raises:
        UnknownNameError: There is none; the message lists the nearest.
    """
    known = {short(task): task for task in TASKS} | {task.name: task for task in TASKS}
    if name not in known:
        hint = "Type `daneel bench control --help` to see the tasks."
        raise unknown_name("task", name, known, hint)
    return known[name]


def short(task: Task) -> str:
    """The name without suite and version."""
    return task.name.rpartition("/")[2].rpartition("-v")[0]
