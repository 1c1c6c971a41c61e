"""Charts as inline SVG that follow the page: any width, light or dark, sharp text, no script.

The drawing is stretched to the width of the page (`preserveAspectRatio="none"`), so nothing in it
may depend on shape: strokes do not scale, dots are round line ends of zero length, and labels are
HTML placed in per cent. Colours are classes of the page's style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

UNIT = 1000
"""Side of the drawing in its own units."""

FLAT = 1e-9
"""Ranges smaller than this share of their ends are rounding, and drawn as one value."""


@dataclass(frozen=True)
class Mark:
    """Something drawn from points; `style` is a class of the style sheet."""

    style: str
    """What it looks like: line, raw, seed, dot, band, bar, rule."""
    x: np.ndarray
    """`[K]` horizontal values."""
    y: np.ndarray
    """`[K]` vertical values; the lower ends for bands and bars."""
    top: np.ndarray | None = None
    """`[K]` upper ends of a band, or of one bar a point."""
    hints: Sequence[str] = ()
    """What dots say when pointed at."""


@dataclass(frozen=True)
class Frame:
    """The ranges that a chart shows, ends on tick marks."""

    x: tuple[float, float]
    """Left and right end."""
    y: tuple[float, float]
    """Lower and upper end."""

    def across(self, value: float) -> float:
        """Distance from the left in units of the drawing."""
        return UNIT * (value - self.x[0]) / (self.x[1] - self.x[0])

    def down(self, value: float) -> float:
        """Distance from the top."""
        return UNIT * (self.y[1] - value) / (self.y[1] - self.y[0])


def chart(
    marks: Sequence[Mark], *, label: str, height_px: int = 260, x_label: str = "", ticks: int = 5
) -> str:
    """A chart as HTML.

    Args:
        marks: Drawn in order.
        label: What the chart shows, for those who do not see it.
        height_px: Height of the drawing, without labels.
        x_label: Below the axis.
        ticks: About how many labels each axis has.

    Raises:
        ValueError: When there is no finite point.
    """
    x_ticks, y_ticks, frame = _frame(marks, ticks)
    grid = "".join(f'<path class="grid" d="M0 {_n(frame.down(y))}H{UNIT}"/>' for y in y_ticks)
    drawn = "".join(_draw(mark, frame) for mark in marks)
    y_labels = "".join(_label("ty", "top", frame.down(y), y, y_ticks) for y in y_ticks)
    x_labels = "".join(_label("tx", "left", frame.across(x), x, x_ticks) for x in x_ticks)
    style = "chart labelled" if x_label else "chart"
    caption = f'<span class="xlabel">{escape(x_label)}</span>' if x_label else ""
    return (
        f'<div class="{style}"><div class="plot" style="height:{height_px}px">'
        f'<svg viewBox="0 0 {UNIT} {UNIT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{grid}{drawn}</svg>{y_labels}{x_labels}</div>{caption}</div>'
    )


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers from at or below `low` to at or above `high`."""
    # A constant that was averaged differs from itself in the last digits.
    if high - low <= FLAT * max(abs(low), abs(high)):
        low, high = low - max(abs(low) * 0.1, 0.5), high + max(abs(high) * 0.1, 0.5)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(12, 3 - math.floor(math.log10(step)))
    return [round(at * step, digits) for at in range(first, last + 1)]


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """A short number: 20k, 1.5M, 0.25, 1e-05; as many digits as the distance of the ticks needs."""
    largest = max(abs(tick) for tick in ticks)
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # Four-digit numbers stay as they are: 1000 is easier to read than 1k beside 800.
        if largest >= size * (10 if suffix == "k" else 1):
            return _decimals(value / size, ticks[1] / size - ticks[0] / size) + suffix * (
                value != 0
            )
    step = ticks[1] - ticks[0]
    if 0 < largest < 1e-3:
        power = math.floor(math.log10(largest))
        shown = _decimals(value / 10.0**power, step / 10.0**power)
        return f"{shown}e{power}" if value else "0"
    return _decimals(value, step)


def _decimals(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if abs(step * 10**digits - round(step * 10**digits)) > 1e-6:
        digits += 1
    return f"{value:.{digits}f}"


def _frame(marks: Sequence[Mark], ticks: int) -> tuple[list[float], list[float], Frame]:
    xs = np.concatenate([mark.x for mark in marks if mark.style != "rule"])
    ys = np.concatenate([part for mark in marks for part in (mark.y, mark.top) if part is not None])
    xs, ys = xs[np.isfinite(xs)], ys[np.isfinite(ys)]
    if not (len(xs) and len(ys)):
        raise ValueError("There is no finite point to draw. Expected at least one.")
    y_ticks = nice_ticks(float(ys.min()), float(ys.max()), ticks)
    left, right = float(xs.min()), float(xs.max())
    if left > 0 and left < right / 4:
        left = 0.0
    if left == right:
        left, right = left - 0.5, right + 0.5
    x_ticks = [tick for tick in nice_ticks(left, right, ticks) if left <= tick <= right]
    return x_ticks, y_ticks, Frame((left, right), (y_ticks[0], y_ticks[-1]))


def _draw(mark: Mark, frame: Frame) -> str:
    if mark.style == "rule":
        return f'<path class="rule" d="M0 {_n(frame.down(float(mark.y[0])))}H{UNIT}"/>'
    if mark.style == "band":
        return _band(mark, frame)
    if mark.style == "bar":
        return "".join(_bars(mark, frame))
    if mark.style.startswith("dot"):
        return "".join(_dots(mark, frame))
    return f'<path class="{mark.style}" d="{_path(mark.x, mark.y, frame)}"/>'


def _path(x: np.ndarray, y: np.ndarray, frame: Frame) -> str:
    """Line segments; a value that is not finite breaks the line."""
    parts, pen = [], "M"
    for at, value in zip(x, y, strict=True):
        if not math.isfinite(value):
            pen = "M"
            continue
        parts.append(f"{pen}{_n(frame.across(at))} {_n(frame.down(value))}")
        pen = "L"
    return "".join(parts)


def _band(mark: Mark, frame: Frame) -> str:
    assert mark.top is not None
    inside = np.isfinite(mark.y) & np.isfinite(mark.top)
    if inside.sum() < 2:
        return ""
    there = _path(mark.x[inside], mark.top[inside], frame)
    back = _path(mark.x[inside][::-1], mark.y[inside][::-1], frame)
    return f'<path class="band" d="{there}L{back[1:]}Z"/>'


def _bars(mark: Mark, frame: Frame) -> Iterator[str]:
    assert mark.top is not None
    for x, low, high in zip(mark.x, mark.y, mark.top, strict=True):
        if math.isfinite(low) and math.isfinite(high):
            yield (
                f'<path class="bar" d="M{_n(frame.across(x))} {_n(frame.down(low))}'
                f'V{_n(frame.down(high))}"/>'
            )


def _dots(mark: Mark, frame: Frame) -> Iterator[str]:
    hints = mark.hints or [""] * len(mark.x)
    for x, y, hint in zip(mark.x, mark.y, hints, strict=True):
        title = f"<title>{escape(hint)}</title>" if hint else ""
        at = f"M{_n(frame.across(x))} {_n(frame.down(y))}h0.001"
        yield f'<path class="{mark.style}" d="{at}">{title}</path>'


def _label(style: str, side: str, at: float, value: float, ticks: Sequence[float]) -> str:
    text = tick_text(value, ticks) if len(ticks) > 1 else f"{value:g}"
    return f'<span class="{style}" style="{side}:{at / UNIT:.2%}">{text}</span>'


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
