"""VNN-LIB: what is understood, and the line of what is not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch
from torch import nn

from daneel.alignment.verification import Budget, verify
from daneel.alignment.verification.vnnlib import parse_vnnlib, read_vnnlib
from daneel.errors import ConfigError

HEAD = """; a comment with ( in it
(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(declare-const Y_1 Real)
"""
BOX = """(assert (>= X_0 -1)) (assert (<= X_0 1e0))
(assert (and (>= X_1 0.5) (<= X_1 2)))
"""


def test_a_box_and_a_conjunction() -> None:
    """Assertions one after the other hold together."""
    found = parse_vnnlib(HEAD + BOX + "(assert (<= Y_0 Y_1))(assert (>= Y_1 3))")
    (case,) = found.cases
    assert case.low.tolist() == [-1, 0.5]
    assert case.high.tolist() == [1, 2]
    (part,) = case.unsafe
    assert part.rows.tolist() == [[1, -1], [0, -1]]
    assert part.offsets.tolist() == [0, -3]
    assert not part.strict


def test_alternatives_of_boxes_and_of_outputs() -> None:
    """An or over outputs makes polyhedra, one over inputs makes boxes."""
    inputs = """(assert (or (and (>= X_0 0) (<= X_0 1) (>= X_1 0) (<= X_1 1))
                    (and (>= X_0 4) (<= X_0 5) (>= X_1 0) (<= X_1 1))))"""
    found = parse_vnnlib(HEAD + inputs + "(assert (or (and (<= Y_0 0)) (>= Y_1 (* 2 Y_0))))")
    assert [case.low.tolist() for case in found.cases] == [[0, 0], [4, 0]]
    assert [len(case.unsafe) for case in found.cases] == [2, 2]
    assert found.cases[0].unsafe[1].rows.tolist() == [[2, -1]]


def test_terms_strictness_and_inputs_in_inequalities() -> None:
    """Sums, differences and products with numbers; inequalities of outputs and inputs."""
    found = parse_vnnlib(HEAD + BOX + "(assert (< (+ Y_0 (- 1) (* 0.5 X_1)) (- Y_1 2)))")
    (part,) = found.cases[0].unsafe
    assert part.rows.tolist() == [[1, -1, 0, 0.5]]
    assert part.offsets.tolist() == [-1]
    assert part.strict


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    """As the competition ships them."""
    path = tmp_path / "p.vnnlib.gz"
    path.write_bytes(gzip.compress((HEAD + BOX + "(assert (<= Y_0 0))").encode()))
    assert read_vnnlib(path).inputs == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + BOX + "(assert (<= Y_0 0)", "line 8: an opening parenthesis"),
        (HEAD + BOX + "(assert (<= Y_0 0)))", "line 8: a closing"),
        (HEAD + BOX + "\n(assert (=> Y_0 0))", "line 9: the connective '=>'"),
        (HEAD + BOX + "(assert (<= (* Y_0 Y_1) 0))", "line 8: a term with '\\*' that is not"),
        (HEAD + BOX + "(assert (<= Y_7 0))", "Y_7, which is not declared"),
        (HEAD + BOX + "(assert (<= Y_0 nan))", "'nan', neither"),
        (HEAD + BOX + "(push 1)", "the command 'push'"),
        (HEAD + "(assert (<= X_0 1))", "does not bound X_0"),
        (HEAD + BOX + "(assert (>= X_0 5))", "empty box"),
        ("(declare-const X_0 Int)", "the declaration"),
        ("(declare-const X_1 Real)(declare-const Y_0 Real)", "not X_0"),
        ("", "declares no X_i"),
        ("hello", "line 1: 'hello' outside"),
    ],
)
def test_malformed_files_are_refused_with_their_line(text: str, message: str) -> None:
    """Never a traceback, never a guess."""
    with pytest.raises(ConfigError, match=message):
        parse_vnnlib(text)


def test_a_file_that_is_not_there() -> None:
    """And one that is no gzip."""
    with pytest.raises(ConfigError, match="cannot be read"):
        read_vnnlib("nowhere.vnnlib")


def test_what_solvers_are_told_besides_and_other_spellings() -> None:
    """Commands that assert nothing, declare-fun, quotients by numbers."""
    text = (HEAD + BOX).replace("declare-const Y_1", "declare-fun Y_1 ()")
    found = parse_vnnlib(f"(set-logic QF_LRA){text}(assert (<= Y_0 (/ Y_1 (- 4))))(check-sat)")
    (part,) = found.cases[0].unsafe
    assert part.rows.tolist() == [[1, 0.25]]
    with pytest.raises(ConfigError, match="'/'"):
        parse_vnnlib(HEAD + BOX + "(assert (<= Y_0 (/ 1 Y_1)))")
    with pytest.raises(ConfigError, match="'/'"):
        parse_vnnlib(HEAD + BOX + "(assert (<= Y_0 (/ Y_1 0)))")


def test_edges_that_are_strict_beside_closed_ones_are_no_witness() -> None:
    """Of outputs, and of an input: touching them breaks nothing."""
    text = HEAD + BOX + "(assert (< Y_0 0))(assert (<= Y_1 5))(assert (< X_0 1))"
    (case,) = parse_vnnlib(text).cases
    (part,) = case.unsafe
    assert not part.strict
    x = torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    y = torch.tensor([[0.0, 1.0], [-1.0, 5.0], [-1.0, 1.0], [-1.0, 5.5]])
    assert case.contains(x, y).tolist() == [False, True, False, False]
    least = torch.zeros(1, 3, dtype=torch.float64)
    assert not bool(part.excluded(least, part.offsets).any())


def test_a_network_that_touches_a_strict_edge_is_not_called_broken() -> None:
    """A ReLU is never below 0."""
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU())
    wanted = parse_vnnlib(HEAD + BOX + "(assert (< Y_0 0))(assert (<= Y_1 1e3))")
    found = verify(network, wanted, Budget(seconds=5, boxes=300, samples=64, steps=4))
    assert found.verdict != "violated"


def test_packed_files_are_found_without_their_ending_and_damage_is_said(tmp_path: Path) -> None:
    """Lists of the competition name them so."""
    packed = gzip.compress((HEAD + BOX + "(assert (<= Y_0 0))").encode())
    (tmp_path / "p.vnnlib.gz").write_bytes(packed)
    assert read_vnnlib(tmp_path / "p.vnnlib").inputs == 2
    for name, data in (("cut", packed[:-12]), ("bent", packed[:15] + b"\xff" * 20)):
        (tmp_path / f"{name}.vnnlib.gz").write_bytes(data)
        with pytest.raises(ConfigError, match="cannot be read"):
            read_vnnlib(tmp_path / f"{name}.vnnlib.gz")


def test_a_formula_that_is_too_deep_is_refused() -> None:
    """Not by a traceback."""
    deep = "(and " * 20_000 + "(<= Y_0 0)" + ")" * 20_000
    with pytest.raises(ConfigError, match="too deeply"):
        parse_vnnlib(f"{HEAD}{BOX}(assert {deep})")


def test_boxes_that_overlap_and_share_outputs() -> None:
    """Or over and over or: every alternative is a case of its own, the verdict is that of all."""
    inputs = """(assert (or (and (>= X_0 0) (<= X_0 2)) (and (>= X_0 1) (<= X_0 3))))
    (assert (>= X_1 0)) (assert (<= X_1 1))"""
    outputs = "(assert (or (and (>= Y_0 {0}) (<= Y_1 -1)) (and (or (>= Y_0 {0}) (>= Y_1 {0})))))"
    network = nn.Linear(2, 2)
    with torch.no_grad():
        network.weight.copy_(torch.eye(2))
        network.bias.zero_()
    for limit, verdict in ((3.1, "holds"), (2.9, "violated"), (2.1, "violated")):
        wanted = parse_vnnlib(HEAD + inputs + outputs.format(limit))
        assert verify(network, wanted, Budget(seconds=10)).verdict == verdict
