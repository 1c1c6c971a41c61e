"""Every preset that ships is a training that can start."""

import pytest

from daneel import config, envs
from daneel.training.config import from_data


@pytest.mark.parametrize("name", config.preset_names())
def test_preset_is_a_training_of_a_known_task(name: str) -> None:
    """Fields, types and ranges hold; the environment exists; evaluations fit into the run."""
    training = from_data(config.load_preset(name))
    assert training.preset == name
    assert training.env.id in envs.list_ids()
    assert training.eval_every is not None
    assert 0 < training.eval_every <= training.steps
    assert training.steps % training.env.action_repeat == 0
