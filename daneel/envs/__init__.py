"""Environments: every Gymnasium task behind one door, with observations by modality."""

from daneel.envs.config import EnvConfig
from daneel.envs.identity import register as _register_identity
from daneel.envs.making import list_ids, make, make_from_config, make_single, success_signal

_register_identity()

__all__ = [
    "EnvConfig",
    "list_ids",
    "make",
    "make_from_config",
    "make_single",
    "success_signal",
]
