"""The parts of `daneel bench backbones` that read streams of millions of tokens.

`stream`: a layer reads 4M tokens with a carried state (C-1). `training`: a byte model of two layers
learns from one sequence of 4M tokens (C-6). Both ask for the peak of fresh processes over that at
64k. `gradients`: a Hyena byte model learns from 8M bytes of real text in one pass, eight parts side
by side; the norm of every step's gradient is kept (C-3).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import torch

from daneel import backbones
from daneel.backbones.byte_lm import ByteLM
from daneel.backbones.footprint import Footprint, Mode, peak_rss
from daneel.backbones.streaming import train_streaming
from daneel.evaluation import datasets, evidence
from daneel.evaluation.bench import backbones_memory
from daneel.evaluation.bench.backbones_memory import CHUNK, EARLY
from daneel.evaluation.evidence import Evidence

BENCH = "backbones"
FLAT, GROWTH, NORM = 1.02, "memory at the end, share of that at 64k", "gradient norm"
NOT_FLAT = ("identity", "attention", "hyena")
"""Without a state, or with one that grows: not streamed."""
TRAINED: tuple[tuple[str, Mode, int], ...] = (
    ("rwkv", "truncated", 1), ("retention", "truncated", 1), ("mamba2", "truncated", 1),
    ("rwkv", "exact", 16),
)  # fmt: skip
"""Backbone, way of training, and what part of the stream: exact costs three passes more."""
MODEL: dict[str, Any] = {"dim": 64, "depth": 2}
GRADIENT_TOKENS, GRADIENT_LIMIT, RATE = 8 * 10**6, 2.0, 2e-3
SIDE_BY_SIDE = 8
"""Parts of the text that are read at once, each with a state of its own: a step then averages over
different texts. Read as one stream, the norm follows the text: most 5.1 in steps of 1024, 4.1 in
steps of 16,384 (the first verses after the plays), 2.7 with the texts shuffled."""
WARM = 0.02
"""Share of the steps over which the rate rises; their norms do not count."""
BYTES_ROW = "8M bytes of text, one pass"


def stream(options: Any) -> Iterator[Evidence]:
    """Peak resident memory after the whole stream, over that after 64k tokens."""
    names = [name for name in options.names if name not in NOT_FLAT]
    limit = 60 * options.budget_minutes / max(len(names), 1)
    for name in names:
        found = backbones_memory.ask("stream", name, options.dim, options.stream_tokens, limit)
        share = found["end_mib"] / found["early_mib"]
        unit = f"x after {found['tokens'] / 1e6:.1f}M"
        yield _figure("a stream of tokens", GROWTH, name, share, unit, FLAT, found)


def training(options: Any) -> Iterator[Evidence]:
    """Peak resident memory of training on the whole stream, over that of training on 64k tokens."""
    began = time.perf_counter()
    for name, mode, part in TRAINED:
        left = 60 * options.budget_minutes - (time.perf_counter() - began)
        if name in options.names and left > 0:
            peaks = {
                tokens: peak_rss(Footprint(name, tokens, CHUNK, mode, **MODEL)) / 2**20
                for tokens in (EARLY, options.stream_tokens // part)
            }
            early, end = peaks.values()
            row = f"{options.stream_tokens // part:,} tokens trained on, {mode}"
            details = {"early_mib": early, "end_mib": end, **MODEL}
            yield _figure(row, GROWTH, name, end / early, "x", FLAT, details)


def gradients(options: Any) -> Iterator[Evidence]:
    """Norms of the gradients of a Hyena byte model over a stream of real text."""
    if "hyena" not in options.names:
        return
    count = min(GRADIENT_TOKENS, 2 * options.stream_tokens)
    data = text(count - count % SIDE_BY_SIDE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # layers draw their first weights from torch's own generator
        model = ByteLM(backbones.build("hyena", MODEL["dim"], MODEL["depth"], memory=CHUNK))
    norms, bits = learn(model, data.view(SIDE_BY_SIDE, -1), 1024)
    after = sorted(norms[int(WARM * len(norms)) :])
    details = {
        "tokens": data.numel(), "steps": len(norms), "median": statistics.median(after),
        "p99": after[int(0.99 * len(after))], "bits": bits,
        "every 100th": [round(norm, 4) for norm in norms[::100]],
    }  # fmt: skip
    yield _figure(BYTES_ROW, f"{NORM}, most", "hyena", after[-1], "(L2)", GRADIENT_LIMIT, details)
    yield _figure(BYTES_ROW, f"{NORM}, median", "hyena", details["median"], "(L2)", None, details)


def learn(model: ByteLM, data: torch.Tensor, chunk: int) -> tuple[list[float], float]:
    """One pass of truncated training over bytes `[B, T]`.

    Returns the norm of each step's gradient, and the mean bits a byte. Nothing is clipped: a norm
    that explodes is seen.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95))
    steps, norms = -(-data.shape[1] // chunk), list[float]()

    def note(*_: Any) -> None:
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(grads)))
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, len(norms) / max(WARM * steps, 1))
        if len(norms) % 100 == 0:
            print(f"step {len(norms)} of {steps}: norm {norms[-1]:.3f}", file=sys.stderr)

    optimizer.register_step_pre_hook(note)
    loss = train_streaming(model, data, chunk, optimizer=optimizer).loss
    return norms, loss / torch.log(torch.tensor(2.0)).item()


def text(count: int) -> torch.Tensor:
    """English, uint8 `[count]`: plays, the Bible, articles, 7.9 MB; then from the beginning."""
    public, wiki = datasets.locate("text/public_domain"), datasets.locate("text/wikitext2")
    files = [public / "tinyshakespeare.txt", public / "kjv_bible.txt"]
    files += [wiki / "valid.txt", wiki / "test.txt"]
    joined = b"".join(path.read_bytes() for path in files)
    data = torch.frombuffer(bytearray(joined), dtype=torch.uint8)
    return data.repeat(-(-count // len(data)))[:count]


def _figure(
    row: str,
    measure: str,
    subject: str,
    figure: float,
    unit: str,
    threshold: float | None,
    details: dict[str, Any],
) -> Evidence:
    return evidence.record(
        bench=BENCH, row=row, measure=measure, subject=subject, figure=figure, unit=unit,
        seconds=0.0, threshold=threshold, better="lower", seeds=(0,),
        details={"threads": torch.get_num_threads(), **details},
    )  # fmt: skip
