"""Charts: ticks people can read, and drawings that survive odd data."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from daneel.evaluation import svg
from daneel.evaluation.svg import Mark


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1000, [0, 200, 400, 600, 800, 1000]),
        (3, 97, [0, 20, 40, 60, 80, 100]),
        (-0.3, 0.2, [-0.3, -0.2, -0.1, 0, 0.1, 0.2]),
        (5, 5, [4.4, 4.6, 4.8, 5, 5.2, 5.4, 5.6]),
    ],
)
def test_ticks_are_round_and_cover(low: float, high: float, ticks: list[float]) -> None:
    """Also when there is a single value."""
    assert svg.nice_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize("seed", range(20))
def test_ticks_cover_any_range(seed: int) -> None:
    """And are few, at any scale."""
    rng = np.random.default_rng(seed)
    low, high = sorted(rng.normal(size=2) * 10.0 ** rng.integers(-6, 7))
    ticks = svg.nice_ticks(low, high)
    assert ticks[0] <= low + 1e-9 * abs(low) and ticks[-1] >= high - 1e-9 * abs(high)
    assert 3 <= len(ticks) <= 8
    assert len({svg.tick_text(tick, ticks) for tick in ticks}) == len(ticks), "labels must differ"


@pytest.mark.parametrize(("low", "high"), [(3e-4, 3e-4 + 2e-19), (0.0, 5e-14), (1e9, 1e9 + 1e-6)])
def test_a_chart_of_rounding_errors_is_drawn(low: float, high: float) -> None:
    """A learning rate of SAC, averaged between two logs, stopped a report."""
    x = np.arange(3.0)
    html = svg.chart([Mark("line", x, np.array([low, high, low]))], label="rate")
    assert "nan" not in html and len(set(svg.nice_ticks(low, high))) >= 2


@pytest.mark.parametrize(
    ("ticks", "texts"),
    [
        ([0, 5000, 10000], ["0", "5k", "10k"]),
        ([0, 500, 1000], ["0", "500", "1000"]),
        ([0, 2500, 5000, 7500, 10000], ["0.0", "2.5k", "5.0k", "7.5k", "10.0k"]),
        ([0.25, 0.5], ["0.25", "0.50"]),
        ([0, 1e-5, 2e-5], ["0", "1e-5", "2e-5"]),
    ],
)
def test_tick_texts(ticks: list[float], texts: list[str]) -> None:
    """Short, all with the same number of digits."""
    assert [svg.tick_text(tick, ticks) for tick in ticks] == texts


def test_a_chart_is_well_formed_and_says_what_it_shows() -> None:
    """Every kind of mark; names are escaped."""
    x = np.arange(4.0)
    marks = [
        Mark("band", x, x - 1, x + 1),
        Mark("bar", x, x - 1, x + 1),
        Mark("line", x, x),
        Mark("rule", np.zeros(1), np.array([2.0])),
        Mark("dot", x, x, hints=["a < b"] * 4),
    ]
    html = svg.chart(marks, label='<"return">', x_label="steps & more")
    root = ET.fromstring(html)
    drawing = root.find(".//svg")
    assert drawing is not None and drawing.get("aria-label") == '<"return">'
    assert [title.text for title in root.iter("title")] == ["a < b"] * 4
    kinds = [path.get("class") for path in root.iter("path")]
    assert {"band", "bar", "line", "rule", "dot"} <= set(kinds)


def test_points_are_where_they_belong() -> None:
    """By hand: the corners of the range are the corners of the drawing, y upwards."""
    html = svg.chart([Mark("line", np.array([0.0, 10.0]), np.array([0.0, 100.0]))], label="x")
    assert 'class="line" d="M0 1000L1000 0"' in html


def test_missing_values_break_the_line() -> None:
    """They are not drawn as zero."""
    y = np.array([0.0, np.nan, 100.0, 100.0])
    html = svg.chart([Mark("line", np.arange(4.0), y)], label="x")
    assert html.count("M") >= 2 and "nan" not in html


def test_nothing_to_draw_is_refused() -> None:
    """The caller says "not measured" instead."""
    with pytest.raises(ValueError, match="no finite point"):
        svg.chart([Mark("line", np.arange(2.0), np.full(2, np.nan))], label="x")
