"""One number for a set of weights, so that two places can agree on what was judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def weights_hash(state: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) over names, dtypes, shapes and bytes; the order of the mapping does not count.

    The device does not count either: the same numbers on a GPU have the same hash.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        # repr() puts the name in quotes and escapes it: no two states share a byte stream.
        header = f"{name!r} {tensor.dtype} {tuple(tensor.shape)}\n"
        digest.update(header.encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(body: Mapping[str, Any]) -> bytes:
    """The one way in which plain data is written down before it is hashed or signed."""
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
