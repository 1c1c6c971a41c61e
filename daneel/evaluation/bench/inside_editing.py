"""Rank-one edits of a trained model whose facts are known (T-60).

The model is trained until it knows every fact in every wording. Causal tracing says where to edit.
Each edit starts from the trained weights and gives a person another object; it sees one wording,
the other three are asked afterwards. Perplexity is of held-out text, without sentences about the
edited fact. Beside it stand edits at the place of the paper, the subject's last token, and ten
edits one upon the other.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from daneel.alignment.editing import (
    EditReport,
    Fact,
    GradientPatchEditor,
    complete,
    locate,
    perplexity,
)
from daneel.alignment.interpretability.planted import TokenNetwork
from daneel.backbones import build
from daneel.backbones.mlp import GatedMLP
from daneel.evaluation.bench.inside import Options, figure
from daneel.evaluation.bench.inside_language import (
    OBJECTS,
    RELATIONS,
    WORDINGS,
    Language,
    beginnings,
    language,
    texts,
)
from daneel.evaluation.evidence import Evidence

ROW = "T-60 editing"


@dataclass(frozen=True)
class Request:
    """One edit and what is asked about it."""

    fact: Fact
    """The new fact, in the first wording."""
    person: int
    """Whose fact."""
    relation: int
    """Which."""

    def edit(
        self, editor: GradientPatchEditor, spoken: Language, rng: random.Random, rows: int
    ) -> EditReport:
        """Makes the edit and asks after it."""
        rest = [k for k in range(RELATIONS) if k != self.relation]
        people = [p for p in rng.sample(range(len(spoken.names)), 10) if p != self.person]
        others = [spoken.fact(p, k, 0) for p in people for k in range(RELATIONS)]
        without = (self.person, self.relation)
        return editor.edit(
            self.fact,
            stay=[spoken.fact(self.person, k, 1) for k in rest],
            paraphrases=[
                spoken.fact(self.person, self.relation, w).prompt for w in range(1, WORDINGS)
            ],
            others=[*others, *(spoken.fact(self.person, k, w) for k in rest for w in (0, 2))],
            held_out=[texts(spoken, rng, rows, without=without)],
        )


def requests(spoken: Language, rng: random.Random, count: int) -> list[Request]:
    """New objects for different persons."""
    found = []
    for person in rng.sample(range(len(spoken.names)), count):
        relation = rng.randrange(RELATIONS)
        number = (spoken.facts[person, relation][0] + 1 + rng.randrange(OBJECTS - 1)) % OBJECTS
        target = spoken.object(relation, number)
        found.append(Request(spoken.fact(person, relation, 0, target), person, relation))
    return found


def measure(options: Options) -> list[Evidence]:
    """Two models, each with its own language."""
    seeds = tuple(range(options.seed, options.seed + options.sized(2, 1)))
    reports: list[EditReport] = []
    wrong: list[EditReport] = []
    ten: list[tuple[float, float]] = []
    places: list[str] = []
    shares: list[float] = []
    for seed in seeds:
        spoken, rng = language(seed), random.Random(100 + seed)
        model = trained(spoken, options.sized(800, 20), seed)
        shares.append(known(model, spoken))
        asked = [spoken.fact(p, r, 0) for p in rng.sample(range(100), 12) for r in range(RELATIONS)]
        found = locate(model, asked)
        place = found[0]
        places.append(f"{place.module}, {place.token} token, effect {place.effect:.2f}")
        text = [texts(spoken, rng, 64) for _ in range(8)]
        before = beginnings(spoken, rng, 4)
        editor = GradientPatchEditor(model, place, text, before)
        wanted = requests(spoken, rng, options.sized(40, 3))
        reports += _alone(editor, wanted, spoken, rng)
        other = next(p for p in found if p.token == "subject")
        wrong += _alone(GradientPatchEditor(model, other, text, before), wanted[:8], spoken, rng)
        ten.append(_piled(editor, wanted[:10], spoken, rng))
    return _figures(reports, wrong, ten, seeds, {"known": shares, "places": places})


def _alone(
    editor: GradientPatchEditor, wanted: Sequence[Request], spoken: Language, rng: random.Random
) -> list[EditReport]:
    """Every edit from the trained weights."""
    found = []
    for request in wanted:
        found.append(request.edit(editor, spoken, rng, 64))
        editor.undo()
    return found


def _piled(
    editor: GradientPatchEditor, wanted: Sequence[Request], spoken: Language, rng: random.Random
) -> tuple[float, float]:
    """Edits one upon the other: share that hold in the end, and the rise of the perplexity."""
    text = [texts(spoken, rng, 64)]
    before = perplexity(editor.model, text)
    for request in wanted:
        editor.edit(request.fact)
    held = [editor.says(r.fact.prompt, r.fact.target) for r in wanted]
    after = perplexity(editor.model, text)
    for _ in wanted:
        editor.undo()
    return sum(held) / len(held), after / before - 1


def _figures(
    reports: Sequence[EditReport],
    wrong: Sequence[EditReport],
    ten: Sequence[tuple[float, float]],
    seeds: tuple[int, ...],
    details: dict[str, object],
) -> list[Evidence]:
    rises = [100 * report.perplexity_change for report in reports]
    subject, count = "GradientPatchEditor", {"edits": len(reports), "largest": max(rises)}

    def mean(values: Sequence[float]) -> float:
        return 100 * statistics.mean(values)

    return [
        figure(ROW, "edits that are said", subject, mean([r.said for r in reports]), "%", 90,
               seeds=seeds, details={**details, "edits": len(reports)}),
        figure(ROW, "rise of the perplexity of held-out text", subject, statistics.mean(rises), "%",
               1, "lower", seeds=seeds, details=count),
        figure(ROW, "said in wordings that the edit did not see", subject,
               mean([r.paraphrases for r in reports]), "%", seeds=seeds),
        figure(ROW, "other facts that stay", subject, mean([r.kept for r in reports]), "%",
               seeds=seeds),
        figure(ROW, "edits that are said", "at the best place of the subject's token",
               mean([r.said for r in wrong]), "%", seeds=seeds,
               details={"perplexity": mean([r.perplexity_change for r in wrong])}),
        figure(ROW, "of ten edits one upon the other, held", subject,
               mean([held for held, _ in ten]), "%", seeds=seeds,
               details={"rise of the perplexity of all text": [rise for _, rise in ten]}),
    ]  # fmt: skip


def trained(spoken: Language, steps: int, seed: int) -> TokenNetwork:
    """A model of three layers that has read the language."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = TokenNetwork(
            spoken.words, build("attention", 64, 3, heads=4, mlp=lambda dim: GatedMLP(dim, 256))
        )
    rng = random.Random(seed + 1)
    pool = texts(spoken, rng, 16_000 if steps > 100 else 200)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
    for step in range(steps):
        rows = pool[torch.tensor([rng.randrange(len(pool)) for _ in range(48)])]
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 200 == 0:
            print(f"editing: step {step}, loss {float(loss.detach()):.3f}", file=sys.stderr)
    return model.eval()


def known(model: TokenNetwork, spoken: Language) -> float:
    """Share of facts that the model says, in every wording."""
    said = [
        complete(model, fact.prompt) == fact.target
        for person, relation in spoken.facts
        for wording in range(WORDINGS)
        for fact in (spoken.fact(person, relation, wording),)
    ]
    return sum(said) / len(said)
