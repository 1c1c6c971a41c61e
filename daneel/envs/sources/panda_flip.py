"""PandaFlip, which panda-gym 3.0.7 ships broken.

Its wheel lacks the texture of the cube, and its goals come from SciPy's global generator. The task
here draws goals by the seed of the reset, and paints the cube with four colours of our own.
"""

import os
import tempfile
from typing import Any

import imageio.v3 as iio
import numpy as np
from panda_gym.envs.core import RobotTaskEnv
from panda_gym.envs.robots.panda import Panda
from panda_gym.envs.tasks.flip import Flip
from panda_gym.pybullet import PyBullet

_COLOURS = (((230, 60, 60), (60, 160, 60)), ((60, 90, 220), (240, 200, 60)))
"""RGB of the quarters of each face, row by row."""


class SeededFlip(Flip):
    """The flip task with goals from `np_random`, uniform over all rotations."""

    np_random: np.random.Generator
    """Set by `RobotTaskEnv.reset`."""

    def _create_scene(self) -> None:
        self.sim.create_plane(z_offset=-0.4)
        self.sim.create_table(length=1.1, width=0.7, height=0.4, x_offset=-0.3)
        half, white = np.ones(3) * self.object_size / 2, np.ones(4)
        above = np.array([0.0, 0.0, 3 * self.object_size / 2])
        on_table = np.array([0.0, 0.0, self.object_size / 2])
        self.sim.create_box("object", half, mass=1.0, position=on_table, rgba_color=white)
        self.sim.create_box(
            "target", half, mass=0.0, ghost=True, position=above, rgba_color=white * [1, 1, 1, 0.5]
        )
        self._paint("object", "target")

    def _paint(self, *bodies: str) -> None:
        client = self.sim.physics_client
        with tempfile.TemporaryDirectory() as folder:  # PyBullet loads textures from files only
            path = os.path.join(folder, "cube.png")
            iio.imwrite(path, np.kron(_COLOURS, np.ones((32, 32, 1))).astype(np.uint8))
            texture = client.loadTexture(path)
        for body in bodies:
            client.changeVisualShape(self.sim._bodies_idx[body], -1, textureUniqueId=texture)

    def _sample_goal(self) -> np.ndarray:
        quaternion = self.np_random.standard_normal(4)
        return quaternion / np.linalg.norm(quaternion)


class SeededFlipEnv(RobotTaskEnv):
    """`panda_gym.envs.PandaFlipEnv` with `SeededFlip` as its task."""

    def __init__(
        self, reward_type: str = "sparse", control_type: str = "ee", **render_options: Any
    ) -> None:
        """Make the environment; `render_options` are those of `RobotTaskEnv`."""
        simulation = PyBullet(render_mode="rgb_array")
        base = np.array([-0.6, 0.0, 0.0])
        robot = Panda(
            simulation, block_gripper=False, base_position=base, control_type=control_type
        )
        super().__init__(robot, SeededFlip(simulation, reward_type=reward_type), **render_options)
