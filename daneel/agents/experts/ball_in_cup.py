"""Ball in cup: swing the ball up beside the cup, drop the cup past it, and catch it from below.

The cup (dm_control 1.0.28) is a box 10 cm wide and open at the top, moved by forces of up to 5 N
against springs, within about 25 cm of the middle. The ball hangs from its bottom by 30 cm of
string, so a swing alone does not lift it above the rim. The numbers were found by trying, and are
sensitive: with the cup held 5 cm lower during the swing the ball is caught late or never.

State observed: cup [x, z], ball [x, z], and their velocities, in m and m/s from their rest places.
"""

from __future__ import annotations

import numpy as np

_BALL_BELOW_CUP = np.array([0.0, -0.4])  # m, of the two rest places
_RIM, _INSIDE = 0.05, -0.1  # half the opening, and the depth
_HOLD = 0.05  # height of the cup while it swings the ball
_DROP = 0.15  # height of the cup from which it drops
_BESIDE = 0.1  # distance to keep from the ball's line while the cup drops past it


class BallInCup:
    """The controller of one episode: a phase and the decisions since it began."""

    def __init__(self) -> None:
        """Begin by swinging, whatever the ball does."""
        self._phase, self._age = "swing", 0

    def __call__(self, obs: dict[str, np.ndarray]) -> np.ndarray:
        """The next action [2]: force on the cup in x and z."""
        cup, ball, cup_speed, ball_speed = np.split(obs["state"].astype(float), 4)
        offset = ball + _BALL_BELOW_CUP - cup
        self._advance(cup, offset, cup_speed, ball_speed)
        aside = -1.0 if offset[0] < 0 else 1.0
        if self._phase == "keep":
            upward = 8 * (np.array([0, -0.05]) - cup) - 0.5 * cup_speed + [0, 0.25]
            return np.clip(upward, -0.3, 0.5)
        if self._phase == "catch":  # below where the ball will be in 0.04 s
            ahead = offset[0] + 0.04 * ball_speed[0]
            return _force(25 * ahead - cup_speed[0], -0.2 if abs(offset[0]) < 0.03 else -1.0)
        if self._phase == "lift":
            return _force(-aside, 1.0)
        if self._phase == "drop":
            ahead = offset[0] - aside * _BESIDE
            return _force(20 * ahead - 0.6 * (cup_speed[0] - ball_speed[0]), -1.0)
        return _force(self._swing(ball_speed - cup_speed), self._hold(cup, cup_speed))

    def _advance(
        self, cup: np.ndarray, offset: np.ndarray, cup_speed: np.ndarray, ball_speed: np.ndarray
    ) -> None:
        """Choose the phase; the ball above the rim or in the cup comes first."""
        self._age += 1
        rises = ball_speed[1] - cup_speed[1] > 0.5
        away = abs(offset[0]) > 0.1 and offset[0] * cup_speed[0] <= 0
        if abs(offset[0]) < _RIM and _INSIDE < offset[1] < 0.01:
            self._phase = "keep"
        elif offset[1] > 0.02:
            self._phase = "catch"
        elif self._phase in ("catch", "keep"):
            self._phase, self._age = "swing", 0
        if self._phase == "drop" and self._age > 20:  # missed
            self._phase = "swing"
        if self._phase == "swing" and rises and away and offset[1] > -0.38:
            self._phase, self._age = "lift", 0
        if self._phase == "lift" and (cup[1] > _DROP or self._age > 14):
            self._phase, self._age = "drop", 0

    def _swing(self, relative: np.ndarray) -> float:
        """Against the ball's motion, which pumps energy into it; to and fro where it hangs."""
        if abs(relative[0]) > 0.1:
            return -float(np.sign(relative[0]))
        return -1.0 if self._age % 40 < 20 else 1.0

    def _hold(self, cup: np.ndarray, speed: np.ndarray) -> float:
        return float(15 * (_HOLD - cup[1]) - speed[1] + 0.25 + 4 * _HOLD)


def _force(x: float, z: float) -> np.ndarray:
    return np.clip([x, z], -1.0, 1.0)
