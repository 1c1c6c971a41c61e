"""The sections of `report.html`, each from what one part of the run folder says."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from daneel.alignment import Finding
from daneel.evaluation import alignment_figures, curves, markup, statistics, svg
from daneel.evaluation.curves import EPISODE_RETURN, EVAL_RETURN, EVAL_RETURNS, EVAL_SUCCESS, Series
from daneel.evaluation.evaluate import Evaluation
from daneel.evaluation.evidence import NOT_MEASURED, number
from daneel.evaluation.run_data import RunData
from daneel.evaluation.statistics import Interval
from daneel.evaluation.svg import Mark

MAX_VIDEO_BYTES = 40 * 2**20
"""A longer video stays beside the report: one file should still open quickly."""

MIN_EPISODES_SMOOTHED = 40
PHASE_COLOURS = 6
VERDICT_CHIPS = {"holds": "good", "violated": "bad", "unknown": "unknown"}


def learning(data: RunData, others: Sequence[RunData]) -> str:
    """Return against steps: training episodes, evaluations, and the interval over seeds."""
    episodes, evaluations = data.series(EPISODE_RETURN), data.series(EVAL_RETURN)
    if not len(episodes) and not len(evaluations):
        return markup.section("Learning", markup.unmeasured("no episode has ended yet"))
    marks, legend = _learning_marks(data, episodes, evaluations)
    seeds = [run.series(EVAL_RETURN) for run in (data, *others)]
    note = ""
    if others and all(len(curve) for curve in seeds):
        over = curves.summarise(seeds, np.random.default_rng(0))
        marks.insert(0, Mark("band", over.steps, over.low, over.high))
        shown = np.isfinite(over.low).any()
        legend += [("band", f"95 % interval over {len(seeds)} seeds")] if shown else []
        note = markup.note(curves.too_few(len(seeds)))
    drawn = svg.chart(
        marks, label="return against environment steps", height_px=320, x_label="environment steps"
    )
    body = markup.legend(legend) + drawn + note + _success(data)
    return markup.section("Return while learning", body)


def _success(data: RunData) -> str:
    """Success rate of the evaluations, in per cent, where the environment has such a signal."""
    rates = data.series(EVAL_SUCCESS)
    if not len(rates):
        return ""
    percent = 100 * rates.values
    hints = [
        f"{rate:.0f} % after {step:,.0f} steps"
        for step, rate in zip(rates.steps, percent, strict=True)
    ]
    marks = [
        Mark("evalline", rates.steps, percent),
        Mark("dot", rates.steps, percent, hints=hints),
    ]
    drawn = svg.chart(marks, label="success rate against environment steps", height_px=130, ticks=3)
    return f"<h3>Success rate of the evaluations, %</h3>{drawn}"


def _learning_marks(
    data: RunData, episodes: Series, evaluations: Series
) -> tuple[list[Mark], list[tuple[str, str]]]:
    marks, legend = list[Mark](), list[tuple[str, str]]()
    if len(episodes):
        marks.append(Mark("raw", episodes.steps, episodes.values))
        legend.append(("raw", "training episodes"))
        if len(episodes) >= MIN_EPISODES_SMOOTHED:
            smoothed = curves.smooth(episodes)
            marks.append(Mark("line", smoothed.steps, smoothed.values))
            legend.append(("line", "the same, smoothed"))
    if len(evaluations):
        marks += evaluation_marks(data.records)
        legend.append(("dot", "evaluations, mean and 95 % interval over episodes"))
    return marks, legend


def evaluation_marks(records: Sequence[dict[str, Any]]) -> list[Mark]:
    """Dots with bars: the mean of each evaluation and its bootstrap interval over episodes."""
    found = [record for record in records if record.get(EVAL_RETURN) is not None]
    rng = np.random.default_rng(0)
    steps = np.array([record["step"] for record in found], float)
    means = np.array([record[EVAL_RETURN] for record in found], float)
    intervals = [statistics.bootstrap_interval(r.get(EVAL_RETURNS, ()), rng) for r in found]
    low, high = (
        np.array([np.nan if i is None else getattr(i, end) for i in intervals])
        for end in ("low", "high")
    )
    hints = [
        f"{number(mean)} after {step:,.0f} steps{_hint(interval)}"
        for step, mean, interval in zip(steps, means, intervals, strict=True)
    ]
    bars = Mark("bar", steps, low, high)
    return [bars, Mark("evalline", steps, means), Mark("dot", steps, means, hints=hints)]


def _hint(interval: Interval | None) -> str:
    return f" (95 % interval {markup.ends(interval)})" if interval else ""


def video(data: RunData) -> str:
    """The newest video inside the page, or the line that makes one."""
    line = f"daneel play {data.path} --video {data.path}/videos/play.mp4"
    if data.video is None:
        return markup.section("Video", markup.unmeasured("no video was made", line))
    if data.video.stat().st_size > MAX_VIDEO_BYTES:
        return markup.section(
            "Video", f"<p>Too long to put in this file: {markup.inline(data.video)}</p>"
        )
    encoded = base64.b64encode(data.video.read_bytes()).decode()
    player = (
        '<video controls muted loop playsinline preload="metadata" '
        f'src="data:video/mp4;base64,{encoded}"></video>'
    )
    return markup.section(
        "Video", f'{player}<p class="note" style="margin-top:8px">{data.video.name}</p>'
    )


def evaluation(data: RunData) -> str:
    """The episodes of the last evaluation, as dots and as a table."""
    found = data.evaluation
    if found is None:
        line = f"daneel eval {data.path} --episodes 20"
        return markup.section("Evaluation", markup.unmeasured("no evaluation was made", line))
    note = (
        f"{found.episodes} episodes without exploration, checkpoint {found.checkpoint}, "
        f"IQM {number(found.iqm)}, weights {found.weights_sha256[:12]}"
    )
    if found.env.id != data.env_id:
        note = f"In {found.env.id}, not where it was trained. {note}"
    episodes = markup.details("Every episode", markup.scroll(_episode_table(found)))
    notes = markup.note(note) + markup.note(_alignment(data, found))
    return markup.section("Evaluation", _strip(found) + notes + episodes)


def _alignment(data: RunData, found: Evaluation) -> str:
    """The gate's word on the weights that were evaluated."""
    report = alignment_figures.judged(data.path, found.weights_sha256)
    if report is None:
        return f"Gate: {NOT_MEASURED} on these weights. Type `daneel gate {data.path}`."
    checks = (f"{f.check} {f.verdict} {alignment_figures.figure(f)}" for f in report.findings)
    return f"Gate: {alignment_figures.summary(report)} ({', '.join(map(str.strip, checks))})."


