"""Mixtures of experts: a layer with many times the parameters at the cost of one or two experts.

router = SwitchRouter(dim, experts=32)                  # or HashRouter, ElasticMoERouter
layer = MoELayer(dim, hidden=256, experts=32, router=router)
y = layer(x)                                            # [B, T, D] -> [B, T, D], as any MLP
loss = task_loss + auxiliary_loss(model)                # of the forward just made
loss.backward(); optimizer.step(); rebalance(model)     # once a step: biases, elastic experts
router.load_report()                                    # what each expert served

Two experts a token cost what a dense layer of twice an expert's width costs.
"""

from daneel.backbones.moe.elastic_router import ElasticMoERouter
from daneel.backbones.moe.experts import Experts, grouped_matmul, grouped_matmul_naive
from daneel.backbones.moe.hash_router import HashRouter
from daneel.backbones.moe.layer import MoELayer, auxiliary_loss, moe_naive, rebalance
from daneel.backbones.moe.parallel import ExpertParallel
from daneel.backbones.moe.router import (
    Birth,
    LoadReport,
    Router,
    Routing,
    balance_loss_probs,
    token_drop_rate,
)
from daneel.backbones.moe.switch_router import SwitchRouter

__all__ = [
    "Birth",
    "ElasticMoERouter",
    "ExpertParallel",
    "Experts",
    "HashRouter",
    "LoadReport",
    "MoELayer",
    "Router",
    "Routing",
    "SwitchRouter",
    "auxiliary_loss",
    "balance_loss_probs",
    "grouped_matmul",
    "grouped_matmul_naive",
    "moe_naive",
    "rebalance",
    "token_drop_rate",
]
