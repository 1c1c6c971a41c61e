"""`render()` for every kind of environment, in the size asked for.

MuJoCo simulations go through `MujocoCamera`, PyBullet through its TinyRenderer without shadows,
anything else through its own `render()`, scaled.
"""

import functools
from collections.abc import Callable
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from daneel.envs.rendering import (
    MjData,
    MjModel,
    MjvCamera,
    MujocoCamera,
    mujoco,
    require_backend,
)
from daneel.errors import RenderError

_META_WORLD_VIEW = {
    "lookat": np.array([0.0, 0.6, 0.1]),
    "distance": 1.6,
    "azimuth": 148.0,
    "elevation": -30.0,
}
"""Meta-World's "corner2" seen upright: the cameras of its models hang upside down."""

_USUAL = {"dm_control/": 0, "AdroitHandPen": "fixed"}
"""Cameras by the beginning of the id. The pen's default view is of the table top alone."""

_INNER = ("ant_env", "point_env", "robot_env")
"""Attributes under which Gymnasium-Robotics' mazes and kitchen keep the simulation."""


class Painter(Protocol):
    """Draws one environment."""

    def draw(self) -> np.ndarray:
        """Return an image uint8 [H, W, 3]."""
        ...

    def begin_episode(self) -> None:
        """Take note that the environment was reset."""
        ...

    def close(self) -> None:
        """Free what drawing needs."""
        ...


class Frames(gym.Wrapper):
    """Gives an environment a `render()` that returns uint8 [H, W, 3] and changes nothing.

    Raises:
        RenderError: The machine cannot draw this environment; the message has the line to type.
    """

    def __init__(self, env: gym.Env, env_id: str, height: int, width: int) -> None:
        """Wrap `env`; images are `height` x `width` pixels."""
        super().__init__(env)
        if height < 1 or width < 1:
            raise RenderError(
                f"Cannot draw images of {height} x {width} pixels. Expected at least 1 x 1. "
                "Pass for example render=(240, 320)."
            )
        self._painter = _painter(env, env_id, height, width)

    @property
    def render_mode(self) -> str | None:
        """Always "rgb_array"."""
        return "rgb_array"

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        result = self.env.reset(seed=seed, options=options)
        self._painter.begin_episode()
        return result

    def render(self) -> Any:
        """Return an image uint8 [H, W, 3] of the present state."""
        return self._painter.draw()

    def close(self) -> None:
        """Free the renderer and close the environment."""
        self._painter.close()
        super().close()


def _painter(env: gym.Env, env_id: str, height: int, width: int) -> Painter:
    simulation = _mujoco_simulation(env.unwrapped)
    if simulation is not None:
        return _MujocoPainter(env, env_id, simulation, height, width)
    if hasattr(getattr(env.unwrapped, "sim", None), "physics_client"):
        return _PyBulletPainter(env.unwrapped, height, width)
    return _NativePainter(env, env_id, height, width)


Simulation = Callable[[], tuple[MjModel, MjData]]


def _mujoco_simulation(env: Any) -> Simulation | None:
    """Return how to get model and data of `env`; dm_control may replace both at a reset."""
    if hasattr(env, "physics"):
        return lambda: (env.physics.model.ptr, env.physics.data.ptr)
    for owner in _owners(env):
        if isinstance(getattr(owner, "model", None), mujoco.MjModel):
            return functools.partial(_model_and_data, owner)
    return None


def _owners(env: Any) -> list[Any]:
    return [env, *(getattr(env, name) for name in _INNER if hasattr(env, name))]


def _model_and_data(owner: Any) -> tuple[MjModel, MjData]:
    return owner.model, owner.data


class _MujocoPainter:
    def __init__(
        self, env: gym.Env, env_id: str, simulation: Simulation, height: int, width: int
    ) -> None:
        self._env, self._env_id, self._simulation = env, env_id, simulation
        self._size = (height, width)
        self._backend = require_backend(env_id)
        self._camera: MujocoCamera | None = None  # the first image opens it

    def draw(self) -> np.ndarray:
        model, data = self._simulation()
        if self._camera is None or model is not self._camera.model:
            self.close()
            view = _view(self._env, self._env_id, model)
            self._camera = MujocoCamera(model, self._backend, *self._size, view)
        return self._camera.draw(data, self._show_goal)

    def begin_episode(self) -> None:
        if self._camera is not None and self._simulation()[0] is self._camera.model:
            self._camera.refresh()

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()

    def _show_goal(self, model: MjModel, data: MjData) -> None:
        """Put Gymnasium-Robotics' goal markers where its own `render()` would put them.

        That one moves them in the simulation itself and recomputes it.
        """
        goal = getattr(self._env.unwrapped, "goal", None)
        if not isinstance(goal, np.ndarray) or not hasattr(self._env.unwrapped, "_render_callback"):
            return
        joint = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, "target:joint")
        if joint >= 0 and goal.size == 7:
            start = model.jnt_qposadr[joint]
            data.qpos[start : start + 7] = goal
            data.qpos[start] += 0.15  # beside the hand, not inside it
            mujoco.mj_kinematics(model, data)
            return
        for index, position in enumerate(goal.reshape(-1, 3)):
            site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, f"target{index}")
            if site >= 0:
                data.site_xpos[site] = position


