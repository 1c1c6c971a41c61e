"""Environments: every Gymnasium task behind one door, with observations by modality."""

from daneel.envs.config import EnvConfig
from daneel.envs.goals import goal_relabel
from daneel.envs.identity import register as _register_identity
from daneel.envs.making import list_ids, make, make_from_config, make_single, success_signal
from daneel.envs.rendering import gl_backend
from daneel.envs.scoring import make_for_scores
from daneel.envs.sources import SOURCES
from daneel.envs.video import write_video
from daneel.envs.wrappers import scored_at_end

_register_identity()

__all__ = [
    "SOURCES",
    "EnvConfig",
    "gl_backend",
    "goal_relabel",
    "list_ids",
    "make",
    "make_for_scores",
    "make_from_config",
    "make_single",
    "scored_at_end",
    "success_signal",
    "write_video",
]
