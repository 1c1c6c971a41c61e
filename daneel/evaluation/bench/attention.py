"""`daneel bench attention`: is attention exact, is memory linear, does decoding by an index pay.

The parts `exact`, `memory` and `decode` run on a CPU. The part `gpu` measures arithmetic against
the product of two large matrices and against the version 2 kernel in the same run; without a GPU
its rows read "not measured". Each memory figure comes from a process of its own, because peak
memory never falls: `python -m daneel.evaluation.bench.attention KERNEL TOKENS` prints it.

Legend: T tokens, H heads, D width of a head.
"""

from __future__ import annotations

import resource
import statistics as plain
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from daneel.backbones.ops.attention import KERNELS, attention, attention_naive, kernel_for
from daneel.errors import ConfigError, DaneelError
from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench.key_search import Haystack, haystack, search
from daneel.evaluation.evidence import Evidence

BENCH = "attention"
MILLION = 2**20

COLUMNS = (
    ("latency p50", "index"), ("latency p95", "index"), ("latency p50", "dense"),
    ("latency p95", "dense"), ("dense over index", "index"), ("needles lost", "index"),
    ("looked at everything", "index"),
)  # fmt: skip
"""Of the table about decoding."""

Part = Literal["exact", "memory", "decode", "gpu"]
PARTS: tuple[Part, ...] = ("exact", "memory", "decode", "gpu")


@dataclass(frozen=True)
class Options:
    """Measure attention: exactness, memory, decoding by an index, GPU kernels."""

    parts: tuple[Part, ...] = PARTS
    """Which parts."""

    memory_tokens: tuple[int, ...] = (32_768, 65_536, 131_072)
    """Lengths for peak memory, ascending."""

    decode_tokens: tuple[int, ...] = (8_192, 32_768, 131_072, MILLION)
    """Numbers of cached keys."""

    needles: int = 400
    """Queries for each of them."""

    gpu_tokens: tuple[int, ...] = (8_192, 32_768, 131_072, 524_288, MILLION)
    """Lengths on the GPU."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    def __post_init__(self) -> None:
        """Refuses what cannot be measured.

        Raises:
            ConfigError: a field is out of its range.
        """
        if self.needles < 1:
            raise ConfigError(f"needles is {self.needles}. Expected at least 1.")
        for name in ("memory_tokens", "decode_tokens", "gpu_tokens"):
            if not getattr(self, name) or min(getattr(self, name)) < 2:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}. Expected lengths of 2 or more."
                )


def run(options: Options) -> int:
    """Measures the parts in order and prints the table."""
    for part in options.parts:
        print(f"{part} ...", file=sys.stderr, flush=True)
        for item in MEASURES[part](options):
            evidence.append(item, options.results)
    print(table(options.results))
    return 0


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown tables: decoding with many cached keys, then everything else."""
    found = evidence.latest(evidence.load(BENCH, folder))
    rows = dict.fromkeys(item.row for item in found if item.measure == "dense over index")
    cells = {(item.row, item.measure, item.subject): item for item in found}
    titles = ["cached keys", *(f"{measure}, {who}" for measure, who in COLUMNS)]
    text = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for row in rows:
        line = [_cell(cells.get((row, *column))) for column in COLUMNS]
        text.append(f"| {row} | " + " | ".join(line) + " |")
    rest = [item for item in found if item.row not in rows]
    return "\n".join(text) + "\n\n" + evidence.table(rest)


def _cell(item: Evidence | None) -> str:
    if item is None or item.figure is None:
        return evidence.NOT_MEASURED
    asked = "" if item.met is None else " (met)" if item.met else " **(missed)**"
    return f"{evidence.number(item.figure)} {item.unit}{asked}"


