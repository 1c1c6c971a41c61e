"""World models: encoders, latent dynamics, losses and imagination."""

from daneel.world_models.averaging import follow, slow_copy
from daneel.world_models.batch import Batch
from daneel.world_models.encoders import MultiModalEncoder
from daneel.world_models.layers import Rescale, Standardize, initialise
from daneel.world_models.model import Latents, MultiModalWorldModel, WorldModelConfig
from daneel.world_models.two_hot import TwoHot, symexp, symlog
from daneel.world_models.value import QEnsemble, cautious, one_step_target

__all__ = [
    "Batch",
    "Latents",
    "MultiModalEncoder",
    "MultiModalWorldModel",
    "QEnsemble",
    "Rescale",
    "Standardize",
    "TwoHot",
    "WorldModelConfig",
    "cautious",
    "follow",
    "initialise",
    "one_step_target",
    "slow_copy",
    "symexp",
    "symlog",
]
