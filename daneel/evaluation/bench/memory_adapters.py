"""Kill -9 while other people's engines are written to through our adapters.

Qdrant Edge runs here; Postgres is measured when the address of a server with pgvector is given
(`--postgres postgresql://...`), whose table must be absent. There the client is killed; what a
killed server keeps is its own promise, and `tests/memory/adapters/test_postgres.py` tries it.
"""

from __future__ import annotations

import tempfile
import time

from daneel.evaluation.bench.memory import Options, figure
from daneel.evaluation.bench.memory_kill import kill_again_and_again
from daneel.evaluation.evidence import Evidence

KILLS, DIM = 50, 32
LOST, TORN = "acknowledged rows lost", "torn batches"


def measure(options: Options) -> list[Evidence]:
    """Rows lost and batches torn by 50 kills of each engine."""
    options.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        found = killed("qdrant-edge", f"qdrant-edge://{folder}/store", options.seed)
    return found + killed("postgresql", options.postgres, options.seed)


def killed(subject: str, address: str | None, seed: int, kills: int = KILLS) -> list[Evidence]:
    """The figures of one engine; not measured without an address."""
    row, began = f"kill -9, {kills} times", time.perf_counter()
    if address is None:
        absent = ((LOST, "rows"), (TORN, "batches"))
        return [figure(row, name, subject, [], unit, 0, "lower") for name, unit in absent]
    found = kill_again_and_again(address, DIM, kills, seed)
    seconds = time.perf_counter() - began
    counts = {"kills": found.kills, "acknowledged": found.acknowledged}
    return [
        figure(row, name, subject, [len(wrong)], unit, 0, "lower", seconds=seconds, seeds=(seed,),
               details={**counts, "wrong": [str(each) for each in wrong[:20]]})
        for name, unit, wrong in ((LOST, "rows", found.lost), (TORN, "batches", found.torn))
    ]  # fmt: skip
