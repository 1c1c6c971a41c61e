"""Checkpoints: everything comes back, nothing damaged or foreign gets in, nothing half-written."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import pickle
import shutil
import signal
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from daneel.errors import CheckpointError
from daneel.training import checkpoint
from daneel.training.replay import saving_bytes


def tree() -> dict[str, Any]:
    """Every kind of leaf and node."""
    weights = torch.arange(6.0).reshape(2, 3)
    return {
        "agent": {
            "weights": weights,
            "tied": weights,
            "view": weights[:, 1],
            "half": torch.ones(3, dtype=torch.bfloat16),
            "flags": torch.tensor([True, False]),
            "generator": torch.Generator().manual_seed(3).get_state(),
            "optimiser": {0: {"step": torch.tensor(4.0)}, 1: {"betas": (0.9, 0.999)}},
            "none": None,
            "odd keys": {"$kind": "tensor", "name": 5},
            "numbers": [True, 2**130, -1.5, math.inf, "text"],
        },
        "replay": {
            "rows": np.arange(24, dtype=np.float32).reshape(2, 3, 4)[:, ::2],
            "empty": np.zeros((0, 5), np.int64),
            "wide": np.array([2**64 - 1], np.uint64),
            "scalar": np.float32(0.1),
            "rng": np.random.default_rng(5).bit_generator.state,
        },
    }


def assert_equal(found: Any, expected: Any) -> None:
    """Same kinds, same values, at every place."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_equal(found[key], value)
    elif isinstance(expected, list | tuple):
        assert type(found) is type(expected) and len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, torch.Tensor):
        assert isinstance(found, torch.Tensor) and found.dtype == expected.dtype
        assert torch.equal(found, expected)
    elif isinstance(expected, np.ndarray | np.generic):
        assert isinstance(found, np.ndarray) and found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    else:
        assert type(found) is type(expected) and found == expected


def test_every_kind_of_value_comes_back(tmp_path: Path) -> None:
    """Tensors, arrays, scalars of any size, tied weights, integer keys, tuples."""
    path = checkpoint.save(tmp_path / "step-1", tree())
    assert_equal(checkpoint.load(path), tree())
    assert os.listdir(tmp_path) == ["step-1"]


