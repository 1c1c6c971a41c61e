"""Fast off-screen images of MuJoCo simulations, which never touch the simulation.

Shadows, reflections and multisampling are off: on a CPU they cost 10 to 100 times the rest.
"""

import atexit
import functools
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from daneel.errors import RenderError

INSTALL = "sudo apt-get install -y libegl1 libgl1-mesa-dri libosmesa6"
"""The line that brings both off-screen OpenGL libraries to Debian and Ubuntu."""

try:
    import mujoco as _mujoco
except Exception as error:  # PyOpenGL raises AttributeError for a library that is not there
    if not os.environ.get("MUJOCO_GL"):
        raise
    raise RenderError(
        f"MuJoCo cannot be loaded with MUJOCO_GL={os.environ['MUJOCO_GL']} ({error}). Expected "
        f"'egl', 'osmesa' or 'glfw', and its OpenGL library installed. Type `unset MUJOCO_GL`, or "
        f"`{INSTALL}`."
    ) from error

mujoco: Any = _mujoco
"""The bindings are compiled and carry no types."""

MjModel = Any
MjData = Any
MjvCamera = Any

_PROBE = "from mujoco.{0} import GLContext; GLContext(8, 8).make_current()"
_BACKENDS = ("egl", "osmesa")


def gl_backend() -> str | None:
    """Return the off-screen OpenGL library that works here: "egl", "osmesa", or None.

    The environment variable `MUJOCO_GL` decides if it is set ("glfw", for machines with a display,
    is possible then). Each candidate is tried once, in a process of its own, so that a broken
    driver cannot harm this one; the answer is remembered.
    """
    return _first_working(os.environ.get("MUJOCO_GL", "").strip().lower())


def choose_backend() -> str | None:
    """Return `gl_backend()` and tell it to libraries that look at `MUJOCO_GL` when imported.

    A choice that the user made is left alone.
    """
    backend = gl_backend()
    if backend is not None and not os.environ.get("MUJOCO_GL"):
        os.environ["MUJOCO_GL"] = backend
    return backend


def require_backend(env_id: str) -> str:
    """Return `choose_backend()`.

    Raises:
        RenderError: There is none; the message has the line to type.
    """
    backend = choose_backend()
    if backend is None:
        chosen = os.environ.get("MUJOCO_GL")
        seen = f"with MUJOCO_GL={chosen}" if chosen else "neither EGL nor OSMesa"
        raise RenderError(
            f"Cannot draw env {env_id!r}: {seen} no OpenGL context could be made. "
            f"Expected a working off-screen OpenGL library. Type `{INSTALL}`"
            + (" and `unset MUJOCO_GL`." if chosen else ".")
        )
    return backend


_VISIBLE = (
    mujoco.mj_kinematics,
    mujoco.mj_comPos,
    mujoco.mj_camlight,
    mujoco.mj_flex,
    mujoco.mj_tendon,
)
"""What turns a state into positions of bodies, cameras, lights, flexible bodies and tendons."""


@functools.cache
def _first_working(chosen: str) -> str | None:
    if chosen in (*_BACKENDS, "glfw"):
        return chosen if _works(chosen) else None
    if chosen in ("disable", "disabled", "off", "false", "0"):
        return None
    return next((name for name in _BACKENDS if _works(name)), None)


def _works(backend: str) -> bool:
    environ = {**os.environ, "MUJOCO_GL": backend}
    command = [sys.executable, "-c", _PROBE.format(backend)]
    try:
        result = subprocess.run(command, env=environ, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


class MujocoCamera:
    """Draws one MuJoCo simulation from one camera.

    The simulation's state is copied before each image, and the positions of what is to be seen are
    computed from the copy; so nothing of the simulation changes, warm starts included.
    """

    def __init__(
        self,
        model: MjModel,
        backend: str,
        height: int,
        width: int,
        camera: MjvCamera,
    ) -> None:
        """Prepare to draw `model` in images of `height` x `width` pixels as `camera` sees it."""
        self.model = model
        self._camera = camera
        self._data = mujoco.MjData(model)
        self._state = np.empty(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION))
        self._scene = mujoco.MjvScene(model, maxgeom=10_000)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = False
        self._option = mujoco.MjvOption()
        self._viewport = mujoco.MjrRect(0, 0, width, height)
        self._image = np.empty((height, width, 3), np.uint8)
        self._gl = _context(backend, width, height)
        self._gl.make_current()
        with _plain_visuals(model, height, width):
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._is_open = True
        # Registered after MuJoCo's own exit function, so it runs before that ends EGL.
        self._close_at_exit = functools.partial(_close, weakref.ref(self))
        atexit.register(self._close_at_exit)

    def draw(
        self,
        data: MjData,
        pose: Callable[[MjModel, MjData], None] | None = None,
    ) -> np.ndarray:
        """Return an image uint8 [H, W, 3] of the simulation `data`.

        Args:
            data: Left as it is.
            pose: Called with the model and the copy to be shown, for example to move what is only
                there to be looked at.
        """
        self._copy_state(data)
        for compute in _VISIBLE:
            compute(self.model, self._data)
        if pose is not None:
            pose(self.model, self._data)
        self._gl.make_current()
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(
            self.model, self._data, self._option, None, self._camera, everything, self._scene
        )
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        mujoco.mjr_readPixels(self._image, None, self._viewport, self._context)
        return self._image[::-1].copy()  # OpenGL counts rows from the bottom

    def _copy_state(self, data: MjData) -> None:
        everything = mujoco.mjtState.mjSTATE_INTEGRATION
        mujoco.mj_getState(self.model, data, self._state, everything)
        mujoco.mj_setState(self.model, self._data, self._state, everything)

    def refresh(self) -> None:
        """Show terrain that has changed since the last image."""
        self._gl.make_current()
        for index in range(self.model.nhfield):
            mujoco.mjr_uploadHField(self.model, self._context, index)

    def close(self) -> None:
        """Free the OpenGL context; again is harmless."""
        if not self._is_open:
            return
        self._is_open = False
        atexit.unregister(self._close_at_exit)
        self._gl.make_current()
        self._context.free()
        self._gl.free()

    def __del__(self) -> None:
        """Free the OpenGL context of a camera that nobody closed."""
        if getattr(self, "_is_open", False):
            self.close()


def _close(camera: "weakref.ref[MujocoCamera]") -> None:
    target = camera()
    if target is not None:
        target.close()


def _context(backend: str, width: int, height: int) -> Any:
    """Make an OpenGL context; `mujoco.Renderer` would take the one fixed at mujoco's import."""
    if backend == "egl":
        from mujoco.egl import GLContext
    elif backend == "osmesa":
        from mujoco.osmesa import GLContext
    else:
        from mujoco.glfw import GLContext
    return GLContext(width, height)


@contextmanager
def _plain_visuals(model: MjModel, height: int, width: int) -> Iterator[None]:
    """Set what an `MjrContext` reads from the model when it is made, and put it back."""
    quality, output = model.vis.quality, model.vis.global_
    before = (quality.offsamples, quality.shadowsize, output.offheight, output.offwidth)
    quality.offsamples, quality.shadowsize = 0, 0
    output.offheight, output.offwidth = height, width
    try:
        yield
    finally:
        quality.offsamples, quality.shadowsize, output.offheight, output.offwidth = before
