"""World models: encoders, latent dynamics, losses and imagination."""

from daneel.world_models.averaging import follow, slow_copy
from daneel.world_models.batch import Batch, joined
from daneel.world_models.doubt import PessimisticWorldModel
from daneel.world_models.encoders import MultiModalEncoder
from daneel.world_models.layers import Rescale, Standardize, initialise
from daneel.world_models.learning import (
    prediction_terms,
    rollout_policy,
    standardise,
    train_world_model,
)
from daneel.world_models.model import Latents, MultiModalWorldModel, WorldModelConfig
from daneel.world_models.two_hot import TwoHot, symexp, symlog
from daneel.world_models.value import QEnsemble, cautious, one_step_target

__all__ = [
    "Batch",
    "Latents",
    "MultiModalEncoder",
    "MultiModalWorldModel",
    "PessimisticWorldModel",
    "QEnsemble",
    "Rescale",
    "Standardize",
    "TwoHot",
    "WorldModelConfig",
    "cautious",
    "follow",
    "initialise",
    "joined",
    "one_step_target",
    "prediction_terms",
    "rollout_policy",
    "slow_copy",
    "standardise",
    "symexp",
    "symlog",
    "train_world_model",
]
