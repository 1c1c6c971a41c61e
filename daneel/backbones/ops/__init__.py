"""Operators of the sequence cores, each beside the float64 loop that defines it (`*_naive`)."""

from daneel.backbones.ops.attention import attention, attention_naive, flash_attention3
from daneel.backbones.ops.delta import gated_delta_rule, gated_delta_rule_naive
from daneel.backbones.ops.gla import gla, gla_naive
from daneel.backbones.ops.long_conv import long_conv, long_conv_naive
from daneel.backbones.ops.retention import default_log_decay, retention, retention_naive
from daneel.backbones.ops.selective_scan import selective_scan, selective_scan_naive
from daneel.backbones.ops.ssd import ssd, ssd_naive
from daneel.backbones.ops.topk_attention import topk_attention, topk_attention_naive
from daneel.backbones.ops.wkv7 import wkv7, wkv7_naive

__all__ = [
    "attention",
    "attention_naive",
    "default_log_decay",
    "flash_attention3",
    "gated_delta_rule",
    "gated_delta_rule_naive",
    "gla",
    "gla_naive",
    "long_conv",
    "long_conv_naive",
    "retention",
    "retention_naive",
    "selective_scan",
    "selective_scan_naive",
    "ssd",
    "ssd_naive",
    "topk_attention",
    "topk_attention_naive",
    "wkv7",
    "wkv7_naive",
]
