"""Point mazes: the shortest way through the map, cell by cell, followed by a PD controller.

The map is known, as it is to everybody who reads the environment's documentation; position,
velocity and goal are observed. The ball (mass 4.2 kg, force up to 100 N, speed up to 5 m/s) goes
straight to the middle of the next cell. Two neighbouring free cells form a convex rectangle, and
goals and starts keep a quarter of a cell from walls, so no straight line meets a wall.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import gymnasium as gym
import numpy as np

from daneel.agents.experts.scripted import Controller, Scripted, no_expert
from daneel.envs import SOURCES
from daneel.envs.suites.skill import Skill

Cell = tuple[int, int]
"""Row and column in the map."""

_WALL = 1
_STIFFNESS, _DAMPING = 2.0, 0.45  # force / 100 N per metre, and per metre a second
_EXAMPLES = [f"PointMaze_{name}-v3" for name in ("UMaze", "Open", "Medium", "Large")]


def expert(skill: Skill) -> Scripted:
    """The controller of a point maze with its own map, or with that of the skill's arguments.

    Raises:
        ConfigError: The environment is no point maze.
        MissingExtraError: Gymnasium-Robotics is not installed.
    """
    SOURCES.load("robotics")  # registers the ids
    if not skill.env.startswith("PointMaze_") or skill.env not in gym.registry:
        raise no_expert(skill, "mazes", _EXAMPLES)
    grid = {**gym.spec(skill.env).kwargs, **skill.kwargs}["maze_map"]
    return Scripted(lambda: _controller(grid))


def way(grid: Sequence[Sequence[object]], start: Cell, goal: Cell) -> list[Cell]:
    """Cells of a shortest way without `start`, by breadth-first search; empty if there is none."""
    came_from: dict[Cell, Cell] = {start: start}
    queue = deque([start])
    while queue and goal not in came_from:
        row, column = cell = queue.popleft()
        for near in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if near not in came_from and _is_free(grid, near):
                came_from[near] = cell
                queue.append(near)
    cells = []
    while goal in came_from and goal != start:
        cells.append(goal)
        goal = came_from[goal]
    return cells[::-1]


def _is_free(grid: Sequence[Sequence[object]], cell: Cell) -> bool:
    row, column = cell
    inside = 0 <= row < len(grid) and 0 <= column < len(grid[0])
    return inside and grid[row][column] != _WALL


def _controller(grid: Sequence[Sequence[object]]) -> Controller:
    centre = np.array([len(grid[0]) / 2, len(grid) / 2])  # metres, and cells are 1 m wide

    def cell_at(position: np.ndarray) -> Cell:
        return int(centre[1] - position[1]), int(position[0] + centre[0])

    def act(obs: dict[str, np.ndarray]) -> np.ndarray:
        position, velocity = obs["state"][:2], obs["state"][2:]
        cells = way(grid, cell_at(position), cell_at(obs["goal"]))
        target = obs["goal"]
        if cells:
            row, column = cells[0]
            target = np.array([column + 0.5, -row - 0.5]) + centre * [-1, 1]
        return np.clip(_STIFFNESS * (target - position) - _DAMPING * velocity, -1, 1)

    return act
