"""Rates, trends and symmetry: proved, refuted by a pair that replays in onnxruntime, or unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from daneel.alignment.verification import (
    Budget,
    Builder,
    FormalVerifier,
    Relation,
    VerificationResult,
    functions,
    load_property,
    verify,
)
from daneel.cli import main
from daneel.errors import ConfigError

BUDGET = Budget(seconds=60, boxes=3000, samples=512, steps=20)
BOX = "inputs: {low: [-1, -1], high: [1, 1]}\n"


def braking(fault: float = 0.0) -> nn.Sequential:
    """Y0 rises with x0 and falls with x1, mirrored by the sign of both; the fault is a sharp bump.

    y = tanh(x0) - 0.5 tanh(x1) + fault (relu(x0 - 0.6) - 2 relu(x0 - 0.65) + relu(x0 - 0.7)) * 20
    """
    network = nn.Sequential(nn.Linear(2, 5), _Mixed(), nn.Linear(5, 1))
    first, last = network[0], network[2]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, 0], [0, 1], [1, 0], [1, 0], [1, 0]]))
        first.bias.copy_(torch.tensor([0, 0, -0.6, -0.65, -0.7]))
        last.weight.copy_(torch.tensor([[1, -0.5, 20 * fault, -40 * fault, 20 * fault]]))
        last.bias.zero_()
    return network


class _Mixed(nn.Module):
    """Tanh of the first two units, ReLU of the others."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x[:, :2].tanh(), x[:, 2:].relu()], 1)

    def to_graph(self, builder: Builder, source: int) -> int:
        parts = [builder.gather(source, torch.arange(*ends)) for ends in ((0, 2), (2, 5))]
        smooth, sharp = zip(parts, (functions.TANH, functions.RELU), strict=True)
        return builder.concat(builder.apply(*smooth), builder.apply(*sharp))


def exported(network: nn.Sequential, path: Path) -> Path:
    """The same network as ONNX, written by hand."""
    first, last = network[0], network[2]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    tensors = {"w": first.weight, "c": first.bias, "v": last.weight, "d": last.bias}
    constants = [numpy_helper.from_array(t.detach().numpy(), name) for name, t in tensors.items()]
    constants.append(numpy_helper.from_array(np.array([2, 3], np.int64), "sizes"))
    nodes = [
        helper.make_node("Gemm", ["x", "w", "c"], ["a"], transB=1),
        helper.make_node("Split", ["a", "sizes"], ["b", "e"], axis=1),
        helper.make_node("Tanh", ["b"], ["f"]),
        helper.make_node("Relu", ["e"], ["g"]),
        helper.make_node("Concat", ["f", "g"], ["h"], axis=1),
        helper.make_node("Gemm", ["h", "v", "d"], ["y"], transB=1),
    ]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, k]) for n, k in (("x", 2), ("y", 1))
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


FILES = {
    "rate": BOX + "rate: {within: [0.01, 0.02], most: [0.022]}\n",
    "monotonic": BOX + "monotonic: [y0 rises with x0, y0 falls with x1]\ntolerance: 0.001\n",
    "symmetry": BOX + "symmetry: {inputs: [-x0, -x1], outputs: [-y0]}\ntolerance: 0.01\n",
}
"""What the network without a fault keeps: its rate is 0.01 + 0.5 * 0.02 at most."""


def asked(kind: str, path: Path) -> Relation:
    """The property of a file."""
    path.write_text(FILES[kind])
    found = load_property(path, 1)
    assert isinstance(found, Relation)
    return found


def pair(found: VerificationResult) -> tuple[Tensor, Tensor]:
    """The two inputs of a witness."""
    assert found.witness is not None
    x, other = torch.tensor(found.witness.input, dtype=torch.float64).reshape(2, 2)
    return x, other


@pytest.mark.parametrize("kind", FILES)
def test_what_holds_is_proved(kind: str, tmp_path: Path) -> None:
    """By the verifier with a folder too, which keeps no certificate of it."""
    wanted = asked(kind, tmp_path / "p.yaml")
    found = FormalVerifier(BUDGET, tmp_path).update(braking(), wanted)
    assert found.result.verdict == "holds"
    assert not found.stored
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize("kind", FILES)
def test_a_planted_fault_is_found_and_replays_in_onnxruntime(kind: str, tmp_path: Path) -> None:
    """A bump of 1 in a strip a tenth wide: rises and falls fast, and only on one side."""
    import onnxruntime

    network, file = braking(1.0), tmp_path / "n.onnx"
    found = verify(network, asked(kind, tmp_path / "p.yaml"), BUDGET)
    assert found.verdict == "violated"
    x, other = pair(found)
    session = onnxruntime.InferenceSession(str(exported(network, file)))
    y, turned = (
        float(session.run(None, {"x": p.float().numpy()[None]})[0][0, 0]) for p in (x, other)
    )
    assert bool((x.abs() <= 1).all())
    match kind:
        case "rate":
            assert bool(((other - x).abs() <= torch.tensor([0.01, 0.02])).all())
            assert abs(turned - y) > 0.022
        case "monotonic":
            moved = (x != other).nonzero()[:, 0].tolist()
            assert len(moved) == 1
            assert bool((other >= x).all())
            assert (y - turned if moved == [0] else turned - y) > 0.001
        case "symmetry":
            assert torch.equal(other, -x)
            assert abs(turned + y) > 0.01


