"""Retraining in chunks: what is drawn, what is forgotten, and that it can be interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.memory.attention.retraining import ChunkwiseRetrainer, Plan, forgetting

ROOMS, SEEN, ACTIONS = 4, 8, 4


def made(seed: int = 0) -> torch.Generator:
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def model(seed: int = 0) -> nn.Module:
    """The same small network every time."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(ROOMS + SEEN, 64), nn.Tanh(), nn.Linear(64, ACTIONS))


def transcripts(room: int, count: int, generator: torch.Generator) -> list[Tensor]:
    """Rows of (room, seen, action): what is right to do depends on both."""
    rule = torch.randint(ACTIONS, (SEEN,), generator=made(100 + room))
    seen = torch.randint(SEEN, (count, 6), generator=generator)
    return [torch.stack([torch.full_like(row, room), row, rule[row]], -1) for row in seen]


def outputs(tuned: nn.Module, batch: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Scores of the actions and the right ones, of all steps of a batch."""
    rows = torch.cat(list(batch))
    room, seen = F.one_hot(rows[:, 0], ROOMS), F.one_hot(rows[:, 1], SEEN)
    return tuned(torch.cat([room, seen], -1).float()), rows[:, 2]


def loss(tuned: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """Cross-entropy of the actions."""
    return F.cross_entropy(*outputs(tuned, batch))


def score(tuned: nn.Module, batch: Sequence[Tensor]) -> float:
    """Share of right actions."""
    scores, actions = outputs(tuned, batch)
    return float((scores.argmax(-1) == actions).float().mean())


def retrainer(plan: Plan, seed: int = 0) -> ChunkwiseRetrainer[Tensor]:
    """A retrainer of a new model."""
    tuned = model()
    optimizer = torch.optim.Adam(tuned.parameters(), lr=2e-2)
    return ChunkwiseRetrainer(tuned, loss, score, optimizer, plan, made(seed))


PLAN = Plan(every=40, held=0.25, steps=60, batch=24, reservoir=120)


def stream() -> list[Tensor]:
    """Forty transcripts of each room, one room after the other."""
    generator = made(7)
    return [row for room in range(ROOMS) for row in transcripts(room, 40, generator)]


def test_forgetting_by_hand() -> None:
    """From the best earlier score of each chunk; gains count as gains."""
    table = [[0.9], [0.95, 0.8], [0.85, 0.7, 0.9]]
    assert forgetting(table) == pytest.approx(((0.95 - 0.85) + (0.8 - 0.7)) / 2)
    assert forgetting(table[:1]) == 0
    assert forgetting([[0.5], [0.7, 0.9]]) == pytest.approx(-0.2)


def test_replay_keeps_what_training_without_it_forgets() -> None:
    """At most 2 % with replay, a lot without."""
    kept, lost = retrainer(PLAN), retrainer(replace(PLAN, replay=0))
    for row in stream():
        kept.observe(row)
        lost.observe(row)
    assert kept.forgetting <= 0.02
    assert lost.forgetting > 0.2
    assert min(kept.table[-1]) > 0.9


def test_reports_come_when_a_chunk_is_full_only() -> None:
    """Chunk by chunk, with a score for each so far."""
    tuned = retrainer(PLAN)
    reports = [tuned.observe(row) for row in stream()[:81]]
    done = [at for at, report in enumerate(reports) if report is not None]
    assert done == [39, 79]
    last = reports[79]
    assert last is not None
    assert (last.chunk, len(last.losses), len(last.scores)) == (1, 60, 2)


def test_held_transcripts_are_never_trained_on() -> None:
    """And all others are, mostly."""
    drawn, scored = set[int](), set[int]()

    def spying(tuned: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        drawn.update(id(row) for row in batch)
        return loss(tuned, batch)

    def counting(tuned: nn.Module, batch: Sequence[Tensor]) -> float:
        scored.update(id(row) for row in batch)
        return 0.0

    tuned, rows = model(), stream()
    optimizer = torch.optim.SGD(tuned.parameters(), lr=0.1)
    trainer = ChunkwiseRetrainer(tuned, spying, counting, optimizer, PLAN, made())
    for row in rows:
        trainer.observe(row)
    assert len(scored) == ROOMS * 10
    assert not drawn & scored
    assert len(drawn) > 0.9 * ROOMS * 30


def test_the_reservoir_is_a_fair_sample_of_all_chunks() -> None:
    """Every room has its share of what is kept."""
    plan = Plan(every=250, held=0.1, steps=1, batch=2, reservoir=200)
    trainer = ChunkwiseRetrainer(
        model(), loss, score, torch.optim.SGD(model().parameters(), lr=0), plan, made()
    )
    generator = made(3)
    for room in range(ROOMS):
        for row in transcripts(room, 250, generator):
            trainer.observe(row)
    kept = torch.stack([row[0, 0] for row in trainer.state_dict()["_kept"]]).bincount()
    assert len(kept) == ROOMS
    # 200 of 900 rows, 50 of each room expected; the bound is five standard deviations.
    assert int((kept - 50).abs().max()) <= 28


def test_going_on_from_a_state_equals_no_interruption() -> None:
    """In the middle of a chunk; bit by bit."""
    whole, first = retrainer(PLAN), retrainer(PLAN)
    rows = stream()[:130]
    for row in rows:
        whole.observe(row)
    for row in rows[:55]:
        first.observe(row)
    second = retrainer(PLAN, seed=99)
    second.model.load_state_dict(first.model.state_dict())
    second.load_state_dict(first.state_dict())
    for row in rows[55:]:
        second.observe(row)
    assert second.table == whole.table
    for a, b in zip(second.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_bad_input_says_what_was_expected() -> None:
    """Plans and states that cannot work are refused."""
    for wrong in (
        lambda: Plan(every=0),
        lambda: Plan(replay=1.0),
        lambda: Plan(every=4, held=0.01),
        lambda: Plan(clip=0),
    ):
        with pytest.raises(ValueError, match="Expected"):
            wrong()
    with pytest.raises(ValueError, match="lacks _kept"):
        retrainer(PLAN).load_state_dict(
            {k: v for k, v in retrainer(PLAN).state_dict().items() if k != "_kept"}
        )


def test_a_loss_that_is_not_finite_stops() -> None:
    """Before it reaches the weights."""
    tuned = model()
    optimizer = torch.optim.SGD(tuned.parameters(), lr=0.1)

    def broken(tuned: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        return loss(tuned, batch) * torch.nan

    trainer = ChunkwiseRetrainer(tuned, broken, score, optimizer, PLAN, made())
    before = [weight.clone() for weight in tuned.parameters()]
    with pytest.raises(ValueError, match="loss is nan in chunk 0"):
        for row in stream():
            trainer.observe(row)
    assert all(torch.equal(a, b) for a, b in zip(before, tuned.parameters(), strict=True))
