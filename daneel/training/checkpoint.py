"""Checkpoints: a folder of safetensors and JSON, written atomically, that cannot run code on load.

A checkpoint holds a tree of dicts, lists and tuples whose leaves are tensors, numpy arrays,
numbers, strings, booleans and None. Each top-level entry becomes two files, so that a reader who
wants the weights does not read the replay::

    step-5000/
      agent.json  agent.safetensors      structure and scalars; arrays by name
      replay.json replay.safetensors
      manifest.json                      format, version, size and sha256 of every file above

The folder is written under a temporary name, flushed to disk and renamed, so a checkpoint that
exists is complete. The hashes find damage and mixed-up files; they are no signature (the gate keeps
its own record of the weights it passed).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file as load_safetensors
from safetensors.torch import save_file as save_safetensors

from daneel.errors import CheckpointError

FORMAT = "daneel-checkpoint"
VERSION = 1
"""Version of the format this code writes; it reads this and older ones."""

MANIFEST = "manifest.json"
_TEMPORARY, _ASIDE = ".tmp", ".old"
_MARK = "$kind"  # a JSON object with this key stands for something that JSON has no word for


def save(path: str | os.PathLike[str], tree: Mapping[str, Any]) -> Path:
    """Write `tree` as the checkpoint folder `path`, atomically.

    Args:
        path: folder to create; an existing checkpoint of that name is replaced.
        tree: top-level names become file names and must be identifiers.

    Raises:
        TypeError: a leaf that a checkpoint cannot hold (our own mistake).
        OSError: the disk is full or not writable; nothing is left behind.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        for name, entry in tree.items():
            _write_entry(temporary, name, entry)
        _write_json(temporary / MANIFEST, _manifest(temporary))
        for file in temporary.iterdir():
            _flush_to_disk(file)
        _flush_to_disk(temporary)
        _put_in_place(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return path


def load(path: str | os.PathLike[str], only: Iterable[str] | None = None) -> dict[str, Any]:
    """Read a checkpoint folder back; numpy arrays and tensors come back as what they were.

    Args:
        path: a folder that `save` wrote.
        only: top-level names to read; the others are neither read nor checked. None reads all.

    Raises:
        CheckpointError: absent, foreign, truncated, tampered with, or of a newer version.
    """
    path = Path(path)
    files = _read_manifest(path)
    names = {file.partition(".")[0] for file in files}
    wanted = names if only is None else set(only)
    if not wanted <= names:
        missing = ", ".join(sorted(wanted - names))
        raise _broken(path, f"has no {missing}", f"It holds {', '.join(sorted(names))}.")
    return {name: _read_entry(path, name, files) for name in sorted(wanted)}


def recover(folder: str | os.PathLike[str]) -> None:
    """Undo what a `save` that was killed has left in `folder`; nobody may be saving there."""
    for aside in Path(folder).glob(f".*{_ASIDE}"):
        path = aside.with_name(aside.name[1:].removesuffix(_ASIDE).rpartition(".")[0])
        shutil.rmtree(aside) if path.exists() else aside.rename(path)
    for temporary in Path(folder).glob(f".*{_TEMPORARY}"):
        shutil.rmtree(temporary)


def _write_entry(folder: Path, name: str, entry: Any) -> None:
    if not name.isidentifier():
        raise TypeError(f"checkpoint entry {name!r} is not an identifier")
    arrays: dict[str, torch.Tensor] = {}
    _write_json(folder / f"{name}.json", _encode(entry, name, arrays))
    try:
        save_safetensors(_without_shared_memory(arrays), folder / f"{name}.safetensors")
    except SafetensorError as error:  # its I/O errors are no OSError; the number is in the text
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error
    # The library makes its files private to the owner, whatever the umask says.
    shutil.copymode(folder / f"{name}.json", folder / f"{name}.safetensors")


def _encode(value: Any, where: str, arrays: dict[str, torch.Tensor]) -> Any:
    """JSON for `value`; arrays are put into `arrays` under their place in the tree."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, torch.Tensor):
        arrays[where] = value.detach().to("cpu").contiguous()
        return {_MARK: "tensor", "name": where}
    if isinstance(value, np.ndarray | np.generic):
        return _encode_numpy(np.asarray(value), where, arrays)
    if isinstance(value, list):
        return [_encode(item, f"{where}.{i}", arrays) for i, item in enumerate(value)]
    if isinstance(value, tuple):
        return {_MARK: "tuple", "items": _encode(list(value), where, arrays)}
    if isinstance(value, Mapping):
        return _encode_mapping(value, where, arrays)
    raise TypeError(f"a checkpoint cannot hold {where}: {type(value).__name__}")


def _encode_numpy(value: np.ndarray, where: str, arrays: dict[str, torch.Tensor]) -> Any:
    if value.dtype.kind not in "biuf" or value.dtype == np.longdouble:
        raise TypeError(f"a checkpoint cannot hold {where}: array of {value.dtype}")
    arrays[where] = torch.from_numpy(np.require(value, requirements=("C", "W")))
    return {_MARK: "numpy", "name": where}


def _encode_mapping(value: Mapping[Any, Any], where: str, arrays: dict[str, torch.Tensor]) -> Any:
    if all(isinstance(key, str) and key != _MARK for key in value):
        return {key: _encode(item, f"{where}.{key}", arrays) for key, item in value.items()}
    if not all(isinstance(key, str | int) and not isinstance(key, bool) for key in value):
        raise TypeError(f"a checkpoint cannot hold {where}: keys must be strings or whole numbers")
    items = [[key, _encode(item, f"{where}.{key!r}", arrays)] for key, item in value.items()]
    return {_MARK: "dict", "items": items}


def _decode(value: Any, arrays: Mapping[str, torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(_MARK)
    if kind is None:
        return {key: _decode(item, arrays) for key, item in value.items()}
    if kind == "tensor":
        return arrays[value["name"]]
    if kind == "numpy":
        return arrays[value["name"]].numpy()
    if kind == "tuple":
        return tuple(_decode(value["items"], arrays))
    if kind == "dict":
        return {key: _decode(item, arrays) for key, item in value["items"]}
    raise KeyError(f"unknown kind {kind!r}")


def _without_shared_memory(arrays: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Safetensors refuses tensors that share memory (tied weights, views of one buffer).

    Only the second of them is copied: a lone view of a large buffer is written where it lies.
    """
    seen: set[int] = set()
    separate = {}
    for name, tensor in arrays.items():
        storage = tensor.untyped_storage().data_ptr()
        separate[name] = tensor.clone() if storage in seen else tensor
        seen.add(storage)
    return separate


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _manifest(folder: Path) -> dict[str, Any]:
    files = {
        file.name: {"bytes": file.stat().st_size, "sha256": _sha256(file)}
        for file in sorted(folder.iterdir())
    }
    return {"format": FORMAT, "version": VERSION, "files": files}


def _sha256(path: Path) -> str:
    """Read in blocks: a file may be as large as the replay."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(temporary: Path, path: Path) -> None:
    """Rename; a folder cannot be renamed onto a full one, so an older one steps aside first."""
    aside = path.with_name(f".{path.name}.{os.getpid()}{_ASIDE}")
    if path.exists():
        path.rename(aside)
    temporary.rename(path)
    _flush_to_disk(path.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = "is not a folder" if not path.is_dir() else f"has no {MANIFEST}"
        raise _broken(path, found, "A checkpoint is a folder written by Daneel.") from None
    except (OSError, ValueError) as error:
        raise _broken(path, f"has an unreadable {MANIFEST} ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _broken(path, f"has a {MANIFEST} of another program", f"Its format must be {FORMAT}.")
    version = manifest.get("version")
    if not isinstance(version, int) or version < 1:
        raise _broken(path, f"has version {version!r}", "Versions are whole numbers from 1.")
    if version > VERSION:
        raise CheckpointError(
            f"The checkpoint {str(path)!r} has format version {version}. This Daneel reads versions"
            f" up to {VERSION}. Type `pip install --upgrade daneel`."
        )
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(_is_file_entry(*item) for item in files.items()):
        raise _broken(path, f"has a damaged {MANIFEST}")
    return files


def _is_file_entry(name: Any, entry: Any) -> bool:
    return Path(name).name == name and isinstance(entry, dict) and {"bytes", "sha256"} <= set(entry)


def _read_entry(path: Path, name: str, files: Mapping[str, dict[str, Any]]) -> Any:
    try:
        structure = json.loads(_checked(path, f"{name}.json", files).read_bytes())
        arrays = load_safetensors(_checked(path, f"{name}.safetensors", files))  # memory-mapped
        return _decode(structure, arrays)
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _broken(path, f"holds a {name} that cannot be read ({error})") from error


def _checked(path: Path, file: str, files: Mapping[str, dict[str, Any]]) -> Path:
    """The file called `file` of a checkpoint, after a look at its size and its hash."""
    if file not in files:
        raise _broken(path, f"does not list {file} in its {MANIFEST}")
    try:
        size, digest = (path / file).stat().st_size, _sha256(path / file)
    except OSError as error:
        raise _broken(path, f"has no readable {file} ({error.strerror})") from error
    if size != files[file]["bytes"]:
        expected = f"{file} must have {files[file]['bytes']} bytes."
        raise _broken(path, f"is truncated: {file} has {size} bytes", expected)
    if digest != files[file]["sha256"]:
        expected = "It must match the sha256 written beside it."
        raise _broken(path, f"was changed after it was written: {file} differs", expected)
    return path / file


def _broken(
    path: Path, found: str, expected: str = "It must be complete and unchanged."
) -> CheckpointError:
    return CheckpointError(
        f"The checkpoint {str(path)!r} {found}. {expected}"
        f" Type `ls {path.parent}` to choose another one."
    )