def _view(env: gym.Env, env_id: str, model: MjModel) -> MjvCamera:
    """Choose a camera: the constructor's arguments, the suite's usual, "track", or a free one."""
    owners = _owners(env.unwrapped)
    usual = next((view for prefix, view in _USUAL.items() if env_id.startswith(prefix)), "track")
    asked = [getattr(owners[0], name, None) for name in ("camera_id", "camera_name")]
    for choice in (*asked, usual):
        index = _camera_id(model, choice)
        if index is not None:
            return _fixed(index)
    if env_id.startswith("Meta-World/"):
        return _free(model, _META_WORLD_VIEW)
    renderers = (getattr(owner, "mujoco_renderer", None) for owner in owners)
    settings = (getattr(renderer, "default_cam_config", None) for renderer in renderers)
    return _free(model, next(filter(None, settings), {}))


def _camera_id(model: MjModel, choice: Any) -> int | None:
    if isinstance(choice, str):
        choice = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, choice)
    return choice if isinstance(choice, int) and 0 <= choice < model.ncam else None


def _fixed(index: int) -> MjvCamera:
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
    camera.fixedcamid = index
    return camera


def _free(model: MjModel, settings: dict[str, Any]) -> MjvCamera:
    """Return a free or tracking camera with Gymnasium's `default_camera_config`."""
    camera = mujoco.MjvCamera()
    mujoco.mjv_defaultFreeCamera(model, camera)
    for name, value in settings.items():
        if isinstance(value, np.ndarray):
            getattr(camera, name)[:] = value
        else:
            setattr(camera, name, value)
    if settings.get("trackbodyid", -1) >= 0 and "type" not in settings:
        camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
    return camera


class _PyBulletPainter:
    """PyBullet's software renderer as panda-gym frames the scene, without shadows."""

    def __init__(self, env: Any, height: int, width: int) -> None:
        self._client, self._size = env.sim.physics_client, (height, width)
        self._view = self._client.computeViewMatrixFromYawPitchRoll(
            cameraTargetPosition=env.render_target_position,
            distance=env.render_distance,
            yaw=env.render_yaw,
            pitch=env.render_pitch,
            roll=env.render_roll,
            upAxisIndex=2,
        )
        self._projection = self._client.computeProjectionMatrixFOV(
            fov=60, aspect=width / height, nearVal=0.1, farVal=100.0
        )

    def draw(self) -> np.ndarray:
        height, width = self._size
        image = self._client.getCameraImage(
            width=width,
            height=height,
            viewMatrix=self._view,
            projectionMatrix=self._projection,
            shadow=False,
            renderer=self._client.ER_TINY_RENDERER,
        )[2]
        pixels = np.asarray(image, np.uint8).reshape(height, width, 4)
        return pixels[..., :3].copy()

    def begin_episode(self) -> None:
        pass

    def close(self) -> None:
        pass


class _NativePainter:
    """The environment's own `render()`, scaled."""

    def __init__(self, env: gym.Env, env_id: str, height: int, width: int) -> None:
        self._env, self._env_id, self._size = env, env_id, (height, width)
        if env.render_mode != "rgb_array":
            raise RenderError(
                f"Env {env_id!r} has no render mode 'rgb_array' "
                f"(it has {env.metadata.get('render_modes')}). "
                "Leave out render, or choose another environment with `daneel list envs`."
            )

    def draw(self) -> np.ndarray:
        try:
            image = self._env.render()
        except gym.error.DependencyNotInstalled as error:
            raise RenderError(
                f"Cannot draw env {self._env_id!r}: {error}. Expected pygame. "
                "Type `pip install pygame-ce`."
            ) from error
        return _scale(np.asarray(image), *self._size)

    def begin_episode(self) -> None:
        pass

    def close(self) -> None:
        pass


def _scale(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scale uint8 [h, w, 3] to [height, width, 3] by the nearest pixel."""
    rows = (np.arange(height) + 0.5) * image.shape[0] / height
    columns = (np.arange(width) + 0.5) * image.shape[1] / width
    return np.ascontiguousarray(image[rows.astype(int)][:, columns.astype(int)])
