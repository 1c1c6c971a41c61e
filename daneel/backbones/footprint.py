"""How much memory a backbone needs for a sequence of a given length: peak RSS of a fresh process.

A process that has done other work has a peak of its own, so each measurement starts a new one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

import daneel
from daneel.backbones import build
from daneel.backbones.streaming import TokenModel, train_streaming

Mode = Literal["forward", "truncated", "exact"]
"""Streaming without gradients, or one of the two ways of `train_streaming`."""

STEADY_MALLOC = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Environment in which glibc gives freed tensors back at once.

By default it keeps what it likes of them, 5 % of the process from one second to the next, which
hides whether the code itself holds more.
"""

_MODES = ("forward", "truncated", "exact")
_VOCABULARY = 256


@dataclass(frozen=True)
class Footprint:
    """What is measured: `tokens` random bytes through a small byte model, `chunk` at a time."""

    name: str
    """Of the backbone."""

    tokens: int
    """Length of the sequence."""

    chunk: int = 4096
    """Steps held in memory at once."""

    mode: Mode = "truncated"
    """See `Mode`."""

    dim: int = 64
    """Model width."""

    depth: int = 2
    """Layers."""

    options: dict[str, Any] = field(default_factory=dict)
    """Of the backbone."""

    threads: int = 1
    """Torch threads; each has buffers of its own."""

    def __post_init__(self) -> None:
        """Refuses an unknown mode.

        Raises:
            ValueError: names the modes.
        """
        if self.mode not in _MODES:
            raise ValueError(
                f"mode is {self.mode!r}. Expected one of {', '.join(_MODES)}. Set mode to one."
            )


def peak_rss(what: Footprint) -> int:
    """Peak resident memory in bytes of a fresh process that does `what`.

    Raises:
        RuntimeError: the process failed; the message is its own.
    """
    paths = [str(Path(daneel.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(asdict(what))],
        env={**os.environ, **STEADY_MALLOC, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Measuring {what} failed.\n{done.stderr}")
    return int(done.stdout.split()[-1])


def stream(what: Footprint) -> None:
    """Does the work that is measured."""
    torch.set_num_threads(what.threads)
    core = build(what.name, what.dim, what.depth, **what.options)
    embed, head = nn.Embedding(_VOCABULARY, what.dim), nn.Linear(what.dim, _VOCABULARY)
    model = TokenModel(embed, core, head)
    # Bytes, for int64 tokens alone would grow by 32 MB from 64k to 4M.
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(_VOCABULARY, (1, what.tokens), generator=generator, dtype=torch.uint8)
    if what.mode == "forward":
        state = None
        with torch.no_grad():
            for piece in tokens.split(what.chunk, 1):
                _, state = model(piece, state)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        train_streaming(model, tokens, what.chunk, exact=what.mode == "exact", optimizer=optimizer)


def own_peak() -> int:
    """Peak resident memory of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: Linux lets a child begin with the peak of the process that started it.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    stream(Footprint(**json.loads(sys.argv[1])))
    print(own_peak())
