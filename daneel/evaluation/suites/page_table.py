"""The table of skills: a row each, and below it, when opened, films and facts."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from daneel.evaluation import markup
from daneel.evaluation.evidence import number
from daneel.evaluation.suites.page_parts import (
    Column,
    Films,
    facts,
    films,
    meter,
    outcomes,
    split_chip,
    thumbnail,
)
from daneel.evaluation.suites.record import SkillScore, SuiteRecord
from daneel.evaluation.suites.terminal import interval, percent

REFERENCES = ("expert", "random")
SPLITS = {"held out": "held out", "train": "training", "trained on": "held out, but trained on"}
MOST_REASONS = 5
"""Failures of a skill that are quoted; the rest is counted."""


def table(record: SuiteRecord, media: Mapping[str, Films]) -> str:
    """Filters and table."""
    filmed = any(media.get(score.skill) for score in record.skills)
    columns = _columns(record)
    name, *figures = (_head(column) for column in columns)
    picture = _unnamed("picture") if filmed else ""
    heads = picture + name + _unnamed("success as a bar") + "".join(figures)
    span = len(columns) + 1 + filmed
    bodies = "".join(
        _body(at, score, record, columns, media.get(score.skill, {}) if filmed else None, span)
        for at, score in enumerate(record.skills)
    )
    style = "skills filmed" if filmed else "skills"
    return (
        f'{_filters(record, columns)}<table id="skills" class="{style}">'
        f"<thead><tr>{heads}</tr></thead>{bodies}</table>"
    )


def split(score: SkillScore) -> str:
    """One of the keys of `SPLITS`."""
    return "trained on" if score.contaminated else "held out" if score.held_out else "train"


def _columns(record: SuiteRecord) -> list[Column]:
    found = [
        Column("name", "skill", down_first=False, style="who"),
        Column("success", "success"),
        Column("return", "return"),
    ]
    return found + [Column(name, name) for name in REFERENCES if record.reference.get(name)]


def _unnamed(name: str) -> str:
    """The head of a column that says by itself what it is."""
    return f'<th scope="col"><span class="quiet">{name}</span></th>'


def _head(column: Column) -> str:
    first = "down" if column.down_first else "up"
    style = "n" if column.style == "n" else ""
    return (
        f'<th scope="col" class="{style}" data-key="{column.key}" data-first="{first}">'
        f"{escape(column.title)}</th>"
    )


def _filters(record: SuiteRecord, columns: list[Column]) -> str:
    """Hidden until the script is there to make them work."""
    splits = dict.fromkeys(split(score) for score in record.skills)
    blocks = "".join(_option(name, name) for name in record.blocks)
    kinds = "".join(_option(name, SPLITS[name]) for name in splits)
    ways = [_option("order up", "order of the suite")]
    for column in columns:
        for way, title in (("down", "high to low"), ("up", "low to high")):
            words = {"down": "Z to A", "up": "A to Z"}[way] if column.key == "name" else title
            ways.append(_option(f"{column.key} {way}", f"{column.title}, {words}"))
    return (
        '<form id="filters" class="filters" hidden>'
        '<label class="wide">Find<input name="text" type="search" autocomplete="off" '
        'placeholder="name, instruction, environment, failed, not run"></label>'
        f'<label>Block<select name="block">{_option("", "all")}{blocks}</select></label>'
        f'<label>Split<select name="split">{_option("", "all")}{kinds}</select></label>'
        f'<label class="phone">Sort<select name="sort">{"".join(ways)}</select></label>'
        '<output id="count" aria-live="polite"></output></form>'
    )


def _option(value: str, text: str) -> str:
    return f'<option value="{escape(value)}">{escape(text)}</option>'


def _body(
    at: int,
    score: SkillScore,
    record: SuiteRecord,
    columns: list[Column],
    clips: Films | None,
    span: int,
) -> str:
    values = _values(at, score, record)
    data = "".join(f' data-{key}="{escape(text)}"' for key, text in values.items())
    picture = "" if clips is None else f'<td class="pic">{thumbnail(clips)}</td>'
    cells = (
        _scored(score, record, columns)
        if score.status == "scored"
        else _not_run(score, len(columns))
    )
    name = (
        f'<td class="who"><span class="name">{escape(score.skill)}</span>'
        f'<div class="soft">{escape(score.block)} {split_chip(score)}</div></td>'
    )
    return (
        f'<tbody{data}><tr class="row">{picture}{name}{cells}</tr><tr class="more" id="more{at}">'
        f'<td colspan="{span}">{films(clips or {}, score)}{_more(score)}</td></tr></tbody>'
    )


def _values(at: int, score: SkillScore, record: SuiteRecord) -> dict[str, str]:
    """What the script sorts and filters by; an empty text is no figure, and comes last."""
    figures = {"success": score.success_rate, "return": score.mean_return}
    figures |= {who: record.reference.get(who, {}).get(score.skill) for who in REFERENCES}
    asked = {episode.instruction for episode in score.episodes}
    words = [score.skill, score.block, score.env, split(score), score.status, *sorted(asked)]
    words += ["failed"] if score.failures else []
    return {
        "order": str(at),
        "name": score.skill,
        "block": score.block,
        "split": split(score),
        "text": " ".join(words).lower(),
        **{key: "" if value is None else f"{value:.6g}" for key, value in figures.items()},
    }


def _scored(score: SkillScore, record: SuiteRecord, columns: list[Column]) -> str:
    known = {who: record.reference.get(who, {}).get(score.skill) for who in REFERENCES}
    bar = meter(score.success_rate, score.interval, known["expert"], known["random"])
    failed = f"{score.failures} failed to run" if score.failures else ""
    returned = "" if score.mean_return is None else number(score.mean_return)
    cells = f'<td class="bar">{bar}{markup.chip("bad", failed) if failed else ""}</td>'
    cells += _figure("success", percent(score.success_rate), interval(score.interval))
    cells += _figure("return", returned, markup.ends(score.return_interval))
    shown = [column.key for column in columns if column.key in REFERENCES]
    return cells + "".join(_figure(who, percent(known[who])) for who in shown)


def _figure(label: str, text: str, more: str = "") -> str:
    soft = f'<div class="soft">{escape(more)}</div>' if more else ""
    return f'<td class="n" data-label="{label}">{escape(text)}{soft}</td>'


def _not_run(score: SkillScore, span: int) -> str:
    reason = markup.prose(score.reason or "")
    return f'<td class="why" colspan="{span}">{markup.chip("plain", "not run")} {reason}</td>'


def _more(score: SkillScore) -> str:
    """What there is to know about a skill beyond its figures."""
    ran = [episode for episode in score.episodes if episode.failure is None]
    steps = sum(episode.steps for episode in ran)
    asked = dict.fromkeys(episode.instruction for episode in score.episodes if episode.instruction)
    listed = facts(
        {
            "environment": score.env,
            "success": score.rule,
            "asked": " · ".join(f"“{text}”" for text in asked),
            "ran": f"{len(ran)} episodes, {steps:,} environment steps" if ran else "",
            "split": SPLITS[split(score)],
            "failed": _failures(score),
        }
    )
    return (outcomes(score.episodes) if score.episodes else "") + listed


def _failures(score: SkillScore) -> str:
    """Reasons, each once with how often it came."""
    reasons = [episode.failure for episode in score.episodes if episode.failure]
    kinds = list(dict.fromkeys(reasons))
    shown = [f"{reasons.count(reason)}x {reason}" for reason in kinds[:MOST_REASONS]]
    rest = len(kinds) - len(shown)
    return "; ".join([*shown, *([f"and {rest} other reasons"] if rest else [])])
