"""Limits of outputs by intervals alone: exact at a clamp, silent wherever they prove nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from daneel.alignment.verification import Budget, certify, recheck, stay_within, verify
from daneel.alignment.verification.interval_proof import interval_proof
from daneel.alignment.verification.property import Case, Polyhedron, Property
from daneel.world_models.layers import Rescale

LOW, HIGH = [-1.0] * 3, [1.0] * 3


def actor(seed: int = 0) -> nn.Sequential:
    """One that saturates: its action reaches 3."""
    torch.manual_seed(seed)
    layers = nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 1), nn.Tanh()
    network = nn.Sequential(*layers, Rescale(torch.tensor([-3.0]), torch.tensor([3.0])))
    with torch.no_grad():
        layers[2].weight.mul_(100)
    return network.eval()


def points(count: int) -> Tensor:
    """Of the box."""
    return 2 * torch.rand(count, 3, generator=torch.Generator().manual_seed(1)) - 1


def test_a_clamp_is_proved_to_its_last_digit() -> None:
    """The action reaches 3 and does not pass it; a lower limit is broken by an input."""
    network = actor()
    assert network(points(2000)).abs().max() == 3
    within = verify(network, stay_within(LOW, HIGH, [-3], [3]), Budget(seconds=20))
    assert within.verdict == "holds" and within.boxes == 0
    assert verify(network, stay_within(LOW, HIGH, [-2.99], [2.99])).verdict == "violated"


def test_reaching_the_limit_is_not_staying_below_it() -> None:
    """With "never 3 or more" as the property, intervals prove nothing."""
    row, end = torch.tensor([[-1.0]]).double(), torch.tensor([-3.0]).double()
    case = Case(torch.tensor(LOW).double(), torch.tensor(HIGH).double(),
                (Polyhedron(row, end, strict=False),))  # fmt: skip
    assert not interval_proof(actor(), Property((case,)))


def test_what_is_proved_no_point_breaks() -> None:
    """Over random networks and limits; some are proved and some are not."""
    proved = 0
    for seed in range(60):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2)).eval()
        limit = 0.2 * (1 + seed % 12)
        wanted = stay_within(LOW, HIGH, [-limit] * 2, [limit] * 2)
        if interval_proof(network, wanted):
            proved += 1
            assert network(points(5000)).abs().max() <= limit
    assert 5 < proved < 55


def test_the_proof_is_kept_and_found_again() -> None:
    """A certificate by intervals, checked for new weights."""
    result, certificate = certify(actor(), stay_within(LOW, HIGH, [-3], [3]), Budget(seconds=20))
    assert result.verdict == "holds" and certificate is not None
    again = recheck(certificate, actor(1), Budget(seconds=20))
    assert again.result.verdict == "holds" and not again.anew
