"""Policies for the tests, loaded by name: `tests.evaluation.suites.acting:toward_goal`."""

import os
import signal

import numpy as np

from daneel.envs.suites import decode_text

ACTIONS = 3


def toward_goal(obs):
    """Reaches with the Panda arm."""
    return np.clip(5 * (obs["goal"] - obs["achieved"]), -1, 1).astype(np.float32)


def still(obs):
    """Does nothing."""
    return np.zeros(ACTIONS, np.float32)


def obedient(obs):
    """Reaches only when it is told in the plainest words."""
    told = decode_text(obs["text"]).startswith("move")
    return toward_goal(obs) if told else still(obs)


def too_long(obs):
    """An action of the wrong size."""
    return np.zeros(ACTIONS + 1, np.float32)


def not_a_number(obs):
    """An action that is no number."""
    return np.full(ACTIONS, np.nan, np.float32)


def killed(obs):
    """Takes its process with it when the goal lies to the left."""
    if obs["goal"][1] > 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return toward_goal(obs)


class Slow:
    """Twice as many environment steps a decision as the task says."""

    action_repeat = 2

    def __call__(self, obs):
        """Reaches."""
        return toward_goal(obs)


slow = Slow()


def blind(obs):
    """Looks for what is not there."""
    return obs["image"].mean()
