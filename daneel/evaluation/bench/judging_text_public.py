"""The text layer as it is shipped, on public sets that nothing learned from (`--public FOLDER`).

Each `NAME.csv` of the folder has columns `text` and `harmful` (0 or 1). They are for judging only:
features, weights and threshold were fixed on other data.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from daneel.alignment.judging.text import REFUSED, TextLayer
from daneel.errors import DaneelError
from daneel.evaluation.bench.judging_text import Options
from daneel.evaluation.bench.judging_text_chat import judged, outcome
from daneel.evaluation.evidence import Evidence


def measure(options: Options) -> list[Evidence]:
    """Every set of the folder, and all of them together; nothing without a folder.

    Raises:
        DaneelError: The folder has no such file, or one lacks its columns.
    """
    if options.public is None:
        return []
    sets = {path.stem: _read(path) for path in sorted(options.public.glob("*.csv"))}
    if not sets:
        raise DaneelError(
            f"{options.public} holds no .csv file. Expected one for each public set, with the "
            "columns text and harmful. Give the folder that holds them."
        )
    layer, found, every = TextLayer(), [], ([], [])
    for name, (texts, harmful) in sets.items():
        scores = judged(texts, layer)
        found += outcome(f"public: {name}", scores[harmful], scores[~harmful], REFUSED)
        every[0].append(scores)
        every[1].append(harmful)
    scores, harmful = map(np.concatenate, every)
    return [*found, *outcome("public: all sets", scores[harmful], scores[~harmful], REFUSED)]


def _read(path: Path) -> tuple[list[str], np.ndarray]:
    """Texts of a set, and which are harmful, `[N]`."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"text", "harmful"} <= set(rows[0]):
        raise DaneelError(
            f"{path} has the columns {sorted(rows[0]) if rows else []}. Expected text and harmful, "
            "and a row. Mend the file."
        )
    return [row["text"] for row in rows], np.array([row["harmful"] == "1" for row in rows])