@pytest.mark.parametrize("streams", [1, 2])
def test_memory_on_top_is_what_was_announced(streams: int, tmp_path: Path) -> None:
    """Nothing for one stream, in use in part or full, or for views; a copy for several streams."""
    rows = np.ones((streams, 500_000 // streams, 8), np.float32)
    part = rows[:, : rows.shape[1] - 1000]
    allowed = 1e6 + 1.01 * saving_bytes(rows.nbytes, streams)
    for name, view in (("part", part), ("full", rows)):
        tracemalloc.start()
        checkpoint.save(tmp_path / name, {"replay": {"rows": view}})
        loaded = checkpoint.load(tmp_path / name)["replay"]["rows"]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < allowed
        np.testing.assert_array_equal(loaded, view)


def test_a_lone_view_of_a_large_buffer_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows in use, and only they, go to disk."""
    rows = torch.arange(4000.0).reshape(1000, 4)
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "clone", None)
        path = checkpoint.save(tmp_path / "c", {"replay": {"rows": rows[10:20]}})
    assert (path / "replay.safetensors").stat().st_size < 1000
    assert_equal(checkpoint.load(path)["replay"]["rows"], rows[10:20])


def test_what_was_loaded_is_the_callers_own(tmp_path: Path) -> None:
    """Writing into it does not reach the file, and it outlives the file."""
    path = checkpoint.save(tmp_path / "c", tree())
    found = checkpoint.load(path)
    found["replay"]["rows"][:] = -1
    found["agent"]["weights"].zero_()
    again = checkpoint.load(path)
    assert_equal(again, tree())
    shutil.rmtree(path)
    assert_equal(again, tree())


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    """The weights load without the replay's files."""
    path = checkpoint.save(tmp_path / "c", tree())
    (path / "replay.safetensors").unlink()
    assert list(checkpoint.load(path, only=["agent"])) == ["agent"]
    with pytest.raises(CheckpointError, match=r"replay\.safetensors"):
        checkpoint.load(path)
    with pytest.raises(CheckpointError, match=r"has no optimizer. It holds agent, replay"):
        checkpoint.load(path, only=["optimizer"])


def test_saving_again_replaces(tmp_path: Path) -> None:
    """The same name, new contents, no remains."""
    checkpoint.save(tmp_path / "c", {"old": 1})
    checkpoint.save(tmp_path / "c", {"new": 2})
    assert checkpoint.load(tmp_path / "c") == {"new": 2}
    assert os.listdir(tmp_path) == ["c"]


def truncate(path: Path) -> None:
    """Cut the weights short."""
    os.truncate(path / "agent.safetensors", 40)


def flip_a_bit(path: Path) -> None:
    """Change one weight a little."""
    data = bytearray((path / "agent.safetensors").read_bytes())
    data[-1] ^= 1
    (path / "agent.safetensors").write_bytes(data)


def edit_structure(path: Path) -> None:
    """Same length, other meaning."""
    text = (path / "agent.json").read_text()
    (path / "agent.json").write_text(text.replace("-1.5", "-2.5"))


def remove_file(path: Path) -> None:
    """Lose the weights."""
    (path / "agent.safetensors").unlink()


def remove_manifest(path: Path) -> None:
    """Lose what says that it is a checkpoint."""
    (path / checkpoint.MANIFEST).unlink()


def edit_manifest(path: Path, **fields: Any) -> None:
    """Change fields of the manifest."""
    manifest = json.loads((path / checkpoint.MANIFEST).read_text())
    (path / checkpoint.MANIFEST).write_text(json.dumps(manifest | fields))


DAMAGE = {
    "truncated": (truncate, "is truncated: agent.safetensors has 40 bytes"),
    "tampered weights": (flip_a_bit, "was changed after it was written: agent.safetensors"),
    "tampered structure": (edit_structure, "was changed after it was written: agent.json"),
    "missing file": (remove_file, "no readable agent.safetensors"),
    "missing manifest": (remove_manifest, "has no manifest.json"),
    "foreign": (lambda path: edit_manifest(path, format="other"), "of another program"),
    "newer": (
        lambda path: edit_manifest(path, version=99),
        "version 99. This Daneel reads versions up to",
    ),
    "odd version": (lambda path: edit_manifest(path, version="one"), "has version 'one'"),
    "damaged manifest": (lambda path: edit_manifest(path, files={"../x": 1}), "damaged manifest"),
    "gone": (shutil.rmtree, "is not a folder"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused(kind: str, tmp_path: Path) -> None:
    """Each kind of damage with its own message, which ends in a command."""
    path = checkpoint.save(tmp_path / "c", tree())
    damage, message = DAMAGE[kind]
    damage(path)
    with pytest.raises(CheckpointError, match=f"{message}.*Type `"):
        checkpoint.load(path)


def test_a_pickle_in_disguise_does_not_run(tmp_path: Path) -> None:
    """Even with a manifest that vouches for it."""
    path = checkpoint.save(tmp_path / "c", {"agent": {"w": torch.zeros(2)}})
    witness = tmp_path / "witness"
    evil = pickle.dumps(_Evil(witness))
    (path / "agent.safetensors").write_bytes(evil)
    for file in path.iterdir():
        file.rename(tmp_path / file.name)
    path.rmdir()
    path.mkdir()
    for name in ("agent.json", "agent.safetensors"):
        (tmp_path / name).rename(path / name)
    (tmp_path / checkpoint.MANIFEST).unlink()
    (path / checkpoint.MANIFEST).write_text(json.dumps(checkpoint._manifest(path)))
    with pytest.raises(CheckpointError, match="agent that cannot be read"):
        checkpoint.load(path)
    assert not witness.exists()


class _Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.witness,)


@pytest.mark.parametrize(
    "leaf",
    [object(), np.array(["text"]), np.array([1j]), {1.5: 2}, {True: 1}],
    ids=["object", "text array", "complex array", "float key", "bool key"],
)
def test_what_cannot_be_held_is_refused_before_anything_is_written(
    leaf: Any, tmp_path: Path
) -> None:
    """A mistake of ours, found at once."""
    with pytest.raises(TypeError, match="cannot hold agent"):
        checkpoint.save(tmp_path / "c", {"agent": {"x": leaf}})
    assert not os.listdir(tmp_path)


def save_forever(path: Path) -> None:
    """Save generation after generation over the same path."""
    for generation in range(10**6):
        value = torch.full((20_000,), float(generation))
        checkpoint.save(path / "c", {"a": {"n": generation, "x": value}, "b": {"y": value}})


def test_killed_while_saving_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    """At whatever moment: after `recover` some generation is there, complete, and nothing else."""
    rng = np.random.default_rng(0)
    for _ in range(6):
        child = multiprocessing.get_context("fork").Process(target=save_forever, args=(tmp_path,))
        child.start()
        while not (tmp_path / "c").exists() and child.is_alive():
            time.sleep(0.001)
        time.sleep(float(rng.uniform(0.0, 0.05)))
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        checkpoint.recover(tmp_path)
        assert os.listdir(tmp_path) == ["c"]
        found = checkpoint.load(tmp_path / "c")
        assert (found["a"]["x"] == found["a"]["n"]).all() and found["b"]["y"].equal(found["a"]["x"])
        shutil.rmtree(tmp_path / "c")


def test_an_unwritable_place_leaves_nothing(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        checkpoint.save(tmp_path / "file" / "c", {"a": 1})
    assert os.listdir(tmp_path) == ["file"]
