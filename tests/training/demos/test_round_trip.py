"""What is written comes back bit for bit, with statistics that numpy agrees with."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from daneel.errors import UnknownNameError
from daneel.training.demos import DatasetWriter, DemoDataset, Demonstration, layout
from daneel.training.demos.statistics import column_statistics
from tests.training.demos import made


def bits(array: np.ndarray) -> bytes:
    """Type, shape and bytes: -0.0 differs from 0.0."""
    return f"{array.dtype} {array.shape} ".encode() + np.ascontiguousarray(array).tobytes()


def test_columns_come_back_bit_for_bit(tmp_path: Path) -> None:
    """By episode, and all at once."""
    episodes = made.write(tmp_path / "set")
    dataset = DemoDataset(tmp_path / "set")
    whole = dataset.columns()
    for index, (written, read) in enumerate(zip(episodes, dataset, strict=True)):
        assert read.instruction == written.instruction
        row = dataset.episodes[index]
        for key, value in written.columns.items():
            assert bits(read.columns[key]) == bits(value)
            assert bits(whole[key][row.start : row.stop]) == bits(value)
    assert list(whole["index"]) == list(range(16))
    assert list(whole["episode_index"]) == [0] * 5 + [1] * 3 + [2] * 8
    assert list(whole["frame_index"]) == [*range(5), *range(3), *range(8)]
    assert bits(whole["timestamp"]) == bits((whole["frame_index"] / 10).astype(np.float32))
    texts = [dataset.tasks[int(task)] for task in whole["task_index"]]
    assert texts == [e.instruction for e in episodes for _ in range(len(e))]


def test_the_layout_is_lerobots(tmp_path: Path) -> None:
    """Files, and what `info.json` says."""
    made.write(tmp_path / "set", image=16)
    files = {
        str(p.relative_to(tmp_path / "set")) for p in (tmp_path / "set").rglob("*") if p.is_file()
    }
    assert files == {
        "meta/info.json", "meta/stats.json", "meta/tasks.parquet", "meta/daneel.json",
        "meta/episodes/chunk-000/file-000.parquet", "data/chunk-000/file-000.parquet",
        "videos/observation.images.main/chunk-000/file-000.mp4",
    }  # fmt: skip
    info = json.loads((tmp_path / "set/meta/info.json").read_text())
    counts = [info[f"total_{name}"] for name in ("episodes", "frames", "tasks")]
    assert (info["codebase_version"], info["fps"], counts[:2]) == ("v3.0", 10, [3, 16])
    assert info["features"]["action"] == {"dtype": "float32", "shape": [1], "names": ["push"]}
    assert info["features"]["observation.images.main"]["dtype"] == "video"
    assert info["splits"] == {"train": "0:3"}


def test_pandas_finds_the_instructions_in_the_index(tmp_path: Path) -> None:
    """As LeRobot looks them up; it reads single numbers as such and vectors as lists."""
    pandas = pytest.importorskip("pandas")
    episodes = made.write(tmp_path / "set")
    tasks = pandas.read_parquet(tmp_path / "set" / layout.TASKS)
    assert tasks.index.name == "task" and tasks.columns.tolist() == ["task_index"]
    assert tasks.iloc[0].name == episodes[0].instruction
    rows = pandas.read_parquet(tmp_path / "set/data/chunk-000/file-000.parquet")
    assert rows["action"].dtype == np.float32 and len(rows["observation.state"][0]) == 3
    table = pandas.read_parquet(tmp_path / "set/meta/episodes/chunk-000/file-000.parquet")
    assert table["dataset_to_index"].tolist() == [5, 8, 16]
    assert list(table["tasks"][1]) == [episodes[1].instruction]
    assert table["stats/observation.state/mean"][0].shape == (3,)
    assert table["daneel/seed"].tolist() == [7, 7, 7]


def test_statistics_are_numpys(tmp_path: Path) -> None:
    """Over all rows, in float64."""
    made.write(tmp_path / "set")
    recorded = json.loads((tmp_path / "set/meta/stats.json").read_text())
    columns = DemoDataset(tmp_path / "set").columns()
    assert recorded.keys() == columns.keys()
    for key, value in columns.items():
        wide = value.reshape(16, -1).astype(np.float64)
        for name in ("min", "max", "mean", "std"):
            assert recorded[key][name] == getattr(wide, name)(axis=0).tolist()
        assert recorded[key]["q10"] == np.quantile(wide, 0.1, axis=0).tolist()
        assert recorded[key]["count"] == [16]


def test_statistics_of_pixels_are_numpys(tmp_path: Path) -> None:
    """By colour, in [0, 1], as if all images were in memory."""
    episodes = made.write(tmp_path / "set", image=16)
    recorded = json.loads((tmp_path / "set/meta/stats.json").read_text())
    found = recorded["observation.images.main"]
    images = np.concatenate([e.frames["observation.images.main"] for e in episodes]) / 255
    for name in ("min", "max", "mean", "std"):
        expected = getattr(images, name)(axis=(0, 1, 2)).reshape(3, 1, 1)
        np.testing.assert_allclose(found[name], expected, atol=1e-12)
    median = np.quantile(images[..., 0], 0.5, method="inverted_cdf")
    assert found["q50"][0][0][0] == pytest.approx(median)
    assert found["count"] == [16]


def test_frames_come_back_by_episode(tmp_path: Path) -> None:
    """The right ones, though one film holds them all; the codec may change shades a little."""
    episodes = made.write(tmp_path / "set", image=16)
    dataset = DemoDataset(tmp_path / "set")
    for index, episode in enumerate(episodes):
        written = episode.frames["observation.images.main"].astype(int)
        read = dataset.frames(index).astype(int)
        assert read.shape == written.shape
        assert np.abs(read - written).max() <= 4


def test_large_datasets_go_on_in_further_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is large enough is followed by another, chunks too."""
    monkeypatch.setattr(layout, "DATA_FILE_MB", 0)
    monkeypatch.setattr(layout, "VIDEO_FILE_MB", 0)
    monkeypatch.setattr("daneel.training.demos.numbered.FILES_PER_CHUNK", 2)
    episodes = made.write(tmp_path / "set", image=16)
    names = sorted(
        p.relative_to(tmp_path / "set/data") for p in (tmp_path / "set").rglob("data/*/*")
    )
    assert list(map(str, names)) == [
        "chunk-000/file-000.parquet", "chunk-000/file-001.parquet", "chunk-001/file-000.parquet",
    ]  # fmt: skip
    dataset = DemoDataset(tmp_path / "set")
    for index, episode in enumerate(episodes):
        for key, value in episode.columns.items():
            assert bits(dataset.episode(index).columns[key]) == bits(value)
        assert dataset.frames(index).shape == (len(episode), 16, 16, 3)
    assert list(dataset.columns(["index"])["index"]) == list(range(16))


