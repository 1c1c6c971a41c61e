"""Properties in YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from daneel.alignment.verification import Property, load_property
from daneel.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    """The file."""
    path = folder / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_bounds_of_outputs(tmp_path: Path) -> None:
    """One strict half-space for each end."""
    text = "name: torque\ninputs: {low: [-1, 0], high: [1, 2]}\noutputs: {low: [-2], high: [3]}\n"
    found = load_property(written(tmp_path, text), 1)
    assert isinstance(found, Property)
    assert found.name == "torque"
    (case,) = found.cases
    assert case.high.tolist() == [1, 2]
    assert [part.strict for part in case.unsafe] == [True, True]
    y = torch.tensor([[-2.0], [3.0], [-2.1], [3.1]], dtype=torch.float64)
    x = torch.ones(4, 2, dtype=torch.float64)
    assert case.contains(x, y).tolist() == [False, False, True, True]


def test_unsafe_sets_and_declared_inputs(tmp_path: Path) -> None:
    """A list of inequalities holds together; terms are linear in y and x."""
    text = "inputs: declared\nunsafe:\n  - y0 >= y1\n  - [2*y1 - 0.5 x0 <= -1 + y0, y1 >= 1e-1]\n"
    declared = torch.zeros(2), torch.ones(2)
    found = load_property(written(tmp_path, text), 2, declared)
    assert isinstance(found, Property)
    first, second = found.cases[0].unsafe
    assert first.rows.tolist() == [[-1, 1]]
    assert second.rows.tolist() == [[-1, 2, -0.5, 0], [0, -1, 0, 0]]
    assert second.offsets.tolist() == [-1, -0.1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inputs: declared\nunsafe: [y0 >= 0]\n", "declared"),
        ("inputs: {low: [0], high: [1]}\n", "none of them"),
        ("inputs: {low: [0], high: [1]}\nsafe: 1\n", "the key 'safe'"),
        ("inputs: {low: [0]}\nunsafe: [y0 >= 0]\n", "one side"),
        ("inputs: {low: [0], high: [1, 2]}\nunsafe: [y0 >= 0]\n", "1 numbers"),
        ("inputs: {low: [2], high: [1]}\nunsafe: [y0 >= 0]\n", "empty box"),
        ("inputs: {low: [.nan], high: [1]}\nunsafe: [y0 >= 0]\n", "inputs.low"),
        ("inputs: {low: [0], high: [1]}\nunsafe: [y0 > 0]\n", "inequality 'y0 > 0'"),
        ("inputs: {low: [0], high: [1]}\nunsafe: [y7 >= 0]\n", "names y7"),
        ("inputs: {low: [0], high: [1]}\nunsafe: [y0 * y0 >= 0]\n", "term"),
        ("inputs: {low: [0], high: [1]}\nunsafe: [1 >= 0]\n", "no variable"),
        ("inputs: {low: [0], high: [1]}\noutputs: {high: [1, 2]}\n", "outputs.high"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str) -> None:
    """Three sentences, no traceback."""
    with pytest.raises(ConfigError, match=message):
        load_property(written(tmp_path, text), 1)
