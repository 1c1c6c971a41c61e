"""Twins: the same mechanism in two engines, MuJoCo to train in and PyBullet to deploy to."""

from daneel.envs.twins.deployed import DeployedTwin, SampleBudgetError
from daneel.envs.twins.mujoco_engine import MujocoEngine
from daneel.envs.twins.parameters import ParameterSpace
from daneel.envs.twins.plant import Plant
from daneel.envs.twins.source import SourceTwin, parameter_row
from daneel.envs.twins.task import Task
from daneel.envs.twins.tasks import TASKS, load_task

__all__ = [
    "TASKS",
    "DeployedTwin",
    "MujocoEngine",
    "ParameterSpace",
    "Plant",
    "SampleBudgetError",
    "SourceTwin",
    "Task",
    "load_task",
    "parameter_row",
]
