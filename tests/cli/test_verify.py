"""`daneel verify`: one of three words last, exit 0."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from daneel.alignment import verification
from daneel.cli import main
from daneel.cli.verify import read_instances, verify_files, verify_many
from daneel.errors import ConfigError

PROPERTY = """(declare-const X_0 Real)
(declare-const Y_0 Real)
(assert (>= X_0 -1))
(assert (<= X_0 1))
(assert (>= Y_0 {limit}))
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A network y = max(x, 0), and properties that hold and that do not."""
    weight = numpy_helper.from_array(np.eye(1, dtype=np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Relu", ["a"], ["y"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "n.onnx")
    (tmp_path / "holds.vnnlib").write_text(PROPERTY.format(limit=1.5))
    (tmp_path / "broken.vnnlib").write_text(PROPERTY.format(limit=0.5))
    (tmp_path / "bad.vnnlib").write_text("(assert")
    return tmp_path


def verify(files: Path, name: str, *more: str) -> int:
    """The exit code, with all the time in the world."""
    return main(
        ["verify", "--onnx", str(files / "n.onnx"), "--vnnlib", str(files / f"{name}.vnnlib"),
         "--timeout", "1e9", *more]
    )  # fmt: skip


@pytest.mark.parametrize(("name", "verdict"), [("holds", "holds"), ("broken", "violated")])
def test_the_verdict_is_the_last_line(
    files: Path, capsys: pytest.CaptureFixture[str], name: str, verdict: str
) -> None:
    """On a line of its own."""
    assert verify(files, name) == 0
    assert capsys.readouterr().out.splitlines()[-1] == verdict


def test_json_has_the_witness(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Input and output."""
    assert verify(files, "broken", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "violated"
    (x,), (y,) = found["witness"]["input"], found["witness"]["output"]
    assert -1 <= x <= 1
    assert y >= 0.5


def test_a_malformed_property_exits_with_2(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And names its line."""
    assert verify(files, "bad") == 2
    assert "line 1" in capsys.readouterr().err


def test_many_instances(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that cannot be read is unknown and stops nobody."""
    lines = [f"n.onnx,{name}.vnnlib,{10**9}" for name in ("holds", "bad", "broken")]
    (files / "instances.csv").write_text("\n".join(lines))
    assert main(["verify", "--instances", str(files / "instances.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [item["verdict"] for item in found] == ["holds", "unknown", "violated"]
    assert "line 1" in found[1]["detail"]


def test_what_is_to_be_verified_must_be_clear(files: Path) -> None:
    """Exactly one thing."""
    assert main(["verify"]) == 2
    assert main(["verify", "--onnx", str(files / "n.onnx")]) == 2
    (files / "instances.csv").write_text("n.onnx\n")
    with pytest.raises(ConfigError, match="line 1"):
        read_instances(files / "instances.csv", 60.0)


def test_an_error_that_nobody_foresaw_stops_nobody(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said with its type."""
    lines = [(files / "n.onnx", files / f"{name}.vnnlib", 1e9) for name in ("holds", "broken")]
    read = verification.read_vnnlib

    def failing(path: Path) -> object:
        return read(path) if path.stem == "broken" else 1 / 0

    monkeypatch.setattr(verification, "read_vnnlib", failing)
    found = list(verify_many(lines, 1))
    assert [item["verdict"] for item in found] == ["unknown", "violated"]
    assert "ZeroDivisionError" in found[0]["detail"]


def test_what_takes_too_long_is_interrupted(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also outside of the search, where nobody looks at a clock."""

    def endless(path: Path) -> object:
        try:
            while True:
                time.sleep(0.01)
        except Exception:  # what would swallow a common error
            raise AssertionError from None

    monkeypatch.setattr(verification, "read_vnnlib", endless)
    found = verify_files(files / "n.onnx", files / "holds.vnnlib", 1.0)
    assert found["verdict"] == "unknown"
    assert "time was up" in found["detail"]
    assert 0.7 < found["seconds"] < 5


@pytest.mark.slow
def test_two_workers_answer_in_order(files: Path) -> None:
    """Each in a process of its own; one that cannot be read is unknown."""
    names = ("holds", "bad", "broken")
    found = list(verify_many([(files / "n.onnx", files / f"{n}.vnnlib", 90.0) for n in names], 2))
    assert [item["verdict"] for item in found] == ["holds", "unknown", "violated"]


def test_the_time_is_kept_by_whoever_waits(tmp_path: Path) -> None:
    """A call that no alarm interrupts is ended from outside; errors and answers come through."""
    script = """
import sys, time
from daneel.cli.time_limit import seconds_alive
from daneel.cli.verify import _in_time
began = seconds_alive()
found = _in_time(lambda: pow(7, 10**8) and {}, began + 1.5, {"onnx": "n"})
assert found["verdict"] == "unknown" and found["onnx"] == "n", found
assert seconds_alive() < began + 4.5, seconds_alive() - began
assert _in_time(lambda: {"verdict": "holds"}, began + 600, {}) == {"verdict": "holds"}
try:
    _in_time(lambda: 1 // 0, began + 600, {})
except ZeroDivisionError:
    print("kept")
assert "torch" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "kept", done.stderr
