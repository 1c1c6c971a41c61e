"""The check finds each kind of damage, and none where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daneel.training.demos import find_problems
from tests.training.demos import made


def test_sound_datasets(tmp_path: Path) -> None:
    """Ours, with films."""
    made.write(tmp_path / "set", image=16)
    assert find_problems(tmp_path / "set") == []


def test_a_changed_file_is_found_by_its_hash(tmp_path: Path) -> None:
    """Even where all numbers are plausible; a missing one, too."""
    made.write(tmp_path / "set")
    info = tmp_path / "set/meta/info.json"
    info.write_text(info.read_text().replace('"arm"', '"leg"'))
    assert find_problems(tmp_path / "set") == ["meta/info.json was changed after it was written"]
    (tmp_path / "set/meta/stats.json").unlink()
    problems = find_problems(tmp_path / "set")
    assert "meta/stats.json is missing" in problems


def column(name: str, row: int, value: Any) -> Callable[[Path], None]:
    """Damage of one number in the first data file."""

    def damage(root: Path) -> None:
        path = root / "data/chunk-000/file-000.parquet"
        table = pq.read_table(path)
        values = table.column(name).to_pylist()
        values[row] = value
        at = table.column_names.index(name)
        kind = table.schema.field(name).type
        pq.write_table(table.set_column(at, name, pa.array(values, kind)), path)

    return damage


def entry(file: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Damage of a JSON file."""

    def damage(root: Path) -> None:
        value = json.loads((root / "meta" / file).read_text())
        change(value)
        (root / "meta" / file).write_text(json.dumps(value))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (entry("info.json", lambda i: i.update(total_episodes=4)), "says total_episodes 4"),
        (entry("info.json", lambda i: i.update(total_frames=13)), "says total_frames 13, and the"),
        (entry("info.json", lambda i: i.update(total_tasks=1)), "tables have 2"),
        (entry("info.json", lambda i: i["features"].pop("action")), "'action' is no feature in"),
        (entry("info.json", lambda i: i["features"].pop("index")), "names no feature 'index'"),
        (column("index", 3, 9), "'index' is 9 in row 3, and 3 was expected"),
        (column("episode_index", 5, 0), "'episode_index' is 0 in row 5, and 1 was expected"),
        (column("frame_index", 1, 7), "'frame_index' is 7 in row 1, and 1 was expected"),
        (column("timestamp", 2, 0.41), "'timestamp' is 0.4100 s in row 2, and 0.4000 s was"),
        (column("task_index", 0, 5), "episode 0 has task 5, which has no text"),
        (column("task_index", 0, 1), "episode 0 has other instructions in its rows"),
        (column("action", 1, [np.nan, 0.0]), "'action' is not finite in row 1"),
        (column("action", 1, [99.0, 0.0]), "stats.json: 'max' of 'action' is [11. -0.]"),
        (entry("stats.json", lambda s: s.pop("action")), "stats.json has nothing of 'action'"),
        (entry("stats.json", lambda s: s["action"].pop("std")), "has no 'std' of 'action'"),
        (entry("stats.json", lambda s: s["action"].update(mean=[1])), "'mean' of 'action' has ano"),
        (entry("stats.json", lambda s: s["action"].update(count=[11])), "'count' of 'action' is"),
        (lambda root: (root / "meta/stats.json").unlink(), "meta/stats.json is missing"),
    ],
)
def test_each_kind_of_damage_is_named(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    """In a dataset without hashes."""
    root = made.foreign_v30(tmp_path / "set")
    assert find_problems(root) == []
    damage(root)
    assert any(message in problem for problem in find_problems(root)), find_problems(root)


def test_episodes_that_do_not_follow_each_other(tmp_path: Path) -> None:
    """A gap in the table of episodes, and a wrong number."""
    root = made.foreign_v30(tmp_path / "set")
    path = root / "meta/episodes/chunk-000/file-000.parquet"
    table = pq.read_table(path).to_pydict()
    table["episode_index"][2], table["dataset_from_index"][1] = 3, 3
    pq.write_table(pa.table(table), path)
    problems = find_problems(root)
    assert any("does not number them" in problem for problem in problems)
    assert any("episode 1 spans the rows 3 to 7, not from 4 on" in p for p in problems)
