"""A column of texts in two arrays that can be mapped from files: nothing is parsed at opening."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class Texts:
    """N texts; reading some of them touches only their bytes."""

    def __init__(self, ends: NDArray[np.int64], data: memoryview) -> None:
        """The texts `data[ends[i] : ends[i + 1]]` of UTF-8; `ends` has N + 1 entries."""
        self.ends, self.data = ends, data

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """The column of those texts."""
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
        ends = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([len(part) for part in parts], out=ends[1:])
        return cls(ends, memoryview(b"".join(parts)))

    def __len__(self) -> int:
        """N."""
        return len(self.ends) - 1

    def take(self, positions: NDArray[np.int64]) -> list[str]:
        """The texts at those positions, in their order."""
        data = self.data
        starts, ends = self.ends[positions].tolist(), self.ends[positions + 1].tolist()
        pairs = zip(starts, ends, strict=True)
        return [str(data[start:end], "utf-8", "surrogatepass") for start, end in pairs]

    def save(self, folder: Path, name: str) -> None:
        """Write `NAME.ends` and `NAME.bytes`."""
        self.ends.tofile(folder / f"{name}.ends")
        (folder / f"{name}.bytes").write_bytes(self.data)

    @classmethod
    def load(cls, folder: Path, name: str) -> Texts:
        """Map what `save` wrote."""
        return cls(
            mapped(folder / f"{name}.ends", np.int64),
            mapped(folder / f"{name}.bytes", np.uint8).data,
        )


def mapped(path: Path, dtype: type[np.generic]) -> NDArray:
    """The numbers of a file, read from it only where they are looked at."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return np.zeros(0, dtype)
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype)
