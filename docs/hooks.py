"""Fills the pages' markers with what the code itself says, so that neither can be stale.

`<!-- help -->` becomes the `--help` of every verb, `<!-- list KIND -->` the output of
`daneel list KIND` as a table, `<!-- tasks SUITE -->` the tasks of a suite. A verb whose help fails
stops the build.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from typing import Any

from daneel.cli import main
from daneel.cli.command import JOBS

_WIDTH = "78"  # tyro and rich fold to the terminal's width; this is the width of a page


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs with the text of every page."""
    markdown = re.sub(r"<!-- list (\w+) -->", lambda found: listed(found[1]), markdown)
    markdown = re.sub(r"<!-- tasks (\w+) -->", lambda found: tasks(found[1]), markdown)
    return (
        markdown.replace("<!-- help -->", every_help()) if "<!-- help -->" in markdown else markdown
    )


def every_help() -> str:
    """A section for each verb, by the job it serves."""
    parts = [f"```text\n{printed('--help')}\n```\n"]
    for job, entries in JOBS.items():
        parts += [f"## {job}\n"] if entries else []
        for entry in entries:
            parts.append(f"### daneel {entry.name}\n")
            parts.append(f"```text\n{printed(entry.name, '--help')}\n```\n")
    return "\n".join(parts)


def listed(kind: str) -> str:
    """`daneel list KIND` as a Markdown table."""
    rows = json.loads(printed("list", kind, "--json"))["items"]
    lines = ["| name | what it is |", "|---|---|"]
    for row in rows:
        needs = f" (extra `{row['extra']}`)" if row["extra"] else ""
        lines.append(f"| `{row['name']}` | {row['summary']}{needs} |")
    return "\n".join(lines)


def tasks(suite: str) -> str:
    """The tasks of a suite as a Markdown table."""
    items = json.loads(printed("list", "tasks", "--suite", suite, "--json"))["items"]
    heads = ("task", "environment", "steps", "what to do", "expert", "split")
    lines = ["| " + " | ".join(heads) + " |", "|---|---|---|---|---|---|"]
    for item in items:
        cells = [f"`{item['name']}`", f"`{item['env']}`", str(item["horizon"]), item["summary"]]
        cells += [item["expert_source"], "held out" if item["held_out"] else ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def printed(*arguments: str) -> str:
    """What `daneel` prints for these arguments, without colours.

    Raises:
        RuntimeError: It fails.
    """
    before = {name: os.environ.get(name) for name in ("COLUMNS", "NO_COLOR")}
    os.environ.update(COLUMNS=_WIDTH, NO_COLOR="1")
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            code = main(list(arguments))
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    if code:
        raise RuntimeError(f"daneel {' '.join(arguments)} failed with exit code {code}.")
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())
