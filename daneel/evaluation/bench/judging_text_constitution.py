"""L-1: does group-aware consensus agree with held-out voters better than a majority vote?

Voters are split, 70 % write the constitution, 30 % judge it. Three honest readings of "above
majority vote", all recorded:

1. Foreseen votes: half of a held-out voter's votes are shown, the other half is foretold by the
   group that the shown ones place them in, or by the majority. (The bar of the issue.)
2. The worst group: of the ten strongest statements of either method, the agreement of the held-out
   group that agrees least.
3. All votes: agreement of all held-out votes with those ten. A majority vote is the best possible
   choice for this one, so group-awareness pays here; recorded without a bar.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from daneel.alignment.judging.constitution import CollectiveConstitution, Conversation, read_polis
from daneel.evaluation import datasets
from daneel.evaluation.bench.judging_text import Options, figure
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import bootstrap_interval

TALKS = ("scoop-hivemind.ubi", "football-concussions")
STATEMENTS = 10
FEWEST_VOTES = 3
"""Of every group on a statement that is chosen, and of all voters for the majority's."""
LEAST_SEEN = 8
"""Votes that a voter must have cast to take part."""
JUDGED = 10
"""Votes that a held-out group must have cast on the chosen statements to count."""
MEASURES = ("foreseen votes", "agreement of the worst group", "agreement of all votes")


def measure(options: Options) -> list[Evidence]:
    """Both conversations, every seed."""
    folder = datasets.locate("safety/polis")
    return [item for name in TALKS for item in _talk(read_polis(folder, name), options.seeds)]


def _talk(talk: Conversation, seeds: tuple[int, ...]) -> list[Evidence]:
    pairs = np.array([_compared(talk, seed) for seed in seeds])  # [seeds, 2, 3]
    found = []
    for index, name in enumerate(MEASURES):
        ours, peer = pairs[:, 0, index], pairs[:, 1, index]
        gain = 100 * (ours - peer)
        ends = bootstrap_interval(gain, np.random.default_rng(0)) if len(seeds) > 2 else None
        found.append(
            figure(
                "L-1", f"{name}, above majority", talk.name, float(gain.mean()), "pp",
                None if index == 2 else 0.0, interval=ends, kind="bootstrap over splits",
                seeds=seeds, details={"ours": ours.tolist(), "majority": peer.tolist()},
            )
        )  # fmt: skip
    return found


def _compared(talk: Conversation, seed: int) -> list[list[float]]:
    """The three measures, ours and the majority's, for one split of the voters."""
    rng = np.random.default_rng(seed)
    active = np.flatnonzero((~np.isnan(talk.votes)).sum(1) >= LEAST_SEEN)
    order = rng.permutation(active)
    cut = int(0.7 * len(order))
    ours, held = talk.votes[order[:cut]], talk.votes[order[cut:]]
    found = CollectiveConstitution.fit(replace(talk, votes=ours), rng)
    members = found.groups.members(held)
    shown = rng.random(held.shape) < 0.5
    hidden = ~shown & ~np.isnan(held) & (held != 0)
    leaning = np.where((ours == 1).sum(0) >= (ours == -1).sum(0), 1, -1)
    told = found.predict(np.where(shown, held, np.nan))
    chosen = [(s, 1 if stance == "agree" else -1) for s, stance, _ in found.ranking(FEWEST_VOTES)]
    return [
        [float((told == held)[hidden].mean()), *_agreement(chosen[:STATEMENTS], held, members)],
        [
            float((leaning == held)[hidden].mean()),
            *_agreement(_majority(ours)[:STATEMENTS], held, members),
        ],
    ]


def _majority(votes: np.ndarray) -> list[tuple[int, int]]:
    """Statements with the vote that most voters cast, the largest share first."""
    counts = np.stack([(votes == 1).sum(0), (votes == -1).sum(0)])
    cast = (~np.isnan(votes)).sum(0)
    share = np.where(cast >= FEWEST_VOTES, (counts.max(0) + 1) / (cast + 2), 0.0)
    order = np.argsort(-share, kind="stable")
    return [(int(s), 1 if counts[0, s] >= counts[1, s] else -1) for s in order]


def _agreement(
    chosen: list[tuple[int, int]], held: np.ndarray, members: np.ndarray
) -> tuple[float, float]:
    """Agreement of the worst group and of all votes with the chosen stances."""
    index, stance = np.array(chosen).T
    votes = held[:, index]
    seen = ~np.isnan(votes)
    agreed = seen & (votes == stance)
    groups = [
        agreed[members == group].sum() / seen[members == group].sum()
        for group in np.unique(members)
        if seen[members == group].sum() >= JUDGED
    ]
    return float(min(groups)), float(agreed.sum() / seen.sum())
