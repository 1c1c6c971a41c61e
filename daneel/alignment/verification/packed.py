"""Files of the competition, packed by gzip or not."""

from __future__ import annotations

import gzip
from pathlib import Path


def file_bytes(path: Path) -> bytes:
    """The bytes of a file, decompressed where its name ends in .gz.

    A name without that ending finds the packed file too, as the competition's lists expect.

    Raises:
        OSError: It is absent, or not what its name says.
    """
    packed = path.with_name(f"{path.name}.gz")
    if not path.exists() and packed.is_file():
        path = packed
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data
