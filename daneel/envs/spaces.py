"""Native spaces to what agents see: a `Dict` of modalities, and bounded or discrete actions.

Modalities: "state", "goal", "achieved" float32 vectors [D]; "image" uint8 [H, W, C]; "depth",
"audio" and "text" arrays as they come.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from daneel.errors import SpaceError

MODALITIES = ("state", "image", "depth", "audio", "text", "goal", "achieved")
_VECTORS = ("state", "goal", "achieved")
_GOAL_KEYS = {"observation": "state", "achieved_goal": "achieved", "desired_goal": "goal"}

Observation = dict[str, np.ndarray]
_Convert = Callable[[Any], np.ndarray]


class ObservationMap:
    """Turns native observations of one environment into a dictionary of modalities.

    - `Box`: "state", or "image" when it is uint8 [H, W, C] or [H, W].
    - Goal environments {observation, achieved_goal, desired_goal}: "state", "achieved", "goal".
    - `Dict` whose keys are all modalities: kept.
    - Any other `Dict`: its one image becomes "image"; the rest is flattened into "state" in the
      order of the native space's keys (alphabetical unless the environment says otherwise, so
      dm_control's walker is height, orientations, velocity).
    - `Discrete` and other finite spaces: "state", one-hot (`gymnasium.spaces.flatten`).

    Attributes:
        space: `Dict` space of the converted observations.
    """

    def __init__(self, native: spaces.Space, env_id: str) -> None:
        """Plan the conversion of observations of the space `native`.

        Raises:
            SpaceError: The space holds text, graphs, sequences or more than one image.
        """
        self._env_id = env_id
        self._pick: dict[str, Callable[[Any], Any]] = {}
        self._convert: dict[str, _Convert] = {}
        boxes: dict[str, spaces.Space] = {}
        for key, (space, pick) in self._group(native).items():
            boxes[key], self._convert[key] = self._plan(key, space)
            self._pick[key] = pick
        self.space = spaces.Dict(boxes)

    def __call__(self, observation: Any) -> Observation:
        """Convert one native observation; the arrays are new."""
        return {
            key: convert(self._pick[key](observation)) for key, convert in self._convert.items()
        }

    def _group(self, native: spaces.Space) -> dict[str, tuple[spaces.Space, Callable[[Any], Any]]]:
        """Return the native space of each modality and how to pick its value."""
        if not isinstance(native, spaces.Dict):
            return {"image" if _is_image(native) else "state": (native, lambda value: value)}
        keys = list(native.spaces)
        if set(keys) == set(_GOAL_KEYS):
            return {_GOAL_KEYS[key]: (native[key], _item(key)) for key in keys}
        if set(keys) <= set(MODALITIES):
            return {key: (native[key], _item(key)) for key in keys}
        images = [key for key in keys if _is_image(native[key])]
        if len(images) > 1:
            raise self._refuse(native, f"{len(images)} images ({', '.join(images)})")
        groups: dict[str, tuple[spaces.Space, Callable[[Any], Any]]] = {}
        if images:
            groups["image"] = (native[images[0]], _item(images[0]))
        rest = {key: native[key] for key in keys if key not in images}
        if rest:
            groups["state"] = (_ordered_dict(rest), lambda value: value)
        return groups

    def _plan(self, key: str, space: spaces.Space) -> tuple[spaces.Box, _Convert]:
        if key == "image":
            return _image(space)
        if key in _VECTORS:
            return self._vector(space)
        if not isinstance(space, spaces.Box):
            raise self._refuse(space, f"a {type(space).__name__} under {key!r}")
        return space, lambda value: np.array(value, dtype=space.dtype)

    def _vector(self, space: spaces.Space) -> tuple[spaces.Box, _Convert]:
        if isinstance(space, spaces.Box):
            return _float_box(space), lambda value: np.array(value, np.float32).reshape(-1)
        if isinstance(space, spaces.Dict) and all(
            isinstance(item, spaces.Box) for item in space.spaces.values()
        ):
            return _float_box(spaces.flatten_space(space)), _concatenate(list(space.spaces))
        flat = None if _holds_text(space) else spaces.flatten_space(space)
        if not isinstance(flat, spaces.Box):
            raise self._refuse(space, f"a {type(space).__name__} space")
        return _float_box(flat), lambda value: np.array(spaces.flatten(space, value), np.float32)

    def _refuse(self, space: spaces.Space, what: str) -> SpaceError:
        return SpaceError(
            f"Env {self._env_id!r} observes {what}: {space}. "
            f"Expected arrays of a fixed size, or a Dict of the modalities {', '.join(MODALITIES)}."
            " Wrap the environment so that it returns these, register it and pass its id."
        )


def action_space_for_agents(native: spaces.Space, env_id: str) -> spaces.Box | spaces.Discrete:
    """Return the action space that agents see: float32 `Box` [A] in native units, or `Discrete`.

    Raises:
        SpaceError: The native space is neither, or it has an infinite bound.
    """
    if isinstance(native, spaces.Discrete):
        return native
    if not isinstance(native, spaces.Box) or not np.issubdtype(native.dtype, np.floating):
        raise SpaceError(
            f"Env {env_id!r} takes actions from {native}. Expected a Box of floats or Discrete. "
            "Type `daneel list envs` for environments that agents can use."
        )
    if not (np.isfinite(native.low).all() and np.isfinite(native.high).all()):
        raise SpaceError(
            f"Env {env_id!r} has an unbounded action space {native}. "
            "Expected finite lower and upper bounds in every dimension. "
            "Wrap it in gymnasium.wrappers.RescaleAction, register it and pass its id."
        )
    return _float_box(native)


def native_action(native: spaces.Space, action: Any) -> Any:
    """Return an agent's `action` in the shape and type of the native space.

    A float32 bound can lie a rounding error outside the native float64 bound, so the action is
    clipped to the native bounds then.
    """
    if not isinstance(native, spaces.Box):
        return int(action)
    value = np.asarray(action, dtype=native.dtype).reshape(native.shape)
    return value if native.dtype == np.float32 else np.clip(value, native.low, native.high)


def _item(key: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda value: value[key]


def _concatenate(keys: list[str]) -> _Convert:
    def convert(value: Mapping[str, Any]) -> np.ndarray:
        return np.concatenate([np.ravel(value[key]) for key in keys]).astype(np.float32)

    return convert


def _ordered_dict(items: dict[str, spaces.Space]) -> spaces.Dict:
    """A `Dict` space in the order given; Gymnasium sorts a plain dict, but not a list of pairs."""
    return spaces.Dict(list(items.items()))


def _float_box(box: spaces.Space) -> spaces.Box:
    assert isinstance(box, spaces.Box)
    with np.errstate(over="ignore"):  # float64 limits become infinite float32 limits
        low, high = (bound.astype(np.float32).reshape(-1) for bound in (box.low, box.high))
    return spaces.Box(low, high, dtype=np.float32)


def _holds_text(space: spaces.Space) -> bool:
    """Whether `space` holds text, which Gymnasium would flatten to numbers of its letters."""
    if isinstance(space, spaces.Dict):
        return any(map(_holds_text, space.spaces.values()))
    if isinstance(space, spaces.Tuple | spaces.OneOf):
        return any(map(_holds_text, space.spaces))
    return isinstance(space, spaces.Text)


def _is_image(space: spaces.Space) -> bool:
    if not isinstance(space, spaces.Box) or space.dtype != np.uint8:
        return False
    return len(space.shape) == 2 or (len(space.shape) == 3 and space.shape[-1] in (1, 3, 4))


def _image(space: spaces.Space) -> tuple[spaces.Box, _Convert]:
    """Image [H, W, C]; grey images [H, W] get one channel."""
    assert isinstance(space, spaces.Box)
    shape = space.shape if len(space.shape) == 3 else (*space.shape, 1)
    box = spaces.Box(0, 255, shape, np.uint8)
    return box, lambda value: np.array(value, np.uint8).reshape(shape)
