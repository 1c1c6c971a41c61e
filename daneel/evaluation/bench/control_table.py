"""The control bench as one Markdown table and as one picture, both from records only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daneel.evaluation import evidence
from daneel.evaluation.bench import control_evidence as ce
from daneel.evaluation.bench.tasks import TASKS, Task, short
from daneel.evaluation.evidence import NOT_MEASURED, Evidence

Records = Mapping[tuple[str, str, str], Evidence]
HEADER = (
    "| task | seeds | after | required | Daneel [95 %] | met | SAC, same steps | SAC, 3x steps "
    "| steps to threshold: Daneel / SAC | training s to threshold: Daneel / SAC | action p95 "
    "| published |"
)

INTERVALS = (
    "Scores are means of 10 episodes a seed. Intervals: bootstrap over seeds and episodes, with "
    "one seed over its episodes; success rates: Wilson. Steps and seconds to threshold: median "
    "seed, at the first of ten evaluations that reaches it (SAC: of thirty); seconds are those of "
    "training alone, on one thread."
)


def markdown(records: Sequence[Evidence]) -> str:
    """One row a task, then the overall verdicts and where the figures come from."""
    newest = {item.key: item for item in evidence.latest(records)}
    lines = [HEADER, "|" + "---|" * (HEADER.count("|") - 1)]
    lines += [_row(task, newest) for task in TASKS]
    footnote = evidence.footnote(records, "daneel bench control")
    return "\n".join([*lines, "", *_verdicts(newest), "", INTERVALS, "", footnote]) + "\n"


def _row(task: Task, records: Records) -> str:
    score = records.get((task.name, task.measure, ce.OURS))
    peer_score = records.get((task.name, task.measure, ce.PEER))
    later = records.get((task.name, f"{task.measure} {ce.LATER}", ce.PEER))
    cells = [
        short(task),
        evidence.format_seeds(score) if score else str(len(task.seeds)),
        f"{_steps(task, score or peer_score):,} steps",
        f">= {_value(task, task.threshold)}",
        _score(task, score),
        _met(task, score, records),
        _score(task, peer_score),
        _score(task, later),
        _pair(task, ce.STEPS, ce.STEPS_RATIO, records),
        _pair(task, ce.SECONDS, ce.SECONDS_RATIO, records),
        evidence.format_figure(records.get((task.name, ce.P95, ce.OURS))),
        task.peer,
    ]
    return "| " + " | ".join(cells) + " |"


def _steps(task: Task, item: Evidence | None) -> int:
    """The steps after which the score was taken: a rehearsal takes it earlier."""
    return task.steps if item is None else int(item.details["steps"])


def _value(task: Task, value: float) -> str:
    return f"{100 * value:.0f} %" if task.measure == "success rate" else f"{value:,.0f}"


def _score(task: Task, item: Evidence | None) -> str:
    if item is None or item.figure is None:
        return NOT_MEASURED
    text = _value(task, item.figure)
    if item.interval is None:
        return text
    return f"{text} [{_value(task, item.interval.low)}, {_value(task, item.interval.high)}]"


def _met(task: Task, score: Evidence | None, records: Records) -> str:
    """The verdict of the row: the score, and the seconds where the task limits them."""
    if score is None:
        return NOT_MEASURED
    verdict = evidence.format_met(score.met)
    took = records.get((task.name, ce.TRAINING_SECONDS, ce.OURS))
    if took is None or took.threshold is None:
        return verdict
    limit = evidence.format_met(took.met)
    return f"{verdict}; {evidence.format_figure(took)} <= {took.threshold:.0f} s: {limit}"


def _pair(task: Task, measure: str, ratio: str, records: Records) -> str:
    mine, theirs = (records.get((task.name, measure, side)) for side in (ce.OURS, ce.PEER))
    share = records.get((task.name, ratio, ce.OURS))
    text = f"{_bare(mine)} / {_bare(theirs)}"
    if share is None or share.figure is None:
        return text
    return f"{text} ({share.bound}{100 * share.figure:.0f} %)"


def _bare(item: Evidence | None) -> str:
    if item is None or item.figure is None:
        return NOT_MEASURED
    return f"{item.bound}{' ' if item.bound else ''}{item.figure:,.0f}"


def _verdicts(records: Records) -> list[str]:
    asked = (
        ("score at the stated steps", None),
        ("steps to threshold at most one third of SAC's", ce.STEPS_RATIO),
        ("training seconds to threshold at most SAC's", ce.SECONDS_RATIO),
        (f"action p95 at most {ce.MAX_P95_MS:.0f} ms", ce.P95),
    )
    lines = []
    for text, measure in asked:
        found = [records.get((task.name, measure or task.measure, ce.OURS)) for task in TASKS]
        met = sum(item is not None and item.met is True for item in found)
        missing = sum(item is None for item in found)
        note = f" ({missing} {NOT_MEASURED})" if missing else ""
        lines.append(f"- {text}: {met} of {len(TASKS)} rows{note}")
    return [*lines, f"- one set of hyper-parameters for every row of Daneel: {_one_set(records)}"]


def _one_set(records: Records) -> str:
    scores = [records.get((task.name, task.measure, ce.OURS)) for task in TASKS]
    sets = {digest for item in scores if item for digest in item.details.get("agent_settings", ())}
    if not sets:
        return NOT_MEASURED
    return "yes" if len(sets) == 1 else f"**no**, {len(sets)} different sets"
