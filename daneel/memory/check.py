"""Checks of what callers pass, the same for every store; each raises before anything is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.memory.protocol import METRICS, Metadata, Metric


def check_metric(metric: str) -> Metric:
    """The metric itself.

    Raises:
        ValueError: It is none of the three.
    """
    if metric not in METRICS:
        raise ValueError(f"metric is {metric!r}. Expected one of {', '.join(METRICS)}.")
    return metric


def check_vectors(name: str, vectors: ArrayLike, dim: int) -> NDArray[np.float32]:
    """`[N, D]` float32 of finite values; one vector `[D]` counts as N = 1.

    Raises:
        ValueError: The shape, the type or a value is wrong.
    """
    found = np.asarray(vectors)
    if found.dtype.kind not in "fiu":
        raise ValueError(f"{name} has dtype {found.dtype}. Expected floating-point numbers.")
    if found.dtype != np.float32 or not found.flags.c_contiguous:
        with np.errstate(over="ignore"):  # too large for float32: refused below
            found = np.ascontiguousarray(found, dtype=np.float32)
    found = found[None] if found.ndim == 1 else found
    if found.ndim != 2 or found.shape[1] != dim:
        raise ValueError(
            f"{name} has shape {tuple(np.shape(vectors))}. Expected [N, {dim}], the store's dim."
        )
    finite = np.isfinite(found)
    if not finite.all():
        row = int(finite.all(1).argmin())
        raise ValueError(f"{name} row {row} holds NaN or infinity. Expected finite float32 values.")
    return found


def check_ids(ids: Sequence[str]) -> list[str]:
    """The ids as a list.

    Raises:
        ValueError: One is no text, is empty or comes twice.
    """
    if isinstance(ids, str):
        raise ValueError(f"ids is the text {ids!r}. Expected a list of texts: [{ids!r}].")
    found, seen = list(ids), set[str]()
    for at, value in enumerate(found):
        if not isinstance(value, str) or not value:
            raise ValueError(f"ids[{at}] is {value!r}. Expected a text that is not empty.")
        if not value.isascii() and not _is_unicode(value):
            raise ValueError(f"ids[{at}] is {value!r}, half of a character. Expected Unicode text.")
        if value in seen:
            raise ValueError(f"ids[{at}] is {value!r} for the second time. Expected each id once.")
        seen.add(value)
    return found


def _is_unicode(text: str) -> bool:
    """Whether there is no surrogate in it, which neither files nor networks can carry."""
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def check_metadata(metadata: Sequence[Metadata] | None, count: int) -> list[dict[str, Any]]:
    """N plain dictionaries of JSON values, copied.

    Raises:
        ValueError: Their number is wrong, or one holds something that JSON cannot.
    """
    if metadata is None:
        return [{} for _ in range(count)]
    if len(metadata) != count:
        raise ValueError(f"metadata has {len(metadata)} entries for {count} ids. Expected as many.")
    return [_plain(at, entry) for at, entry in enumerate(metadata)]


def _plain(at: int, entry: Metadata) -> dict[str, Any]:
    try:
        found = json.loads(json.dumps(dict(entry), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"metadata[{at}] is no JSON object: {error}.") from None
    if _has_odd_key(entry):
        raise ValueError(f"metadata[{at}] has a key that is no text. Expected only texts.")
    return found


def _has_odd_key(value: Any) -> bool:
    """Whether a key at any depth is no text: JSON would make one of it, and lose one of two."""
    if isinstance(value, Mapping):
        return any(not isinstance(key, str) or _has_odd_key(value[key]) for key in value)
    return isinstance(value, list | tuple) and any(map(_has_odd_key, value))


def check_k(k: int) -> int:
    """The number of hits asked for.

    Raises:
        ValueError: It is no integer above 0.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k is {k!r}. Expected an integer of at least 1.")
    return int(k)
