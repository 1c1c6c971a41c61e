"""Backbones: sequence cores with one protocol, the temporal slot of a world model.

`build(name, dim, depth)` makes one. `ops` has their operators, `state` what can be done with a
carried state, `moe` sparse layers, `adapters` four-bit fine-tuning, `scaling` laws.
"""

from __future__ import annotations

from daneel.backbones import adapters, moe, ops, scaling, state
from daneel.backbones.adapters import apply_lora, apply_quant_lora
from daneel.backbones.building import BACKBONES, build
from daneel.backbones.byte_lm import ByteLM, ByteModel
from daneel.backbones.export import export_step
from daneel.backbones.hybrid import HybridRetention
from daneel.backbones.hyena_filter import HyenaFilter
from daneel.backbones.kernels import kernels
from daneel.backbones.key_index import TopKSparseAttention
from daneel.backbones.mamba import MambaBlock
from daneel.backbones.megabyte import MegaByte
from daneel.backbones.moe import (
    ElasticMoERouter,
    HashRouter,
    MoELayer,
    SwitchRouter,
    balance_loss_probs,
    token_drop_rate,
)
from daneel.backbones.ops import flash_attention3
from daneel.backbones.ops.attention import HAS_FLASH3
from daneel.backbones.protocol import Backbone, State
from daneel.backbones.retention import RetNetRetention
from daneel.backbones.rwkv import RWKV
from daneel.backbones.scaling import BreakpointModel, BreakpointScalingLaw, fit_breakpoint
from daneel.backbones.streaming import Streamed, TokenModel, train_streaming

__all__ = [
    "BACKBONES",
    "HAS_FLASH3",
    "RWKV",
    "Backbone",
    "BreakpointModel",
    "BreakpointScalingLaw",
    "ByteLM",
    "ByteModel",
    "ElasticMoERouter",
    "HashRouter",
    "HybridRetention",
    "HyenaFilter",
    "MambaBlock",
    "MegaByte",
    "MoELayer",
    "RetNetRetention",
    "State",
    "Streamed",
    "SwitchRouter",
    "TokenModel",
    "TopKSparseAttention",
    "adapters",
    "apply_lora",
    "apply_quant_lora",
    "balance_loss_probs",
    "build",
    "export_step",
    "fit_breakpoint",
    "flash_attention3",
    "kernels",
    "moe",
    "ops",
    "scaling",
    "state",
    "token_drop_rate",
    "train_streaming",
]
