"""Datasets that others wrote, by hand here: both versions, and damaged ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daneel.training.demos import DatasetError, DemoDataset, find_datasets, find_problems
from tests.training.demos import made


@pytest.mark.parametrize("version", ["v3.0", "v2.1"])
def test_a_dataset_of_others_is_read(tmp_path: Path, version: str) -> None:
    """Columns, instructions, episodes across files, films."""
    root = tmp_path / "set"
    made.foreign_v30(root, films=True) if version == "v3.0" else made.foreign_v21(root)
    dataset = DemoDataset(root)
    assert (dataset.info.version, dataset.info.robot_type, len(dataset)) == (version, "so101", 3)
    assert dataset.info.features["observation.state"].names == {"motors": ["a"]}
    columns = dataset.columns()
    for key, rows in made.foreign_rows().items():
        np.testing.assert_array_equal(columns[key], np.array(rows, columns[key].dtype))
    last = dataset.episode(2)
    assert (last.instruction, len(last)) == (made.TASKS[0], 5)
    assert last.columns["action"][0].tolist() == [7.0, -7.0]
    assert last.columns["observation.state"].shape == (5, 1)
    frames = dataset.frames(2, "observation.images.front")
    shades = frames.mean(axis=(1, 2, 3))
    assert frames.shape == (5, 16, 32, 3)
    np.testing.assert_allclose(shades, [140, 160, 180, 200, 220], atol=6)
    assert find_problems(root) == []


def test_images_inside_the_table(tmp_path: Path) -> None:
    """Features of the type "image": PNG bytes in every row."""
    import imageio.v3 as iio

    root = made.foreign_v30(tmp_path / "set")
    path = root / "data/chunk-000/file-001.parquet"
    table = pq.read_table(path)
    cells = [
        {
            "bytes": iio.imwrite("<bytes>", np.full((4, 6, 3), k, np.uint8), extension=".png"),
            "path": None,
        }
        for k in range(len(table))
    ]
    pq.write_table(table.append_column("observation.image", pa.array(cells)), path)
    info = json.loads((root / "meta/info.json").read_text())
    info["features"]["observation.image"] = {"dtype": "image", "shape": [4, 6, 3]}
    (root / "meta/info.json").write_text(json.dumps(info))
    frames = DemoDataset(root).frames(2)
    assert frames[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4] and frames.shape == (5, 4, 6, 3)
    with pytest.raises(DatasetError, match=r"no column 'observation\.image'"):
        DemoDataset(root).frames(0)  # the first file has none


def test_a_folder_of_datasets(tmp_path: Path) -> None:
    """By name; what is under way is not there yet."""
    for name in ("b", "a", ".c.partial-1"):
        made.foreign_v30(tmp_path / name)
    assert find_datasets(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert find_datasets(tmp_path / "a") == [tmp_path / "a"]
    with pytest.raises(DatasetError, match=r"no dataset in .*empty.*daneel demos collect"):
        find_datasets(tmp_path / "empty")


def cut(path: Path, share: float = 0.5) -> None:
    """What is left of a file when a copy stops early."""
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("meta/info.json", None, r"info\.json: No such file"),
        ("meta/info.json", "{", r"Cannot read .*info\.json"),
        ("meta/info.json", "[]", "holds a list, no object"),
        ("meta/info.json", '{"codebase_version": "v1.6"}', r"of version 'v1\.6'.*v3\.0, v2\.1"),
        ("meta/info.json", '{"codebase_version": "v3.0"}', "lacks 'fps'"),
        ("meta/tasks.parquet", "foreign", r"Cannot read .*tasks\.parquet.*a whole Parquet file"),
        ("meta/tasks.parquet", None, r"Cannot read .*tasks\.parquet"),
        ("data/chunk-000/file-001.parquet", "", r"Cannot read .*file-001\.parquet"),
        ("data/chunk-000/file-001.parquet", None, r"Cannot read .*file-001\.parquet"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, file: str, text: str | None, message: str) -> None:
    """Absent, empty, cut short, foreign: in the reader's error and in the check's list."""
    root = made.foreign_v30(tmp_path / "set")
    (root / file).unlink() if text is None else (root / file).write_text(text)
    with pytest.raises(DatasetError, match=message) as error:
        DemoDataset(root).columns()
    assert find_problems(root)[-1] == str(error.value)


@pytest.mark.parametrize("name", ["tasks.parquet", "episodes/chunk-000/file-000.parquet"])
def test_a_table_that_was_cut_short(tmp_path: Path, name: str) -> None:
    """Parquet has its directory at the end."""
    root = made.foreign_v30(tmp_path / "set")
    cut(root / "meta" / name)
    with pytest.raises(DatasetError, match=rf"Cannot read .*{name}"):
        DemoDataset(root)


def test_a_film_that_was_cut_short(tmp_path: Path) -> None:
    """The reader says how much is left of it, the check too."""
    root = made.foreign_v30(tmp_path / "set", films=True)
    cut(root / "videos/observation.images.front/chunk-000/file-000.mp4")
    with pytest.raises(DatasetError, match=r"file-000\.mp4: .*0"):
        DemoDataset(root).frames(2)
    assert "0 frames that can be decoded, and 12 are needed" in find_problems(root)[0]


def test_tables_with_other_columns(tmp_path: Path) -> None:
    """Parquet, but not LeRobot's."""
    root = made.foreign_v30(tmp_path / "set")
    pq.write_table(pa.table({"a": [1]}), root / "meta/tasks.parquet")
    with pytest.raises(DatasetError, match=r"has the columns a\. Expected 'task_index' and"):
        DemoDataset(root)
    root = made.foreign_v30(tmp_path / "other")
    pq.write_table(
        pa.table({"episode_index": [0]}), root / "meta/episodes/chunk-000/file-000.parquet"
    )
    with pytest.raises(DatasetError, match="lacks the column 'data/chunk_index'"):
        DemoDataset(root)


def test_damaged_json_lines(tmp_path: Path) -> None:
    """Version 2.1."""
    root = made.foreign_v21(tmp_path / "set")
    (root / "meta/episodes.jsonl").write_text('{"episode_index": 0}\n')
    with pytest.raises(DatasetError, match=r"episodes\.jsonl: a line is .*JSON lines"):
        DemoDataset(root)


def test_rows_that_are_missing(tmp_path: Path) -> None:
    """A file with fewer rows than the table of episodes says; values that are empty; no episode."""
    root = made.foreign_v30(tmp_path / "set")
    path = root / "data/chunk-000/file-001.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 4), path)
    with pytest.raises(DatasetError, match=r"has 4 rows\. Expected 5"):
        DemoDataset(root).columns()
    gaps = pa.array([[1.0, 2.0], None, [3.0, 4.0], [5.0], [6.0, 7.0]], pa.list_(pa.float32()))
    pq.write_table(table.set_column(table.column_names.index("action"), "action", gaps), path)
    with pytest.raises(DatasetError, match=r"'action' holds 7 values .* in 5 rows"):
        DemoDataset(root).episode(2)
    with pytest.raises(DatasetError, match=r"no episode 3\. Expected 0 to 2"):
        DemoDataset(root).episode(3)
    with pytest.raises(DatasetError, match="has no images"):
        DemoDataset(root).frames(0)
