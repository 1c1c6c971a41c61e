"""Two processes that share the experts do what one process with all of them does."""

from pathlib import Path

import pytest
import torch
from torch import distributed as dist
from torch.multiprocessing.spawn import start_processes

from daneel.backbones.moe import ElasticMoERouter, ExpertParallel, MoELayer
from tests.backbones.moe.test_layer import make, rows

RANKS = 2
TOKENS = (23, 9)
"""Tokens of each process: their numbers need not be equal."""


def build() -> MoELayer:
    """The layer that every process makes alike."""
    return make(6, 5, 4, 2)


def work(rank: int, folder: Path) -> None:
    """One process: its own tokens, half of the experts; writes what it computed."""
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=RANKS
    )
    layer, x = ExpertParallel(build()), rows(TOKENS[rank], 6, seed=rank)
    y = layer(x)
    y.square().sum().backward()
    router = layer.router.get_parameter("weight")
    dist.all_reduce(router.grad)
    layer.rebalance()
    found = {
        "y": y.detach(),
        "x": x.grad,
        "up": layer.experts.up.grad,
        "down": layer.experts.down.grad,
        "router": router.grad,
        "bias": layer.router.get_buffer("bias"),
    }
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    """Outputs, every gradient and the biases after rebalancing."""
    # Forked: a fresh interpreter would spend the test's time on importing torch.
    start_processes(work, (tmp_path,), nprocs=RANKS, start_method="fork")
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in range(RANKS)]
    layer, xs = build(), [rows(n, 6, seed=rank) for rank, n in enumerate(TOKENS)]
    y = layer(torch.cat(xs))
    y.square().sum().backward()
    layer.rebalance()
    together = {
        name: torch.cat([part[name] for part in parts]) for name in ("y", "x", "up", "down")
    }
    torch.testing.assert_close(together["y"], y.detach())
    torch.testing.assert_close(together["x"], torch.cat([x.grad for x in xs if x.grad is not None]))
    torch.testing.assert_close(together["up"], layer.experts.up.grad)
    torch.testing.assert_close(together["down"], layer.experts.down.grad)
    for part in parts:
        torch.testing.assert_close(part["router"], layer.router.get_parameter("weight").grad)
        torch.testing.assert_close(part["bias"], layer.router.get_buffer("bias"))


@pytest.fixture
def alone(tmp_path):
    """A group of one process."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_one_process_is_the_layer_and_elastic_experts_are_refused(alone):
    """A group of one changes nothing; experts that come and go have no owner."""
    layer, x = build(), rows(7, 6)
    torch.testing.assert_close(ExpertParallel(layer)(x), layer(x))
    elastic = MoELayer(6, 5, 4, ElasticMoERouter(6, 4, 2, 10))
    with pytest.raises(ValueError, match="ElasticMoERouter on 1 processes"):
        ExpertParallel(elastic)
