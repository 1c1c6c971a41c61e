"""The byte models that `bench moe` and `bench adapters` train, and how they are trained and scored.

Legend: B batch, T time, D model width, E experts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from daneel.backbones.byte_lm import START, ByteLM, bits
from daneel.backbones.moe import HashRouter, MoELayer, SwitchRouter, auxiliary_loss, rebalance
from daneel.backbones.moe.router import Router
from daneel.backbones.retention import RetentionBackbone

BATCH, TIME = 16, 256
BLOCK = 4096
"""Bytes of a contiguous piece of held-out text."""
BIAS_RATE, SETTLING = 0.1, 96
HELD_EVERY = 10
"""One block of so many is held out: both parts hold every book of the text."""


@dataclass(frozen=True)
class Text:
    """A text in two parts."""

    train: Tensor
    """`[N, BLOCK]` uint8."""
    held: Tensor
    """`[M, BLOCK]` uint8."""


def read(path: Path) -> Text:
    """Whole blocks of a file, every tenth held out."""
    data = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
    blocks = data[: len(data) // BLOCK * BLOCK].view(-1, BLOCK)
    held = torch.arange(len(blocks)) % HELD_EVERY == HELD_EVERY - 1
    return Text(blocks[~held], blocks[held])


def batch(blocks: Tensor, generator: torch.Generator) -> Tensor:
    """`[B, T]` bytes from random places, as int64."""
    row = torch.randint(len(blocks), (BATCH, 1), generator=generator)
    start = torch.randint(blocks.shape[1] - TIME + 1, (BATCH, 1), generator=generator)
    return blocks[row, start + torch.arange(TIME)].long()


def dense_mlp(dim: int, hidden: int) -> nn.Module:
    """The layer that an expert is, alone and wider."""
    return nn.Sequential(
        nn.Linear(dim, hidden, bias=False), nn.SiLU(), nn.Linear(hidden, dim, bias=False)
    )


def byte_model(dim: int, depth: int, mlp: Callable[[int], nn.Module]) -> ByteLM:
    """A retention byte model with `mlp(dim)` in each layer."""
    return ByteLM(RetentionBackbone(dim, depth, mlp=mlp))


def mixture(dim: int, hidden: int, experts: int, router: str) -> MoELayer:
    """Two of `experts` a token, chosen by "switch" (learned) or "hash" (of two bytes)."""
    made: Router = SwitchRouter(dim, experts, 2) if router == "switch" else HashRouter(experts, 2)
    return MoELayer(dim, hidden, experts, made)


def bind(model: nn.Module, data: Tensor) -> None:
    """Gives hash routers the last two bytes before each of `data [B, T]`, as one id."""
    seen = nn.functional.pad(data, (2, 0), value=START)
    for router in model.modules():
        if isinstance(router, HashRouter):
            router.bind(seen[:, :-2] * (START + 1) + seen[:, 1:-1])


def train(
    model: ByteLM,
    parameters: list[nn.Parameter],
    blocks: Tensor,
    steps: int,
    rate: float,
    generator: torch.Generator,
) -> torch.optim.Optimizer:
    """AdamW with a short warm-up and a cosine to a tenth; auxiliary losses of mixtures added."""
    optimiser = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _share(step, steps))
    model.train()
    for step in range(steps):
        _anneal(model, _share(step, steps))
        data = batch(blocks, generator)
        bind(model, data)
        loss = model.loss(data) + auxiliary_loss(model)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        rebalance(model)
    return optimiser


@torch.no_grad()
def settle(model: ByteLM, blocks: Tensor, generator: torch.Generator) -> None:
    """Lets the selection biases find rest under weights that no longer move: no gradients.

    After a third of the steps rates fall as 1 / n: the noise of single batches averages out.
    """
    for n in range(SETTLING if routers(model) else 0):
        data = batch(blocks, generator)
        bind(model, data)
        model(data)
        _anneal(model, 10 / (3 + max(n - SETTLING // 3, 0)))
        rebalance(model)


@torch.no_grad()
def score(model: ByteLM, blocks: Tensor) -> tuple[float, float]:
    """Bits per byte and the accuracy of the likeliest next byte, in pieces as long as in training.

    On longer ones the router would see states that it was not balanced for.
    """
    model.eval()
    total, right = 0.0, 0
    for part in blocks.long().view(-1, TIME).split(64):
        bind(model, part)
        logits, _ = model(part)
        total += bits(logits, part).sum().item()
        right += int((logits.argmax(-1) == part).sum())
    return total / blocks.numel(), right / blocks.numel()


def routers(model: nn.Module) -> list[Router]:
    """Every router of the model."""
    return [module for module in model.modules() if isinstance(module, Router)]


def count(module: nn.Module) -> int:
    """Numbers in its parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def _anneal(model: nn.Module, share: float) -> None:
    """Selection biases move fast while the router is young and come to rest with the weights."""
    for router in routers(model):
        if isinstance(router, SwitchRouter):
            router.bias_rate = BIAS_RATE * share


def _share(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / max(steps // 20, 1))
    return warm * (0.55 + 0.45 * math.cos(math.pi * step / steps))
