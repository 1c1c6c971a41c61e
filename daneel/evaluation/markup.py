"""Pieces of HTML that the report is made of; every text is escaped here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

import yaml

from daneel.evaluation.evidence import NOT_MEASURED, number
from daneel.evaluation.statistics import Interval


def duration(seconds: float) -> str:
    """Seconds as people say them: 8.3 s, 2 min 05 s, 1 h 12 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def section(title: str, body: str) -> str:
    """A card with a heading; `body` is HTML."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Keys (class of the style sheet, text) above a chart."""
    keys = "".join(
        f'<span><span class="key {style}"></span>{escape(text)}</span>' for style, text in entries
    )
    return f'<div class="legend">{keys}</div>'


def details(summary: str, body: str) -> str:
    """HTML that is folded away until asked for."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def scroll(body: str) -> str:
    """HTML that may be wider than a phone."""
    return f'<div class="scroll">{body}</div>'


def chip(style: str, text: str) -> str:
    """A coloured word: good, bad, unknown or plain."""
    return f'<span class="chip {style}">{escape(text)}</span>'


def missing() -> str:
    """Where a figure would stand."""
    return chip("plain", NOT_MEASURED)


def unmeasured(why: str, command: str = "") -> str:
    """What stands where a section has no data, and what to type to get it."""
    if not command:
        return note(f"Not measured: {why}.")
    return note(f"Not measured: {why}. Type") + code(command)


def note(text: str | None) -> str:
    """A line in soft ink; nothing when there is no text."""
    return f'<p class="note">{escape(text)}</p>' if text else ""


def code(text: str) -> str:
    """Text to be typed or read as it is."""
    return f"<pre>{escape(text)}</pre>"


def prose(text: str) -> str:
    """A sentence in which what stands between backticks is typed."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def inline(value: object) -> str:
    """A value within a sentence, as it is typed."""
    return f"<code>{escape(str(value))}</code>"


def as_yaml(value: Any) -> str:
    """Plain data as people like to read it."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip()


def ends(interval: Interval | None, percent: bool = False) -> str:
    """`low to high`, an empty text where there is no interval."""
    if interval is None:
        return ""
    low, high = interval.low, interval.high
    return (
        f"{100 * low:.0f} to {100 * high:.0f} %" if percent else f"{number(low)} to {number(high)}"
    )


def tile(name: str, value: str, more: str = "") -> str:
    """A figure with its name; `value` is HTML."""
    return (
        f'<div class="tile"><div class="name">{escape(name)}</div>'
        f'<div class="value">{value}</div><div class="more">{escape(more)}</div></div>'
    )