def _strip(found: Evaluation) -> str:
    """Returns of the evaluation's episodes in order, with the mean as a rule."""
    number_of = np.arange(1, found.episodes + 1, dtype=float)
    returns = np.array(found.returns)
    hints = [f"episode {n:.0f}: {number(r)}" for n, r in zip(number_of, returns, strict=True)]
    marks = [
        Mark("rule", np.zeros(1), np.array([found.mean])),
        Mark("dotaccent", number_of, returns, hints=hints),
    ]
    return svg.chart(marks, label="return of each episode", height_px=210, x_label="episode")


def _episode_table(found: Evaluation) -> str:
    flags = found.successes
    heads = ["episode", "seed", "return", "decisions"] + (["success"] if flags else [])
    rows = []
    for at in range(found.episodes):
        cells = [str(at + 1), str(found.seeds[at]), f"{found.returns[at]:,.2f}"]
        cells += [f"{found.lengths[at]:,}"]
        cells += [("yes" if flags[at] else "no")] if flags else []
        rows.append("".join(f'<td class="n">{cell}</td>' for cell in cells))
    head = "".join(f'<th class="n">{name}</th>' for name in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def gate(data: RunData) -> str:
    """What every check found, with witnesses."""
    if data.gate is None:
        line = f"daneel gate {data.path}"
        return markup.section("Gate", markup.unmeasured("the gate has not judged this run", line))
    verdict = (
        f"Every check holds for {data.gate.checkpoint}: it may be released."
        if data.gate.passed
        else f"Not every check holds for {data.gate.checkpoint}: it is not released."
    )
    heads = (
        '<tr><th>check</th><th>verdict</th><th class="n">figure</th><th class="n">time</th>'
        "<th>what was found</th></tr>"
    )
    rows = "".join(_finding_row(finding) for finding in data.gate.findings)
    table = f'<table class="stack">{heads}{rows}</table>'
    box = markup.note(f"Observations declared: {data.gate.box_source}.")
    return markup.section("Gate", f"<p>{escape(verdict)}</p>{table}{box}")


def _finding_row(finding: Finding) -> str:
    detail = markup.prose(finding.detail)
    if finding.witness:
        detail += markup.details("Witness", markup.code(markup.as_yaml(finding.witness)))
    return (
        f"<tr><td>{escape(finding.check.replace('_', ' '))}</td>"
        f"<td>{markup.chip(VERDICT_CHIPS[finding.verdict], finding.verdict)}</td>"
        f'<td class="n">{alignment_figures.figure(finding)}</td>'
        f'<td class="n">{alignment_figures.seconds(finding)}</td>'
        f"<td>{detail}</td></tr>"
    )


def losses(data: RunData) -> str:
    """Every logged training metric as a small chart."""
    found = data.losses()
    if not found:
        return markup.section("Training metrics", markup.unmeasured("nothing was logged twice"))
    small = "".join(
        f"<div><h3>{escape(name)}</h3>{_small(name, curve)}</div>" for name, curve in found.items()
    )
    return markup.section("Training metrics", f'<div class="grid">{small}</div>')


def _small(name: str, curve: Series) -> str:
    if not np.isfinite(curve.values).any():
        return markup.unmeasured("no finite value")
    thin = curves.thin(curve)
    return svg.chart([Mark("line", thin.steps, thin.values)], label=name, height_px=92, ticks=3)


def phases(data: RunData) -> str:
    """How the training time divides."""
    ordered = sorted(data.phases().items(), key=lambda item: -item[1])
    if not ordered:
        nothing = markup.unmeasured("the run logged no phase times")
        return markup.section("Where the time went", nothing)
    total = sum(seconds for _, seconds in ordered)
    bars, rows = "", ""
    for at, (name, seconds) in enumerate(ordered):
        colour, share = f"p{min(at, PHASE_COLOURS - 1)}", seconds / total
        bars += f'<i class="{colour}" style="flex:{share:.4f}"></i>'
        rows += (
            f'<tr><td><span class="swatch {colour}"></span>{escape(name)}</td>'
            f'<td class="n">{markup.duration(seconds)}</td><td class="n">{share:.1%}</td></tr>'
        )
    heads = '<tr><th>phase</th><th class="n">time</th><th class="n">share</th></tr>'
    table = f'<div class="split">{bars}</div><table>{heads}{rows}</table>'
    return markup.section("Where the time went", table)
