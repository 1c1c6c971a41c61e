"""Certificates: kept, read, refused when edited, and used after an update."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from daneel.alignment.verification import (
    Budget,
    Certificate,
    FormalVerifier,
    certify,
    load_certificate,
    recheck,
    stay_within,
)
from daneel.alignment.verification.bounds import as_graph
from daneel.alignment.verification.difference import difference_bounds
from daneel.alignment.verification.intervals import Interval
from daneel.alignment.verification.property import Property
from daneel.alignment.verification.tree import Tree
from daneel.errors import CheckpointError
from daneel.evaluation.bench.verification_candidates import policy

BOX = torch.ones(4, dtype=torch.float64)


@pytest.fixture(scope="module")
def proved() -> tuple[nn.Sequential, Property, Certificate]:
    """A policy, what it keeps, and the proof."""
    network, limit = policy(2, 16, nn.ReLU)
    wanted = stay_within(-BOX, BOX, [-limit], [limit])
    result, certificate = certify(network, wanted, Budget(seconds=30))
    assert result.verdict == "holds"
    assert certificate is not None
    return network, wanted, certificate


def moved(network: nn.Sequential, size: float) -> nn.Sequential:
    """The network after an update of this size."""
    found = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
    return found


def test_a_small_update_keeps_the_proof_without_bounding_anything(
    proved: tuple[nn.Sequential, Property, Certificate],
) -> None:
    """The difference bound is below the margin."""
    network, _, certificate = proved
    found = recheck(certificate, moved(network, 1e-7))
    assert found.result.verdict == "holds"
    assert found.bounded == 0
    assert not found.anew


def test_a_larger_update_bounds_the_old_cells_again(
    proved: tuple[nn.Sequential, Property, Certificate],
) -> None:
    """And splits where that is not enough."""
    network, _, certificate = proved
    found = recheck(certificate, moved(network, 2e-3))
    assert found.result.verdict == "holds"
    assert found.bounded > 0


def test_an_update_that_breaks_the_property_is_found(
    proved: tuple[nn.Sequential, Property, Certificate],
) -> None:
    """A certificate never hides a violation."""
    network, _, certificate = proved
    broken = copy.deepcopy(network)
    last = broken[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias.add_(100.0)
    assert recheck(certificate, broken).result.verdict == "violated"


def test_a_certificate_survives_its_file_and_refuses_an_edited_one(
    proved: tuple[nn.Sequential, Property, Certificate], tmp_path: Path
) -> None:
    """Same tree, same margin, same property."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    network, wanted, certificate = proved
    path = certificate.save(tmp_path / "c.safetensors")
    read = load_certificate(path, as_graph(network, 4))
    assert read.margin == certificate.margin
    assert read.property.hash() == wanted.hash()
    assert torch.equal(read.trees[0].place, certificate.trees[0].place)
    with safe_open(path, "pt") as file:
        facts = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    tensors["0.high"] = tensors["0.high"] / 2
    save_file(tensors, path, facts)
    with pytest.raises(CheckpointError, match="was changed"):
        load_certificate(path, as_graph(network, 4))
    path.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_certificate(path, as_graph(network, 4))
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_certificate(tmp_path / "none", as_graph(network, 4))


def test_a_verifier_with_a_folder_proves_once(
    proved: tuple[nn.Sequential, Property, Certificate], tmp_path: Path
) -> None:
    """Then only checks."""
    network, wanted, _ = proved
    verifier = FormalVerifier(Budget(seconds=30), tmp_path)
    assert verifier.update(network, wanted).anew
    again = verifier.update(moved(network, 1e-7), wanted)
    assert not again.anew
    assert again.result.verdict == "holds"


def test_leaves_of_a_tree_tile_the_root() -> None:
    """By volume; and a tree that is none is refused."""
    root = Interval(torch.zeros(1, 2), torch.ones(1, 2))
    tree = Tree(torch.tensor([0, 2, 1]), torch.tensor([0, 1, 1]), torch.tensor([0.5, 0.25, 0.75]))
    leaves = tree.leaves(root)
    assert len(leaves.low) == 4
    assert (leaves.high - leaves.low).prod(1).sum().item() == pytest.approx(1)
    for parent, dimension, place in (
        ([0, 0], [0, 0], [0.5, 0.5]),
        ([0, 5], [0, 0], [0.5, 0.5]),
        ([0], [7], [0.5]),
        ([0], [0], [3.0]),
    ):
        wrong = Tree(torch.tensor(parent), torch.tensor(dimension), torch.tensor(place))
        with pytest.raises(CheckpointError):
            wrong.leaves(root)


def test_difference_bounds_hold() -> None:
    """At random points, for networks with all that a policy has."""
    network, _ = policy(1, 8, nn.Tanh)
    other = moved(network, 1e-2)
    box = Interval(-0.5 * torch.ones(3, 4), 0.5 * torch.ones(3, 4))
    away = difference_bounds(as_graph(network, 4), as_graph(other, 4), box)
    assert away is not None
    x = torch.rand(200, 4, generator=torch.Generator().manual_seed(0)) - 0.5
    with torch.no_grad():
        seen = (network(x) - other(x)).abs().max()
    assert seen <= away.min()
