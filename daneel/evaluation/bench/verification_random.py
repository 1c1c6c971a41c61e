"""Ten thousand random small networks against exhaustive splitting.

The oracle knows nothing of the verifier: it cuts the box of two inputs into a grid of cells, bounds
every cell by naive intervals in float64, and evaluates the network in the cells' corners. That
gives the least output up to the grid: at least `low`, at most `high`. The verifier's bounds must
not exclude what the oracle saw, nor its verdict contradict it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from daneel.alignment.verification import Budget, Case, Polyhedron, Property, output_bounds, verify
from daneel.evaluation.bench.verification import Options, figure
from daneel.evaluation.evidence import Evidence

CELLS = 24
"""Along each of the two inputs."""
KINDS: tuple[type[nn.Module], ...] = (nn.ReLU, nn.ReLU, nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid)
_SPLITS = 3_000
Ends = tuple[NDArray[np.float64], NDArray[np.float64]]


def measure(options: Options) -> list[Evidence]:
    """Unsound bounds, wrong verdicts, share decided."""
    generator = torch.Generator().manual_seed(options.seed)
    counts = {"holds": 0, "violated": 0, "unknown": 0}
    unsound = wrong = 0
    for _ in range(options.networks):
        network, box = draw(generator)
        low, high = exhaustive(network, box)
        for method in ("ibp", "zonotope", "crown"):
            bounds = output_bounds(network, box[0], box[1], method)
            unsound += bool(bounds[0].item() > high)
        offset = high + float(torch.randn((), generator=generator)) * 0.05 * (1 + abs(high))
        verdict = judge(network, box, offset)
        counts[verdict] += 1
        wrong += (verdict == "holds" and high <= offset) or (verdict == "violated" and low > offset)
    subject = f"{options.networks} random networks"
    decided = 100 * (1 - counts["unknown"] / options.networks)
    return [
        figure("unsound bounds", subject, unsound, "bounds", 0, "lower", (options.seed,)),
        figure("wrong verdicts", subject, wrong, "verdicts", 0, "lower", (options.seed,), counts),
        figure("decided", subject, decided, "%", None, "higher", (options.seed,), counts),
    ]


def draw(generator: torch.Generator) -> tuple[nn.Sequential, Tensor]:
    """A network of two inputs and one output, and a box `[2, 2]`."""

    def integer(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    sizes = [2, *(integer(2, 9) for _ in range(integer(1, 4))), 1]
    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):
        for width_in, width in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(width_in, width), KINDS[integer(0, len(KINDS))]()]
    network = nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    centre = torch.randn(2, generator=generator)
    half = torch.rand(2, generator=generator) * 10 ** (2 * torch.rand((), generator=generator) - 1)
    return network, torch.stack([centre - half, centre + half])


def judge(network: nn.Module, box: Tensor, offset: float) -> str:
    """The verdict on "the output stays above offset"."""
    row = torch.ones(1, 1, dtype=torch.float64)
    unsafe = Polyhedron(row, torch.tensor([offset], dtype=torch.float64))
    case = Case(box[0].double(), box[1].double(), (unsafe,))
    budget = Budget(seconds=10, boxes=_SPLITS, samples=64, steps=8)
    return verify(network, Property((case,)), budget).verdict


def exhaustive(network: nn.Sequential, box: Tensor) -> tuple[float, float]:
    """Bounds of the least output over the box, by naive intervals on a grid and its corners."""
    ends = box.double().numpy()
    edges = [np.linspace(ends[0, k], ends[1, k], CELLS + 1) for k in range(2)]
    for k in range(2):
        edges[k][0], edges[k][-1] = ends[0, k], ends[1, k]
    grid = np.stack(np.meshgrid(*edges, indexing="ij"), -1)
    low, high = grid[:-1, :-1].reshape(-1, 2), grid[1:, 1:].reshape(-1, 2)
    for layer in network:
        low, high = _cell(layer, low, high)
    points = grid.reshape(-1, 2)
    for layer in network:
        points = _point(layer, points)
    return float(low.min()), float(points.min())


def _cell(layer: nn.Module, low: NDArray[np.float64], high: NDArray[np.float64]) -> Ends:
    if isinstance(layer, nn.Linear):
        weight = layer.weight.detach().double().numpy().T
        up, down, bias = weight.clip(min=0), weight.clip(max=0), layer.bias.detach().double()
        return low @ up + high @ down + bias.numpy(), high @ up + low @ down + bias.numpy()
    return _point(layer, low), _point(layer, high)  # all kinds are monotone


def _point(layer: nn.Module, x: NDArray[np.float64]) -> NDArray[np.float64]:
    match layer:
        case nn.Linear():
            weight, bias = layer.weight.detach().double(), layer.bias.detach().double()
            return x @ weight.numpy().T + bias.numpy()
        case nn.ReLU():
            return np.maximum(x, 0)
        case nn.LeakyReLU():
            return np.where(x > 0, x, layer.negative_slope * x)
        case nn.Tanh():
            return np.tanh(x)
        case nn.Sigmoid():
            return 1 / (1 + np.exp(-x))
    raise AssertionError(layer)
