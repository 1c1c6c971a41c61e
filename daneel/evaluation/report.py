"""`report.html` of a run: one self-contained file that needs no network, no script and no server.

Whatever the run has no data for says "not measured" and the line to type; nothing is made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from daneel.evaluation import files, markup, run_data
from daneel.evaluation import report_sections as sections
from daneel.evaluation.evidence import NOT_MEASURED, number
from daneel.evaluation.report_style import CSS
from daneel.evaluation.run_data import RunData

FILE = "report.html"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"
"""Nothing may be fetched, whatever a name in the run contains."""


def write(
    run: str | Path, siblings: Sequence[str | Path] = (), *, command: str | None = None
) -> Path:
    """Writes `report.html` into the run folder and returns its path.

    Args:
        run: The run folder.
        siblings: Folders of the same training with other seeds, for the interval over seeds.
        command: What made the run; the command that repeats it from its configuration if None.

    Raises:
        RunFolderError: There is no run there.
    """
    data = run_data.load(run)
    others = [run_data.load(path) for path in siblings if Path(path) != data.path]
    return files.write_text(data.path / FILE, page(data, others, command))


def page(data: RunData, others: Sequence[RunData] = (), command: str | None = None) -> str:
    """The whole page."""
    body = "".join(
        (
            _header(data),
            _tiles(data),
            sections.learning(data, others),
            f'<div class="pair">{sections.video(data)}{sections.evaluation(data)}</div>',
            sections.gate(data),
            sections.losses(data),
            sections.phases(data),
            _reproduce(data, command),
            _footer(),
        )
    )
    title = escape(f"{data.env_id}, {data.agent}, seed {data.seed}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{title}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n{body}"
        "</main>\n</body>\n</html>\n"
    )


def _header(data: RunData) -> str:
    preset = data.config.get("preset")
    parts = [data.agent, f"seed {data.seed}"]
    parts += [f"preset {preset}"] if preset and preset != "custom" else []
    parts += [str(data.path)]
    return (
        f'<header><p class="brand">Daneel run report</p><h1>{escape(data.env_id)}</h1>'
        f'<p class="sub">{escape(" · ".join(parts))}</p></header>'
    )


def _tiles(data: RunData) -> str:
    tiles = [_return_tile(data), _success_tile(data), _steps_tile(data), _time_tile(data)]
    return f'<div class="tiles">{"".join(filter(None, [*tiles, _gate_tile(data)]))}</div>'


def _return_tile(data: RunData) -> str:
    if data.evaluation is None:
        return markup.tile("Mean return", markup.missing(), "no evaluation yet")
    ends = markup.ends(data.evaluation.mean_interval) or "one episode: no interval"
    return markup.tile("Mean return", number(data.evaluation.mean), ends)


def _success_tile(data: RunData) -> str:
    if data.evaluation is None or data.evaluation.success_rate is None:
        return ""
    ends = markup.ends(data.evaluation.success_interval, percent=True)
    return markup.tile("Success rate", f"{100 * data.evaluation.success_rate:.0f} %", ends)


def _steps_tile(data: RunData) -> str:
    repeat = data.config.get("env", {}).get("action_repeat", 1)
    more = f"{data.steps // repeat:,} decisions of {repeat}" if repeat > 1 else "one per decision"
    return markup.tile("Environment steps", f"{data.steps:,}", more)


def _time_tile(data: RunData) -> str:
    if data.seconds is None:
        return markup.tile("Training time", markup.missing())
    return markup.tile("Training time", markup.duration(data.seconds), "wall, with evaluations")


def _gate_tile(data: RunData) -> str:
    if data.gate is None:
        return markup.tile("Gate", markup.chip("plain", NOT_MEASURED), "")
    verdicts = [finding.verdict for finding in data.gate.findings]
    held = f"{verdicts.count('holds')} of {len(verdicts)} checks hold"
    chip = markup.chip("good", "passed") if data.gate.passed else markup.chip("bad", "refused")
    return markup.tile("Gate", chip, held)


def _reproduce(data: RunData, command: str | None) -> str:
    facts = {
        "machine": str(data.machine),
        "commit": str(data.source),
        "versions": ", ".join(f"{name} {version}" for name, version in data.versions.items()),
    }
    listed = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    config = markup.details("Configuration", markup.code(markup.as_yaml(data.config)))
    made = markup.code(command) if command else ""
    lead = "<p>Made by</p>" if command else ""
    again = "<p>The same again, from its own configuration</p>" + markup.code(data.reproduce)
    facts_list = f'<dl class="facts">{listed}</dl>'
    return markup.section("How it was made", lead + made + again + facts_list + config)


def _footer() -> str:
    today = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<footer>Written by Daneel, {today}. One file, no network.</footer>"
