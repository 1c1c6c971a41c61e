"""`card.md` of a run: what the agent is, how good, how that is known, and what was not measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from daneel.alignment import witness_path
from daneel.evaluation import alignment_figures, files, run_data
from daneel.evaluation.evaluate import Evaluation
from daneel.evaluation.evidence import NOT_MEASURED, number
from daneel.evaluation.markup import duration, ends
from daneel.evaluation.run_data import RunData

FILE = "card.md"


def write(run: str | Path, *, command: str | None = None) -> Path:
    """Writes `card.md` into the run folder and returns its path.

    Args:
        run: The run folder.
        command: What made the run; the command that repeats it from its configuration if None.

    Raises:
        RunFolderError: There is no run there.
    """
    data = run_data.load(run)
    return files.write_text(data.path / FILE, text(data, command))


def text(data: RunData, command: str | None = None) -> str:
    """The card as Markdown."""
    parts = [
        f"# {data.env_id}: {data.agent}",
        _summary(data),
        "## Scores\n\n" + "\n".join(_scores(data)),
        "## Gate\n\n" + "\n".join(_gate(data)),
        "## Use\n\n" + _use(data),
        "## How it was made\n\n" + "\n".join(_made(data, command)),
        "## Limits\n\n" + _limits(data),
        "<details><summary>Configuration</summary>\n\n```yaml\n"
        + yaml.safe_dump(data.config, sort_keys=False, allow_unicode=True)
        + "```\n\n</details>",
    ]
    return "\n\n".join(parts) + "\n"


def _summary(data: RunData) -> str:
    took = "" if data.seconds is None else f" in {duration(data.seconds)} (evaluations included)"
    return (
        f"A Daneel agent trained for {data.steps:,} environment steps{took}, seed {data.seed}, "
        f"run folder `{data.path}`."
    )


def _scores(data: RunData) -> Iterator[str]:
    yield "| figure | value | 95 % interval | episodes |"
    yield "|---|---|---|---|"
    found = data.evaluation
    if found is None:
        yield f"| mean return | {NOT_MEASURED} | | |"
        yield f"\nType `daneel eval {data.path}`."
        return
    interval = ends(found.mean_interval) or "one episode: none"
    yield f"| mean return | {number(found.mean)} | {interval} | {found.episodes} |"
    yield f"| interquartile mean | {number(found.iqm)} | | {found.episodes} |"
    if found.success_rate is not None:
        interval = ends(found.success_interval, percent=True)
        yield f"| success rate | {100 * found.success_rate:.0f} % | {interval} | {found.episodes} |"
    yield from _alignment(data, found)
    yield f"\n{_conditions(found, data)}"


def _alignment(data: RunData, found: Evaluation) -> Iterator[str]:
    """The gate's word on the same weights, in the table of the scores."""
    report = alignment_figures.judged(data.path, found.weights_sha256)
    if report is None:
        yield f"| gate | {NOT_MEASURED} on these weights | | |"
        return
    yield f"| gate | {alignment_figures.summary(report)} | | |"
    for finding in report.findings:
        shown = " ".join(filter(None, (finding.verdict, alignment_figures.figure(finding))))
        yield f"| gate: {finding.check} | {shown} | | |"


def _conditions(found: Evaluation, data: RunData) -> str:
    elsewhere = "" if found.env.id == data.env_id else f" in `{found.env.id}`"
    return (
        f"Episodes without exploration{elsewhere}, evaluation seed {found.seed}, checkpoint "
        f"`{found.checkpoint}`, weights SHA-256 `{found.weights_sha256}`."
    )


def _gate(data: RunData) -> Iterator[str]:
    if data.gate is None:
        yield f"{NOT_MEASURED.capitalize()}. Type `daneel gate {data.path}`."
        return
    yield f"{'Passed' if data.gate.passed else 'Refused'}, checkpoint `{data.gate.checkpoint}`.\n"
    yield "| check | verdict | what was found | figure | time | witness |"
    yield "|---|---|---|---|---|---|"
    for index, finding in enumerate(data.gate.findings):
        detail = " ".join(finding.detail.replace("|", "\\|").split())
        witness = witness_path(data.gate, index)
        link = "" if witness is None else f"[{witness.name}]({witness.as_posix()})"
        figures = f"{alignment_figures.figure(finding)} | {alignment_figures.seconds(finding)}"
        yield f"| {finding.check} | {finding.verdict} | {detail} | {figures} | {link} |"


def _use(data: RunData) -> str:
    return (
        f"```\ndaneel play {data.path} --video play.mp4\ndaneel eval {data.path} --episodes 20\n"
        f"daneel resume {data.path}\n```"
    )


def _made(data: RunData, command: str | None) -> Iterator[str]:
    yield f"```\n{command or data.reproduce}\n```\n"
    yield f"- machine: {data.machine}"
    yield f"- commit: {data.source}"
    yield "- versions: " + ", ".join(f"{name} {version}" for name, version in data.versions.items())


def _limits(data: RunData) -> str:
    return (
        "Trained and evaluated in simulation, one seed: the interval says how episodes differ, not "
        "how trainings with other seeds would. Calibration against a real robot: "
        f"{NOT_MEASURED}."
    )
