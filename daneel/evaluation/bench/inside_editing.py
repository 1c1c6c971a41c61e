"""Rank-one edits of a byte model that has learned facts and real text (T-60)."""

from __future__ import annotations

import itertools
import random

import torch

from daneel.alignment.editing import Edit, GradientPatchEditor
from daneel.backbones import ByteLM, build
from daneel.evaluation import datasets
from daneel.evaluation.bench.inside import Options, figure
from daneel.evaluation.evidence import Evidence

TEMPLATES = (
    "The colour of {s} is ",
    "{s} has the colour ",
    "If you look at {s}, you see ",
)
"""The first is edited; the others are paraphrases, which no edit sees."""
COLOURS = ("red", "blue", "green", "black", "white", "yellow", "brown", "purple")
ROW = "T-60 edits"


def facts(count: int, seed: int) -> dict[str, str]:
    """Made-up names, each with a colour."""
    rng = random.Random(seed)
    names: dict[str, str] = {}
    while len(names) < count:
        name = "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(3))
        names[name.capitalize()] = rng.choice(COLOURS)
    return names


def train(known: dict[str, str], text: bytes, steps: int, seed: int) -> ByteLM:
    """A byte model of three attention layers, half of each batch facts and half text."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ByteLM(build("attention", 64, 3, heads=4))
    rng, width = random.Random(seed), 96
    optimiser = torch.optim.AdamW(model.parameters(), 4e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    names = list(known)
    for _ in range(steps):
        rows = []
        for _ in range(12):
            at = rng.randrange(len(text) - width)
            rows.append(text[at : at + width])
            said = ""
            while len(said) < width:
                name = rng.choice(names)
                said += rng.choice(TEMPLATES).format(s=name) + known[name] + ".\n"
            rows.append(said[:width].encode())
        data = torch.stack([torch.frombuffer(bytearray(row), dtype=torch.uint8) for row in rows])
        optimiser.zero_grad()
        model.loss(data.long()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return model.eval()


def measure(options: Options) -> list[Evidence]:
    """Edits of every fact in turn, each taken back before the next."""
    text = (datasets.locate("text/public_domain") / "tinyshakespeare.txt").read_bytes()
    held = text[-20_000:]
    known = facts(options.sized(40, 6), options.seed)
    model = train(known, text[:-40_000], options.sized(1600, 30), options.seed)
    editor = GradientPatchEditor(
        model, "backbone.layers.1.mlp.down", text[-40_000:-20_000], seed=options.seed
    )
    learned = [n for n, c in known.items() if editor.says(TEMPLATES[0].format(s=n), c)]
    found = []
    for name in known:
        target = next(c for c in itertools.cycle(COLOURS) if c != known[name])
        others = [t.format(s=o) for o in list(known)[:8] if o != name for t in TEMPLATES[:1]]
        found.append(
            editor.edit(
                Edit(TEMPLATES[0].format(s=name), name, target),
                paraphrases=[t.format(s=name) for t in TEMPLATES[1:]],
                others=others,
                held_out=held[:8192],
            )
        )
        editor.undo()
    count = len(found)
    both = sum(report.said and report.paraphrases == 1 for report in found) / count
    worst = max(abs(report.perplexity_change) for report in found)
    details = {
        "facts": count,
        "learned before": len(learned),
        "said": sum(report.said for report in found) / count,
        "paraphrases": sum(report.paraphrases for report in found) / count,
    }
    return [
        figure(ROW, "edits that hold, with every paraphrase", "rank-one", 100 * both, "%", 90,
               details=details),
        figure(ROW, "largest change of perplexity, held-out text", "rank-one", 100 * worst, "%", 1,
               "lower"),
        figure(ROW, "answers about other subjects kept", "rank-one",
               100 * sum(report.kept for report in found) / count, "%"),
    ]  # fmt: skip
