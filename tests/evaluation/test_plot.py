"""Pictures of curves: right format, same bytes for the same data, all that is asked for."""

from pathlib import Path

import numpy as np
import pytest

from daneel.errors import ConfigError
from daneel.evaluation import plot
from daneel.evaluation.curves import Series
from daneel.evaluation.plot import Panel


def panel(seeds: int, title: str = "task") -> Panel:
    """One agent with some seeds of unequal length."""
    runs = [Series(np.arange(1.0, 6 + n), np.arange(1.0, 6 + n) * n) for n in range(seeds)]
    return Panel(title, [plot.line("ours", runs, np.random.default_rng(0))], threshold=3.0)


def test_png_and_svg(tmp_path: Path) -> None:
    """The suffix decides; folders are made; nothing else is left behind."""
    png = plot.draw([panel(3)], tmp_path / "new" / "a.png")
    svg = plot.draw([panel(3)], tmp_path / "new" / "a.svg")
    assert png.read_bytes().startswith(b"\x89PNG") and b"<svg" in svg.read_bytes()
    assert sorted(path.name for path in png.parent.iterdir()) == ["a.png", "a.svg"]


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    """So that recorded pictures change only when figures do."""
    panels = [panel(3), panel(1, "other")]
    one, two = (plot.draw(panels, tmp_path / name).read_bytes() for name in ("1.svg", "2.svg"))
    assert one == two


def test_another_format_is_refused(tmp_path: Path) -> None:
    """With what to type."""
    with pytest.raises(ConfigError, match=r"'\.pdf'.*Expected \.png or \.svg"):
        plot.draw([panel(1)], tmp_path / "a.pdf")
