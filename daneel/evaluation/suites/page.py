"""The page of a suite: one self-contained HTML file that needs no network and no server.

A small script of its own sorts and filters the table; without it everything can still be read.
Skills that were not run say so and why; they are in no mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

import numpy as np

from daneel.evaluation import files, markup, svg
from daneel.evaluation.evidence import NOT_MEASURED
from daneel.evaluation.report_style import CSS
from daneel.evaluation.suites import alignment, page_style, profile
from daneel.evaluation.suites.aggregate import Aggregate
from daneel.evaluation.suites.page_parts import Films, facts, meter
from daneel.evaluation.suites.page_script import POLICY, SCRIPT
from daneel.evaluation.suites.page_table import REFERENCES, table
from daneel.evaluation.suites.record import (
    Alignment,
    SuiteRecord,
    reference_mean,
    reference_rates,
)
from daneel.evaluation.suites.terminal import interval, percent, skills
from daneel.evaluation.svg import Mark

MEANS = {
    "expert": "Expert ceiling",
    "random": "Random floor",
}


def save(record: SuiteRecord, path: str | Path, media: Mapping[str, Films] | None = None) -> Path:
    """Writes the page and returns its path.

    Args:
        record: What to show.
        path: The HTML file.
        media: Clips by skill and by "best", "median", "worst".

    Raises:
        RunFolderError: The folder cannot be written or the disk is full; the old file stays.
    """
    return files.write_text(Path(path), page(record, media))


def page(record: SuiteRecord, media: Mapping[str, Films] | None = None) -> str:
    """The whole page."""
    rows = _legend(record) + table(record, media or {}) if record.skills else _nothing()
    body = "".join(
        (
            _header(record),
            _tiles(record),
            _contamination(record),
            f'<div class="pair">{_blocks(record)}{_profile(record)}</div>',
            markup.section("Skills", rows),
            _reading(record),
            _made(record),
            "<footer>Written by Daneel. One file, no network.</footer>",
        )
    )
    title = escape(f"{record.policy} on {record.suite}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{title}</title>\n<style>{CSS}{page_style.CSS}</style>\n</head>\n<body>\n<main>\n"
        f"{body}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _header(record: SuiteRecord) -> str:
    parts = [f"suite {record.suite}", f"{record.episodes} episodes a skill", f"seed {record.seed}"]
    return (
        f'<header><p class="brand">Daneel suite report</p><h1>{escape(record.policy)}</h1>'
        f'<p class="sub">{escape(" · ".join([*parts, record.origin.date]))}</p></header>'
    )


def _tiles(record: SuiteRecord) -> str:
    found = record.overall
    missing = f"{found.not_run} not run, in no mean" if found.not_run else "all of the suite"
    tiles = [
        markup.tile("Mean success", _figure(found.mean), interval(found.interval, 1)),
        markup.tile("Interquartile mean", _figure(found.iqm), interval(found.iqm_interval, 1)),
        markup.tile("Skills scored", f"{found.scored} of {len(record.skills)}", missing),
        _held_out_tile(record.held_out),
        *_alignment_tiles(record.alignment),
        *(_reference_tile(record, name) for name in REFERENCES),
    ]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _figure(mean: float | None) -> str:
    return markup.chip("plain", "not run") if mean is None else percent(mean, 1)


def _held_out_tile(found: Aggregate | None) -> str:
    if found is None:
        return ""
    more = f"{skills(found.scored)}, {interval(found.interval, 1)}" if found.scored else ""
    return markup.tile("Held-out skills", _figure(found.mean), more)


def _alignment_tiles(found: Alignment | None) -> Iterator[str]:
    """The gate's word and the refused instructions."""
    if found is not None:
        checks = ", ".join(f"{check.name} {check.verdict}" for check in found.checks)
        yield markup.tile("Gate", escape(found.gate or NOT_MEASURED), checks)
        refused = "; ".join(f"{text!r}: {why}" for text, why in found.refused.items())
        yield markup.tile("Instructions refused", escape(alignment.refusals(found)), refused)


def _reference_tile(record: SuiteRecord, name: str) -> str:
    found = reference_mean(record, name)
    if found is None:
        return ""
    return markup.tile(MEANS[name], percent(found[0], 1), f"over {found[1]} of these skills")


def _time(record: SuiteRecord) -> str:
    """Wall time, and how the workers' time divides where it was measured."""
    found = record.seconds
    if not found.env + found.policy:
        return markup.duration(found.total)
    return (
        f"{markup.duration(found.total)}; all workers together {markup.duration(found.env)} in "
        f"environments, {markup.duration(found.policy)} in the policy"
    )


def _contamination(record: SuiteRecord) -> str:
    seen = [score.skill for score in record.skills if score.contaminated]
    texts = []
    if seen:
        texts.append(
            f"Not held out: the policy trained on {', '.join(seen)}, which the suite holds out. "
            "They count with the training skills."
        )
    if record.trained_on is None and record.held_out is not None:
        texts.append(
            "What this policy trained on is not recorded. “Held out” is what the suite says; "
            "nothing shows that the policy kept to it."
        )
    shown = "".join(f"<p>{escape(text)}</p>" for text in texts)
    return f'<section class="warn"><h2>Held-out skills</h2>{shown}</section>' if shown else ""


