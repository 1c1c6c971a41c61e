"""Peak memory of one backbone in a process of its own, for `daneel bench backbones`.

Peak resident memory never falls within a process, so each figure needs a fresh one. Typed as
`python -m daneel.evaluation.bench.backbones_memory KIND NAME DIM TOKENS SECONDS`; prints JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time

import torch

from daneel import backbones
from daneel.backbones.footprint import STEADY_MALLOC
from daneel.errors import DaneelError
from daneel.evaluation.bench.backbones_layers import PEERS, layers, one_pass

EARLY, CHUNK = 65_536, 4_096


def ask(kind: str, name: str, dim: int, tokens: int, seconds: float = 600.0) -> dict[str, float]:
    """Runs this module in a fresh process and reads what it prints.

    Raises:
        DaneelError: The process failed; the message has the end of what it said.
    """
    module = "daneel.evaluation.bench.backbones_memory"
    arguments = [sys.executable, "-m", module, kind, name, str(dim), str(tokens), str(seconds)]
    done = subprocess.run(
        arguments, capture_output=True, text=True, env={**os.environ, **STEADY_MALLOC}
    )
    if done.returncode:
        raise DaneelError(
            f"Measuring the memory of {name!r} ended with exit code {done.returncode}: "
            f"{done.stderr.strip()[-300:]}. Expected figures as JSON. "
            f"Type `{' '.join(arguments)}` to see all of it."
        )
    return json.loads(done.stdout.splitlines()[-1])


def train(name: str, dim: int, tokens: int) -> dict[str, float]:
    """MiB that one forward and backward pass adds to the idle process at its peak."""
    module = layers([] if name in PEERS else [name], dim)[name]
    one_pass(module, torch.randn(1, 64, dim))
    idle = peak_mib()
    one_pass(module, torch.randn(1, tokens, dim))
    return {"peak_mib": peak_mib() - idle}


@torch.no_grad()
def stream(name: str, dim: int, tokens: int, seconds: float) -> dict[str, float]:
    """Peak MiB of the process after 64k tokens and at the end; stops when the time is up."""
    core = backbones.build(name, dim, 2 if name == "hybrid" else 1).eval()
    began, state, early, done = time.perf_counter(), None, 0.0, 0
    while done < tokens and (done < EARLY or time.perf_counter() - began < seconds):
        _, state = core(torch.randn(1, CHUNK, dim), state)
        done += CHUNK
        early = peak_mib() if done == EARLY else early
    early = early or peak_mib()
    return {"tokens": done, "early_mib": early, "end_mib": peak_mib()}


def peak_mib() -> float:
    """Peak resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main(arguments: list[str]) -> int:
    """Measures what the arguments ask for and prints it."""
    kind, name, dim, tokens, seconds = arguments
    if kind == "train":
        found = train(name, int(dim), int(tokens))
    else:
        found = stream(name, int(dim), int(tokens), float(seconds))
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