def test_the_command_answers_for_onnx_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--onnx NET --property P.yaml`; the witness is a pair."""
    file = exported(braking(1.0), tmp_path / "n.onnx")
    (tmp_path / "p.yaml").write_text(FILES["rate"])
    arguments = ["verify", "--onnx", str(file), "--property", str(tmp_path / "p.yaml")]
    assert main([*arguments, "--timeout", "1e9"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "violated"
    assert lines[1].count(",") == 4


def test_random_networks_are_never_proved_against_a_pair(tmp_path: Path) -> None:
    """What many pairs show is never called proved, in either direction of a rate or a trend."""
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(4000, 2, generator=generator) - 1
    decided = 0
    for seed in range(6):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            kind = nn.Tanh if seed % 2 else nn.ReLU
            network = nn.Sequential(nn.Linear(2, 6), kind(), nn.Linear(6, 1))
        step = 0.05 * (2 * torch.rand(4000, 2, generator=generator) - 1)
        other = (x + step).clamp(-1, 1)
        with torch.no_grad():
            seen = float((network(other) - network(x)).abs().max())
        for factor, possible in ((0.8, {"violated", "unknown"}), (3.0, {"holds", "unknown"})):
            text = f"rate: {{within: [0.05, 0.05], most: [{factor * seen}]}}\n"
            (tmp_path / "p.yaml").write_text(BOX + text)
            found = verify(network, load_property(tmp_path / "p.yaml", 1), BUDGET)
            assert found.verdict in possible
            decided += found.verdict != "unknown"
    assert decided >= 10


def test_neighbours_stay_in_the_box_and_points_have_none(tmp_path: Path) -> None:
    """A step at the edge counts up to the edge only."""
    network = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    with torch.no_grad():
        network[0].get_parameter("weight").fill_(1.0)
        network[0].get_parameter("bias").fill_(-0.5)
    text = "inputs: {{low: [0], high: [{}]}}\nrate: {{within: [0.4], most: [0.05]}}\n"
    for high, verdict in ((0.54, "holds"), (1.0, "violated")):
        (tmp_path / "p.yaml").write_text(text.format(high))
        found = verify(network, load_property(tmp_path / "p.yaml", 1), BUDGET)
        assert found.verdict == verdict


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate: {within: [0.1], most: [1]}", "2 numbers"),
        ("rate: {within: [0, 0], most: [1]}", "one above 0"),
        ("rate: {within: [0.1, -1], most: [1]}", "distances of 0 or more"),
        ("rate: {within: [0.1, 1], most: [0]}", "limits above 0"),
        ("rate: {within: [0.1, 1], most: [1]}\ntolerance: 1", "tolerance for a rate"),
        ("rate: 3", "within"),
        ("monotonic: [y0 grows with x0]", "rises with"),
        ("monotonic: []", "rises with"),
        ("monotonic: [y1 rises with x0]", "y0 to y0"),
        ("monotonic: [y0 rises with x0]\ntolerance: 0", "above 0"),
        ("monotonic: [y0 rises with x0]\ntolerance: yes", "above 0"),
        ("symmetry: {inputs: [x0], outputs: [y0]}", "x0 to x1 once"),
        ("symmetry: {inputs: [x0, x0], outputs: [y0]}", "x0 to x1 once"),
        ("symmetry: {inputs: [x0, x1], outputs: [x0]}", "y0 to y0 once"),
        ("symmetry: {inputs: [x0, x1]}", "inputs"),
        ("outputs: {low: [0]}\nrate: {within: [1, 1], most: [1]}", "outputs and rate"),
        ("outputs: {low: [0]}\ntolerance: 1", "tolerance for outputs"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text: str, message: str, tmp_path: Path) -> None:
    """And what was expected."""
    (tmp_path / "p.yaml").write_text(BOX + text + "\n")
    with pytest.raises(ConfigError, match=message):
        load_property(tmp_path / "p.yaml", 1)


def test_another_network_is_refused(tmp_path: Path) -> None:
    """Sizes are named."""
    with pytest.raises(ConfigError, match="2 inputs and 1 outputs"):
        verify(nn.Linear(2, 2), asked("rate", tmp_path / "p.yaml"))
