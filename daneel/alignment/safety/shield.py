"""The runtime shield: every action is projected onto the actions that a certificate vouches for.

1. The wanted action, if it is certified.
2. Else the nearest one by a quadratic program with the certificate's conditions made linear about
   the last try (a discrete-time control barrier function at rate 1: Agrawal and Sreenath 2017, RSS,
   equation 12), up to three times.
3. What the program gives is only a proposal: it is taken if the exact conditions hold, else the
   last certified point on the way from the backup action to it.
4. Else the backup, which the certificate proves to be safe.

So safety rests on the certificate alone, and the program only on how little is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from daneel.alignment.safety.certificates import Certificate
from daneel.alignment.safety.plants import Array
from daneel.alignment.safety.projection import project
from daneel.errors import SpaceError

Kind = Literal["passed", "projected", "backup"]

_ROUNDS = 3
_POINTS = np.linspace(0.0, 1.0, 33)[1:, None]
_STEP = 1e-5
"""Of the differences that make the conditions linear, as a share of the actions' range."""


@dataclass(frozen=True)
class Decision:
    """What the shield let through."""

    action: Array
    """`[A]`."""
    kind: Kind
    """The wanted action, one near to it, or the backup."""
    certified: bool
    """Whether the state was in the certificate's set; outside nothing is guaranteed."""


@dataclass(frozen=True)
class Shield:
    """Filters actions by a certificate.

    Args of `filter` are what a policy wants and where the plant is; the answer can be executed.
    """

    certificate: Certificate
    """What is vouched for."""
    dtype: type[np.floating[Any]] = np.float32
    """Precision in which the environment takes actions: what is certified is the rounded action."""

    def filter(self, state: Array, action: Array) -> Decision:
        """The certified action `[A]` nearest to `action`, in state `[S]`.

        An action that is not finite, or of another shape, is answered with the backup.
        """
        state = np.asarray(state, np.float64)
        backup = self._rounded(self.certificate.backup(state))
        certified = self.certificate.contains(state)
        wanted = np.asarray(action, np.float64).reshape(-1)
        if not certified or wanted.shape != backup.shape or not np.isfinite(wanted).all():
            return Decision(backup, "backup", certified)
        wanted = self._rounded(wanted)
        if self._is_safe(state, wanted[None])[0]:
            return Decision(wanted, "passed", True)
        found = self._nearest(state, wanted, backup)
        return Decision(*(backup, "backup") if found is None else (found, "projected"), True)

    def _nearest(self, state: Array, wanted: Array, backup: Array) -> Array | None:
        """The best certified point that three programs and two straight lines offer."""
        tries, at = [wanted], wanted
        for _ in range(_ROUNDS):
            rows, offsets = self._linear(state, at)
            proposal = project(wanted, rows, offsets)
            if proposal is None:
                break
            at = self._rounded(proposal)
            tries.append(at)
            if self._is_safe(state, at[None])[0]:
                return at
        points = np.concatenate([backup + _POINTS * (goal - backup) for goal in tries[-2:]])
        points = self._rounded(points)
        points = points[self._is_safe(state, points)]
        if not len(points):
            return None
        return points[np.argmin(((points - wanted) ** 2).sum(1))]

    def _linear(self, state: Array, at: Array) -> tuple[Array, Array]:
        """The conditions about an action, and the actions' bounds: rows u >= offsets."""
        plant = self.certificate.plant
        low, high = plant.action_low, plant.action_high
        size = _STEP * (high - low)
        actions = np.concatenate([at[None], at + np.diag(size), at - np.diag(size)])
        margins = self.certificate.margins(state, actions)
        count = len(at)
        slopes = (margins[1 : count + 1] - margins[count + 1 :]) / (2 * size[:, None])
        offsets = slopes.T @ at - margins[0] + 1e-7
        eye = np.eye(count)
        return np.concatenate([slopes.T, eye, -eye]), np.concatenate([offsets, low, -high])

    def _is_safe(self, state: Array, actions: Array) -> NDArray[np.bool_]:
        return np.all(self.certificate.margins(state, actions) >= 0, axis=1)

    def _rounded(self, action: Array) -> Array:
        """Within the bounds, as the environment will get it."""
        plant = self.certificate.plant
        cut = np.clip(action, plant.action_low, plant.action_high)
        return cut.astype(self.dtype).astype(np.float64)


class ShieldedEnv(gym.Wrapper):
    """A Gymnasium environment that executes only what a shield lets through.

    `info["shield"]` of each step says how: `kind`, `certified`, and the `wanted` action.

    Args:
        env: An environment with Box actions.
        shield: The filter; its plant must be the environment's.
        state_of: Reads the plant's state `[S]` from the environment.

    Raises:
        SpaceError: The actions are not those of the plant.
    """

    def __init__(
        self, env: gym.Env[Any, Any], shield: Shield, state_of: Callable[[gym.Env[Any, Any]], Array]
    ) -> None:
        """Check that the actions fit."""
        super().__init__(env)
        space, plant = env.action_space, shield.certificate.plant
        if not isinstance(space, spaces.Box) or space.shape != plant.action_low.shape:
            raise SpaceError(
                f"The environment takes {space}, but the shield's plant "
                f"{plant.action_low.shape[0]} numbers. Expected the same actions. Choose the plant "
                "that the environment simulates."
            )
        if not (
            np.allclose(space.low, plant.action_low) and np.allclose(space.high, plant.action_high)
        ):
            raise SpaceError(
                f"The environment's actions go from {space.low} to {space.high}, the plant's from "
                f"{plant.action_low} to {plant.action_high}. Expected the same units. Choose the "
                "plant that the environment simulates."
            )
        self._shield, self._state_of = shield, state_of

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Filter, then step."""
        decision = self._shield.filter(self._state_of(self.env), action)
        safe = decision.action.astype(self.env.action_space.dtype)
        observation, reward, terminated, truncated, info = self.env.step(safe)
        told = {"kind": decision.kind, "certified": decision.certified, "wanted": action}
        return observation, reward, terminated, truncated, {**info, "shield": told}