def _legend(record: SuiteRecord) -> str:
    keys = [("fill", "success"), ("whisk", "95 % interval")]
    known = [name for name in REFERENCES if record.reference.get(name)]
    keys += [({"expert": "ceiling", "random": "floor"}[name], name) for name in known]
    return markup.legend(keys)


def _blocks(record: SuiteRecord) -> str:
    """Means over the skills of each block, and over the splits."""
    known = [name for name in REFERENCES if record.reference.get(name)]
    rows = _mean_row(record, "all skills", record.overall, None, known)
    for name, found in record.blocks.items():
        rows += _mean_row(record, name, found, name, known)
    for name, found in (("training skills", record.train), ("held-out skills", record.held_out)):
        if found is not None and record.held_out is not None:
            rows += _row(name, found, ("",) * len(known), meter(found.mean, found.interval))
    heads = "".join(f'<th class="n wide">{name}</th>' for name in known)
    top = f'<tr><th>mean of</th><th></th><th class="n">success</th>{heads}<th class="n">skills</th>'
    return markup.section("Means", f'<table class="blocks">{top}</tr>{rows}</table>')


def _mean_row(
    record: SuiteRecord, name: str, found: Aggregate, block: str | None, known: list[str]
) -> str:
    means = {who: reference_mean(record, who, block) for who in known}
    ticks = {who: mean[0] for who, mean in means.items() if mean}
    bar = meter(found.mean, found.interval, ticks.get("expert"), ticks.get("random"))
    cells = tuple(percent(mean[0]) if mean else "" for mean in means.values())
    return _row(name, found, cells, bar)


def _row(name: str, found: Aggregate, cells: tuple[str, ...], bar: str) -> str:
    total = found.scored + found.not_run
    count = f"{found.scored} of {total}" if found.not_run else f"{total}"
    more = "".join(f'<td class="n wide">{cell}</td>' for cell in cells)
    shown = _figure(found.mean) if found.mean is None else percent(found.mean)
    return (
        f"<tr><td>{escape(name)}</td><td>{bar if found.scored else ''}</td>"
        f'<td class="n">{shown}</td>{more}<td class="n">{count}</td></tr>'
    )


def _profile(record: SuiteRecord) -> str:
    """Share of skills above each success rate, in per cent."""
    found = profile.of_record(record)
    if found is None:
        return markup.section("Performance profile", markup.note("No skill was scored."))
    x = _steps(100 * found.thresholds)[1:]
    whole = Mark("frame", np.array([0.0, 100.0]), np.array([0.0, 100.0]))
    band = Mark("band", x, _steps(100 * found.low)[:-1], _steps(100 * found.high)[:-1])
    marks, keys = [whole, band], [("line", "policy, 95 % band")]
    for name, style in (("expert", "ceilingline"), ("random", "floorline")):
        if known := reference_rates(record, name):
            marks.append(Mark(style, x, _steps(100 * profile.shares(known))[:-1]))
            keys.append((style, f"{name}, {skills(len(known))}"))
    marks.append(Mark("line", x, _steps(100 * found.share)[:-1]))
    drawn = svg.chart(
        marks,
        label="share of skills above each success rate, in per cent",
        x_label="success rate, %",
    )
    note = markup.note("Share of skills, in per cent, with a success rate above that on the axis.")
    return markup.section("Performance profile", markup.legend(keys) + drawn + note)


def _steps(values: np.ndarray) -> np.ndarray:
    """Every value twice: a share changes at a threshold, not between two."""
    return np.repeat(values, 2)


def _nothing() -> str:
    return markup.note("The suite has no skills.")


def _reading(record: SuiteRecord) -> str:
    lines = (
        "Success of an episode is the signal of the skill's own package; only where it has none "
        "it is a return, set after a published one. Each row, when opened, says which.",
        "The interval of a skill is Wilson's, from its episodes. Intervals of means and of the "
        "interquartile mean redraw the episodes of every skill (stratified bootstrap). They say "
        "how far other episodes could move the figure, nothing about other skills or about "
        "training again with another seed. Where every skill always or never succeeded, the "
        "interval of the mean is Wilson's, of all episodes together.",
        "The interquartile mean leaves out the best and the worst quarter of the skills.",
        "Expert and random are success rates of recorded runs on the same skills. A skill without "
        "them has no tick, and means are over the skills that have them.",
        "An episode that could not be run to its end counts as no success and is left out of the "
        "mean return. A skill that was not run has no figure and is in no mean.",
        "Held out are the skills that the suite keeps from training, unless the policy's own "
        "record shows that it trained on them.",
    )
    listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return markup.section("How to read it", f'<ul class="how">{listed}</ul>')


def _made(record: SuiteRecord) -> str:
    origin = record.origin
    trained = "not recorded" if record.trained_on is None else ", ".join(record.trained_on)
    listed = facts(
        {
            "policy": record.policy,
            "weights": record.policy_sha256 or "none",
            "trained on": trained or "nothing",
            "date": origin.date,
            "time": _time(record),
            "machine": str(origin.machine),
            "commit": str(origin.source),
            "versions": ", ".join(f"{name} {text}" for name, text in origin.versions.items()),
        }
    )
    return markup.section("How it was made", markup.code(origin.command) + listed)
