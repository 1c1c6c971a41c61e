"""Skills of a second and performers that do them, for tests of collection."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from daneel.envs.suites import Skill, SuccessRule

STEPS = 6
BUTTON = "tests/Button-v0"
_METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 12}


class Button(gym.Env[Any, np.ndarray]):
    """A dial to bring to a goal: the first number of the action moves it; it can be drawn."""

    metadata = _METADATA

    def __init__(self, render_mode: str | None = None, nan_at: int | None = None) -> None:
        """A dial; `nan_at` is the step whose reward is not a number."""
        box = spaces.Box(-2.0, 2.0, (1,), np.float32)
        state = spaces.Box(-2.0, 2.0, (3,), np.float32)
        self.observation_space = spaces.Dict(
            {"observation": state, "achieved_goal": box, "desired_goal": box}
        )
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.render_mode, self._nan_at = render_mode, nan_at

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Draw a goal."""
        super().reset(seed=seed)
        self._steps, self._at = 0, np.zeros(1, np.float32)
        self._goal = self.np_random.uniform(-1, 1, 1).astype(np.float32)
        return self._observe(), {}

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Move by at most a half."""
        self._steps += 1
        self._at = np.clip(self._at + 0.5 * action[:1], -2, 2).astype(np.float32)
        distance = float(np.abs(self._at - self._goal)[0])
        reward = np.nan if self._steps == self._nan_at else -distance
        return self._observe(), reward, False, False, {"is_success": distance < 0.05}

    def render(self) -> Any:
        """A plain image as bright as the step is late."""
        return np.full((32, 32, 3), 30 * self._steps, np.uint8)

    def _observe(self) -> dict[str, np.ndarray]:
        state = np.concatenate([self._at, self._goal, [self._steps / STEPS]]).astype(np.float32)
        return {"observation": state, "achieved_goal": self._at, "desired_goal": self._goal}


def register() -> None:
    """Register the environment; once is enough."""
    if BUTTON not in gym.registry:
        gym.register(BUTTON, f"{__name__}:Button")


register()


class Turner:
    """Turns the dial to the goal; gives up on goals below `least`."""

    def __init__(self, least: float = -1.0) -> None:
        """All goals, unless `least` says otherwise."""
        self._least = least
        self.action_repeat = 1

    def act(
        self, obs: dict[str, np.ndarray], state: dict[str, Any] | None = None, explore: bool = False
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Actions [N, 2], at times out of bounds; the second number counts decisions."""
        count = np.zeros(len(obs["state"])) if state is None else state["count"]
        assert obs["text"].shape == (len(count), 128)
        push = 2 * (obs["goal"][:, 0] - obs["achieved"][:, 0])
        push = np.where(obs["goal"][:, 0] < self._least, 0, push)
        return np.stack([push, count / STEPS], 1), {"count": count + 1}

    def reset_state(self, state: dict[str, Any], mask: np.ndarray) -> dict[str, Any]:
        """A new episode."""
        return {"count": np.where(mask, 0, state["count"])}


class Broken(Turner):
    """Answers with something that is no action."""

    def __init__(self, answer: np.ndarray) -> None:
        """Always `answer`."""
        super().__init__()
        self._answer = answer

    def act(
        self, obs: dict[str, np.ndarray], state: dict[str, Any] | None = None, explore: bool = False
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Not an action."""
        return self._answer, {}


def skill(name: str = "turn-dial", kind: Any = "held", **fields: Any) -> Skill:
    """A skill of six steps."""
    at_least = fields.pop("at_least", None)
    settings: dict[str, Any] = {"env": BUTTON, "horizon": STEPS, "expert": "turner", **fields}
    return Skill(
        name=name,
        block="tests",
        instructions=("turn the dial to the goal", "dial the goal", "bring the dial to the mark"),
        success=SuccessRule(kind, "info['is_success']", at_least),
        embodiment="dial",
        **settings,
    )


def turner(skill: Skill) -> Turner:
    """The performer of a skill, found by name in another process: "half-..." fails at times."""
    if skill.name.startswith("crash"):
        raise RuntimeError("the simulator crashed")
    return Turner(0.0 if skill.name.startswith("half") else -1.0)
