"""The test environments have the answers they claim."""

import numpy as np
import pytest

from daneel import envs


def play(env_id, policy, **kwargs):
    """Return the return of one episode of `policy`."""
    env = envs.make_single(envs.EnvConfig(env_id, kwargs=kwargs))
    observation, _ = env.reset(seed=3)
    total = 0.0
    while True:
        observation, reward, terminated, truncated, _ = env.step(policy(observation["state"]))
        total += float(reward)
        if terminated or truncated:
            return total


def test_repeating_the_observation_is_best():
    """Repeating the observation is best."""
    assert play("daneel/IdentityBox-v0", lambda s: s, dim=3) == pytest.approx(10)
    assert play("daneel/IdentityDiscrete-v0", lambda s: s.argmax()) == 10


def test_anything_else_is_worse():
    """Anything else is worse."""
    assert play("daneel/IdentityBox-v0", lambda s: -s) < 9
    assert play("daneel/IdentityDiscrete-v0", lambda s: (s.argmax() + 1) % 4) == 0


def test_episode_length_can_be_chosen():
    """Episode length can be chosen."""
    assert play("daneel/IdentityBox-v0", lambda s: s, episode_steps=1) == pytest.approx(1)


def test_probe_shows_nan_where_asked():
    """Probe shows nan where asked."""
    env = envs.make_single(
        envs.EnvConfig("daneel/Probe-v0", kwargs={"nan_reward_at": 2, "nan_observation_at": 3})
    )
    env.reset()
    steps = [env.step(np.zeros(1)) for _ in range(3)]
    assert [np.isnan(float(reward)) for _, reward, *_ in steps] == [False, True, False]
    assert [np.isnan(o["state"][0]) for o, *_ in steps] == [False, False, True]
