"""VNN-LIB: what is understood, and the line of what is not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

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
        (HEAD + BOX + "(check-sat)", "the command 'check-sat'"),
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
