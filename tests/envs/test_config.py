"""What an environment configuration refuses."""

import re

import pytest
import tyro

from daneel.config import from_dict, load_yaml, save_yaml, to_dict
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


@pytest.mark.parametrize("before", [{}, {"g": 5.0}, {"task": {"limit": 3}, "sizes": [1, 2]}])
def test_arguments_of_the_constructor_come_from_the_command_line(before):
    """Names and values in turn, read as in YAML; they replace what a preset has."""
    default = EnvConfig(kwargs=before)
    assert tyro.cli(EnvConfig, default=default, args=["--num-envs", "2"]).kwargs == before
    words = ["g", "9.81", "n", "3", "lr", "1e-4", "on", "true", "name", "a b", "no", "null"]
    words += ["sizes", "[1, 2]", "task", "{limit: -3}"]
    found = tyro.cli(EnvConfig, default=default, args=["--kwargs", *words]).kwargs
    assert found == {
        **{"g": 9.81, "n": 3, "lr": 1e-4, "on": True, "name": "a b", "no": None},
        **{"sizes": [1, 2], "task": {"limit": -3}},
    }
    assert tyro.cli(EnvConfig, default=default, args=["--kwargs"]).kwargs == {}


@pytest.mark.parametrize(
    ("words", "message"), [(["g"], "'g' has no value"), (["g", "[1"], r"'\[1' is not valid YAML")]
)
def test_arguments_that_cannot_be_read_are_named(words, message, capsys):
    """An odd number of words, a bracket left open."""
    with pytest.raises(SystemExit):
        tyro.cli(EnvConfig, args=["--kwargs", *words])
    assert re.search(message, re.sub(r"[│\s]+", " ", capsys.readouterr().err))


def test_arguments_come_from_yaml(tmp_path):
    """Scalars, lists and mappings, there and back."""
    config = EnvConfig(kwargs={"g": 9.81, "task": {"limit": 3}, "sizes": [1, 2], "no": None})
    save_yaml(tmp_path / "env.yaml", to_dict(config))
    assert from_dict(EnvConfig, load_yaml(tmp_path / "env.yaml")) == config
