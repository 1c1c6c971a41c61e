"""Pieces of the page of a suite: bars with intervals, films, outcomes of episodes."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from daneel.evaluation import markup
from daneel.evaluation.evidence import number
from daneel.evaluation.statistics import Interval
from daneel.evaluation.suites.record import Episode, SkillScore
from daneel.evaluation.suites.terminal import interval, percent

if TYPE_CHECKING:
    from daneel.evaluation.suites.clips import Clip

Films = Mapping[str, "Clip"]
"""Clips of one skill: "best", "median", "worst"."""

ORDER = ("best", "median", "worst")
PNG, JPEG = b"\x89PNG", b"\xff\xd8"


@dataclass(frozen=True)
class Column:
    """A column of the table of skills that can be sorted by."""

    key: str
    """Name of its values in the rows' data."""
    title: str
    """What its head says."""
    down_first: bool = True
    """Whether the first press sorts from the top down."""
    style: str = "n"
    """Class of its cells."""


def meter(
    rate: float | None,
    ends: Interval | None,
    ceiling: float | None = None,
    floor: float | None = None,
) -> str:
    """A success rate as a bar, with its interval, the expert's tick and chance's."""
    parts = [] if rate is None else [f'<i class="fill" style="width:{100 * rate:.1f}%"></i>']
    if ends is not None:
        place = f"left:{100 * ends.low:.1f}%;width:{100 * (ends.high - ends.low):.1f}%"
        parts.append(f'<i class="whisk" style="{place}"></i>')
    said = [f"success {percent(rate)}"] if rate is not None else ["not run"]
    said += [f"95 % interval {interval(ends)}"] if ends else []
    for name, style, value in (("expert", "ceiling", ceiling), ("random", "floor", floor)):
        if value is not None:
            parts.append(f'<i class="{style}" style="left:{100 * value:.1f}%"></i>')
            said.append(f"{name} {percent(value)}")
    label = escape(", ".join(said))
    return (
        f'<div class="meter" role="img" aria-label="{label}" title="{label}">{"".join(parts)}</div>'
    )


def films(clips: Films, score: SkillScore) -> str:
    """The clips of a skill side by side; nothing where there are none."""
    by_number = {episode.number: episode for episode in score.episodes}
    shown = "".join(
        _film(which, clips[which], by_number.get(clips[which].number)) for which in _ordered(clips)
    )
    return f'<div class="films">{shown}</div>' if shown else ""


def _film(which: str, clip: Clip, episode: Episode | None) -> str:
    poster = f' poster="{picture_uri(clip.poster)}"' if clip.poster else ""
    video = base64.b64encode(clip.video).decode()
    said = f"episode {clip.number}"
    if episode is not None:
        said += f", {outcome(episode)}, return {number(episode.return_)}"
    asked = f"<br>“{escape(episode.instruction)}”" if episode and episode.instruction else ""
    return (
        f'<figure><video controls muted loop playsinline preload="none"{poster} '
        f'aria-label="{escape(f"{which}, {said}")}" src="data:video/mp4;base64,{video}"></video>'
        f"<figcaption><b>{escape(which)}</b> · {escape(said)}{asked}</figcaption></figure>"
    )


def _ordered(clips: Films) -> list[str]:
    """Names of the clips, best first, in whatever order they were filmed."""
    return sorted(clips, key=lambda which: ORDER.index(which) if which in ORDER else len(ORDER))


def thumbnail(clips: Films) -> str:
    """The picture of a skill in the table: the end of its best episode."""
    poster = next((clips[which].poster for which in _ordered(clips) if clips[which].poster), None)
    return f'<img alt="" loading="lazy" src="{picture_uri(poster)}">' if poster else ""


def picture_uri(data: bytes) -> str:
    """A PNG, JPEG or WebP picture as a data URI."""
    kinds = {PNG: "png", JPEG: "jpeg"}
    kind = next((name for magic, name in kinds.items() if data.startswith(magic)), "webp")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def outcome(episode: Episode) -> str:
    """What came of an episode, in a word."""
    return "failed to run" if episode.failure else "success" if episode.success else "no success"


def outcomes(episodes: Sequence[Episode]) -> str:
    """A square for every episode, with what it says when pointed at."""
    squares = "".join(_square(episode) for episode in episodes)
    return f'<ul class="outcomes" aria-label="episodes">{squares}</ul>'


def _square(episode: Episode) -> str:
    style, sign = {
        "success": ("good", "✓"),
        "no success": ("plain", "\u2013"),
        "failed to run": ("bad", "!"),
    }[outcome(episode)]
    said = (
        f"episode {episode.number}: {outcome(episode)}, return {number(episode.return_)}, "
        f"{episode.steps:,} steps, seed {episode.seed}"
    )
    return (
        f'<li class="{style}" title="{escape(said)}"><span aria-hidden="true">{sign}</span>'
        f'<span class="quiet">{escape(said)}</span></li>'
    )


def facts(entries: Mapping[str, str]) -> str:
    """Names and values, both escaped; those without a value are left out."""
    listed = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in entries.items() if text
    )
    return f'<dl class="facts">{listed}</dl>'


def split_chip(score: SkillScore) -> str:
    """What a skill's split is, in a word, where that is worth saying."""
    if score.contaminated:
        return markup.chip("unknown", "trained on")
    return markup.chip("plain", "held out") if score.held_out else ""
