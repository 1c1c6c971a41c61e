"""What an environment configuration refuses."""

import pytest

from daneel.envs import EnvConfig
from daneel.errors import ConfigError


def test_defaults_are_one_unrepeated_environment():
    """Defaults are one unrepeated environment."""
    config = EnvConfig()
    assert (config.num_envs, config.action_repeat, config.max_episode_steps) == (1, 1, None)


@pytest.mark.parametrize("field", ["num_envs", "action_repeat", "max_episode_steps"])
@pytest.mark.parametrize("value", [0, -3, 1.5, True])
def test_counts_outside_their_range_are_named(field, value):
    """Counts outside their range are named."""
    with pytest.raises(ConfigError, match=rf"env\.{field} is {value!r}.*at least 1"):
        EnvConfig(**{field: value})


def test_empty_id_is_refused():
    """Empty id is refused."""
    with pytest.raises(ConfigError, match="daneel list envs"):
        EnvConfig(id="")