def test_vectors_are_read_at_fifty_thousand_steps_a_second(tmp_path: Path) -> None:
    """In seconds of this process, so that a busy machine does not count."""
    steps, size = 20_000, 39
    rng = np.random.default_rng(0)
    columns = {
        "observation.state": rng.standard_normal((steps // 40, size)).astype(np.float32),
        "action": rng.standard_normal((steps // 40, 4)).astype(np.float32),
    }
    with DatasetWriter(tmp_path / "set", fps=80) as writer:
        for _ in range(40):
            writer.add(Demonstration("go", columns))
        writer.finish()
    began = time.process_time()
    read = DemoDataset(tmp_path / "set").columns()
    seconds = time.process_time() - began
    assert read["observation.state"].shape == (steps, size)
    assert steps / seconds > 50_000


def test_unknown_column_and_camera(tmp_path: Path) -> None:
    """Answered with the nearest."""
    made.write(tmp_path / "set", image=16)
    dataset = DemoDataset(tmp_path / "set")
    with pytest.raises(UnknownNameError, match=r"Nearest: observation\.state"):
        dataset.columns(["observation.stat"])
    with pytest.raises(UnknownNameError, match=r"Nearest: observation\.images\.main"):
        dataset.frames(0, "observation.image.main")


def test_statistics_of_one_row() -> None:
    """No spread."""
    found = column_statistics(np.array([3.0], np.float32))
    assert (found["mean"], found["std"], found["q99"]) == (3.0, 0.0, 3.0)
