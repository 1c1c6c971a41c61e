"""One episode of a log, in the form that an environment's spaces ask for, or refused.

Legend: T decisions, A action dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from daneel.errors import DaneelError

_LOOK = "Type `daneel demos show PATH` to see what a dataset holds."
_ROUNDING = 1e-3
"""By so much of an action's range it may leave its bounds without a word."""
_FOREIGN = 0.5
"""With more actions than this share beyond the bounds, the units are other ones."""


class LogError(DaneelError):
    """A log cannot be read, or does not fit the environment."""


@dataclass(frozen=True)
class LoggedEpisode:
    """T decisions and what they led to."""

    obs: dict[str, np.ndarray]
    """By modality [T + 1, ...]; the last one is what the last decision led to."""

    action: np.ndarray
    """[T, A] in the environment's units, or [T] whole numbers."""

    reward: np.ndarray | None
    """[T]; None where nobody wrote rewards down."""

    terminated: bool
    """Whether the task itself ended after the last decision, not just the record."""

    def __len__(self) -> int:
        """T."""
        return len(self.action)


def without_last(
    obs: Mapping[str, np.ndarray], action: np.ndarray, reward: np.ndarray | None, terminated: bool
) -> LoggedEpisode:
    """An episode of a layout that has T observations, not T + 1: what came last was not recorded.

    Where the episode was merely cut off, its last decision is left out. Where it terminated, the
    decision and its reward count, and the observation before it stands for the one after it: no
    value follows there.
    """
    if terminated:
        obs = {key: np.concatenate([value, value[-1:]]) for key, value in obs.items()}
        return LoggedEpisode(dict(obs), action, reward, True)
    return LoggedEpisode(dict(obs), action[:-1], None if reward is None else reward[:-1], False)


def fitted(
    episode: LoggedEpisode, observation: spaces.Dict, action: spaces.Space[Any], where: str
) -> LoggedEpisode:
    """The episode with the modalities, shapes and types of an environment.

    Args:
        episode: As it was read.
        observation: Of one environment.
        action: Box or Discrete, of one environment.
        where: Which episode this is, for messages.

    Raises:
        LogError: A modality is missing, a shape is another, a number is not finite, or lengths
            contradict each other.
    """
    obs = {key: _modality(episode, key, space, where) for key, space in observation.items()}
    acted = _actions(np.asarray(episode.action), action, where)
    _check_finite({**obs, "action": acted}, where)
    reward = None
    if episode.reward is not None:
        reward = np.asarray(episode.reward, np.float32).reshape(-1)
        _check_length("the reward", len(reward), len(acted), where)
        _check_finite({"reward": reward}, where)
    for key, value in obs.items():
        _check_length(f"the observation {key!r}", len(value), len(acted) + 1, where)
    return LoggedEpisode(obs, acted, reward, episode.terminated)


def _modality(episode: LoggedEpisode, key: str, space: spaces.Space[Any], where: str) -> np.ndarray:
    if key not in episode.obs:
        raise LogError(
            f"{where} has no observation {key!r}; it has {', '.join(sorted(episode.obs)) or 'none'}"
            f". Expected every modality of the environment. {_LOOK}"
        )
    value, shape = np.asarray(episode.obs[key]), space.shape or ()
    if value.ndim == 1 and shape == (1,):
        value = value[:, None]
    if value.shape[1:] != shape:
        raise LogError(
            f"{where}: the observation {key!r} has the shape {list(value.shape[1:])}, and the "
            f"environment's has {list(shape)}. Expected the same. {_LOOK}"
        )
    is_float = np.issubdtype(space.dtype, np.floating)
    return value.astype(np.float32 if is_float else space.dtype, copy=False)


def _actions(value: np.ndarray, space: spaces.Space[Any], where: str) -> np.ndarray:
    if isinstance(space, spaces.Discrete):
        return _choices(value, space, where)
    shape = space.shape or ()
    if value.ndim == 1 and shape == (1,):
        value = value[:, None]
    if value.shape[1:] != shape:
        raise LogError(
            f"{where}: actions have the shape {list(value.shape[1:])}, and the environment's have "
            f"{list(shape)}. Expected the same robot and the same control. {_LOOK}"
        )
    return value.astype(np.float32, copy=False)


def _choices(value: np.ndarray, space: spaces.Discrete, where: str) -> np.ndarray:
    flat = value.reshape(len(value), -1)
    whole = flat.shape[1] == 1 and bool((flat == np.round(flat)).all())
    if not whole or ((flat < space.start) | (flat >= space.start + space.n)).any():
        raise LogError(
            f"{where}: actions are {value[:1].tolist()} and the like. Expected whole numbers from "
            f"{space.start} to {space.start + space.n - 1}, as the environment takes. {_LOOK}"
        )
    return flat[:, 0].astype(np.int64)


def _check_finite(arrays: Mapping[str, np.ndarray], where: str) -> None:
    for key, value in arrays.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            row = int(np.argwhere(~np.isfinite(value))[0, 0])
            raise LogError(
                f"{where}: {key!r} is {value[row]} in decision {row}. Expected finite numbers. "
                "Take the episode out of the log, or mend what recorded it."
            )


def _check_length(what: str, found: int, expected: int, where: str) -> None:
    if found != expected:
        raise LogError(
            f"{where}: {what} has {found} rows. Expected {expected}, by its number of actions. "
            "The log is not whole: copy or record it again."
        )


def within_bounds(
    actions: np.ndarray, space: spaces.Space[Any], where: str
) -> tuple[np.ndarray, float]:
    """Actions [N, A] clipped to the bounds of their space, and the share that had to be.

    Raises:
        LogError: Most are beyond them: they are of another unit.
    """
    if not isinstance(space, spaces.Box):
        return actions, 0.0
    room = _ROUNDING * (space.high - space.low)
    outside = (actions < space.low - room) | (actions > space.high + room)
    share = float(outside.any(axis=1).mean())
    if share > _FOREIGN:
        raise LogError(
            f"{where}: {share:.0%} of the actions are beyond the environment's bounds; they span "
            f"{actions.min(0).tolist()} to {actions.max(0).tolist()}. Expected "
            f"{space.low.tolist()} to {space.high.tolist()}: are the units other ones? {_LOOK}"
        )
    return np.clip(actions, space.low, space.high), share