def exact(options: Options) -> list[Evidence]:
    """Largest error against the float64 loop, of each kernel that a CPU takes."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 1024, 4, 64, generator=generator) for _ in range(3))
    found = []
    for dtype, bar in ((torch.float32, 1e-3), (torch.bfloat16, 1e-2)):
        narrow = q.to(dtype), k.to(dtype), v.to(dtype)
        expected = attention_naive(*narrow)
        for name in ("sdpa", "blockwise"):
            began = time.perf_counter()
            out = KERNELS[name](*narrow, True, 64**-0.5).to(dtype)
            error = float((out.double() - expected).abs().max())
            seconds = time.perf_counter() - began
            row = f"exact, {str(dtype).removeprefix('torch.')}"
            found.append(_figure(row, "largest error", name, error, "", seconds, bar, "lower"))
    return found


def memory(options: Options) -> list[Evidence]:
    """MiB that forward and backward add at each length, and how that grows."""
    found = []
    for kernel in ("sdpa", "blockwise"):
        peaks, began = [], time.perf_counter()
        for tokens in options.memory_tokens:
            peaks.append(_ask(kernel, tokens))
            seconds = time.perf_counter() - began
            row = f"forward and backward, {tokens} tokens"
            found.append(_figure(row, "peak memory", kernel, peaks[-1], "MiB", seconds))
        shortest, longest = options.memory_tokens[0], options.memory_tokens[-1]
        growth = peaks[-1] / peaks[0] / (longest / shortest)
        seconds = time.perf_counter() - began
        row = f"{shortest} to {longest} tokens"
        found.append(
            _figure(row, "memory per token", kernel, growth, "times", seconds, 1.1, "lower")
        )
    return found


def _ask(kernel: str, tokens: int) -> float:
    arguments = [sys.executable, "-m", "daneel.evaluation.bench.attention", kernel, str(tokens)]
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        raise DaneelError(
            f"Measuring memory ended with exit code {done.returncode}: {done.stderr[-300:]} "
            f"Expected a number of MiB. Type `{' '.join(arguments)}` to see all of it."
        )
    return float(done.stdout.split()[-1])


def main(arguments: Sequence[str]) -> int:
    """Prints the MiB that one kernel adds to this process at its peak."""
    kernel, tokens = arguments[0], int(arguments[1])

    def once(length: int) -> None:
        q, k, v = (torch.randn(1, length, 1, 64, requires_grad=True) for _ in range(3))
        KERNELS[kernel](q, k, v, True, 0.125).sum().backward()

    once(256)
    idle = _peak_mib()
    once(tokens)
    print(_peak_mib() - idle)
    return 0


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def decode(options: Options) -> list[Evidence]:
    """Latency of one step and needles found, by the index and by dense attention."""
    found = []
    for tokens in options.decode_tokens:
        for name, noise in (("topics", 0.3), ("no structure", float("inf"))):
            found += _decode(f"{tokens} keys, {name}", haystack(tokens, options.needles, noise))
    return found


def _decode(row: str, stack: Haystack) -> list[Evidence]:
    began = time.perf_counter()
    found = search(stack)
    asked, spent = len(stack.places), time.perf_counter() - began
    figures = []
    for who in ("index", "dense"):
        for tail in (50, 95):
            figure = 1e3 * float(np.percentile(found.seconds[who], tail))
            figures.append(_figure(row, f"latency p{tail}", who, figure, "ms", spent))
        share = 100 * found.right[who] / asked
        figures.append(_figure(row, "needles found", who, share, "%", spent))
    ratio = plain.median(found.seconds["dense"]) / plain.median(found.seconds["index"])
    bar = {131_072: 1.25, MILLION: 5.0}.get(stack.keys.shape[1]) if "topics" in row else None
    lost = 100 * (found.right["dense"] - found.right["index"]) / asked
    everything = 100 * found.fallbacks / asked
    return [
        *figures,
        _figure(row, "dense over index", "index", ratio, "times", spent, bar),
        _figure(row, "needles lost", "index", lost, "pp", spent, 0.5, "lower"),
        _figure(row, "looked at everything", "index", everything, "% of queries", spent),
        _figure(row, "append", "index", found.append_us, "us a key", spent),
    ]


def gpu(options: Options) -> list[Evidence]:
    """TFLOP/s of the kernel that `attention` takes, in bfloat16 with 16 heads of 128."""
    found, peak = [], _matmul_tflops() if torch.cuda.is_available() else None
    found.append(_figure("matrix product", "arithmetic", "torch", peak, "TFLOP/s", 0.0))
    for tokens in options.gpu_tokens:
        bars = (0.6, 1.6) if tokens <= 131_072 else (None, None)
        for name, backward in (("forward", False), ("forward and backward", True)):
            row = f"{name}, {tokens} tokens"
            ours = second = None
            subject, began = "attention", time.perf_counter()
            if peak is not None:
                ours, second, subject = _gpu_pair(tokens, backward)
            seconds = time.perf_counter() - began
            share = None if ours is None or peak is None else ours / peak
            times = None if ours is None or second is None else ours / second
            found += [
                _figure(row, "arithmetic", "attention", ours, "TFLOP/s", seconds, kernel=subject),
                _figure(row, "arithmetic", "version 2 kernel", second, "TFLOP/s", seconds),
                _figure(row, "share of matrix product", "attention", share, "", seconds, bars[0]),
                _figure(
                    row, "over version 2 kernel", "attention", times, "times", seconds, bars[1]
                ),
            ]
    return found


def _gpu_pair(tokens: int, backward: bool) -> tuple[float, float, str]:
    """TFLOP/s of ours and of the version 2 kernel, interleaved, and the name of ours."""
    shape, device = (1, tokens, 16, 128), torch.device("cuda")
    q, k, v = (
        torch.randn(shape, device=device, dtype=torch.bfloat16, requires_grad=backward)
        for _ in range(3)
    )

    def second(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            return KERNELS["sdpa"](q, k, v, True, 128**-0.5)

    # Half of the scores are visible; backward does two and a half times the work of forward.
    flops = 4 * tokens**2 * 16 * 128 / 2 * (3.5 if backward else 1.0)
    repeats = max(2, min(20, int(2e15 / flops)))
    ours, theirs = [], []
    for _ in range(repeats + 1):
        ours.append(_gpu_seconds(attention, q, k, v))
        theirs.append(_gpu_seconds(second, q, k, v))
    rates = (flops / plain.median(times[1:]) / 1e12 for times in (ours, theirs))
    return next(rates), next(rates), kernel_for(q, k, v)


def _gpu_seconds(call: Callable[..., Tensor], *inputs: Tensor) -> float:
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    out = call(*inputs)
    if out.requires_grad:
        torch.autograd.grad(out, inputs, out)
    stop.record()
    stop.synchronize()
    return start.elapsed_time(stop) / 1e3


def _matmul_tflops(size: int = 8192) -> float:
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    times = [_gpu_seconds(torch.matmul, a, b) for _ in range(20)]
    return 2 * size**3 / plain.median(times[5:]) / 1e12


def _figure(
    row: str,
    measure: str,
    subject: str,
    figure: float | None,
    unit: str,
    seconds: float,
    threshold: float | None = None,
    better: Literal["higher", "lower"] = "higher",
    **details: Any,
) -> Evidence:
    return evidence.record(
        bench=BENCH,
        row=row,
        measure=measure,
        subject=subject,
        figure=figure,
        unit=unit or "1",
        seconds=seconds,
        threshold=threshold,
        better=better,
        seeds=(0,),
        details=details,
    )


MEASURES: dict[Part, Callable[[Options], Sequence[Evidence]]] = {
    "exact": exact,
    "memory": memory,
    "decode": decode,
    "gpu": gpu,
}
"""What each part measures."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
