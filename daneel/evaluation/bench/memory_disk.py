"""How much room a store takes on disk once it has let go of what it no longer needs."""

from __future__ import annotations

import time
from pathlib import Path

from daneel.evaluation.bench.memory import Options
from daneel.memory.lance.compaction import KEEP_S
from daneel.memory.lance.store import LanceStore


def compact(store: LanceStore, options: Options) -> None:
    """Compacts a store after the time for which it keeps old files for those who read them.

    A rehearsal does not wait: what it finds on disk includes the files of rows long gone.
    """
    store.compact()
    time.sleep(options.sized(KEEP_S + 1, 0.0))
    store.compact()


def bytes_in(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
