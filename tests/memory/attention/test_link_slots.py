"""Link slots against loops written out; causal, per row, per episode, differentiable, pure."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from daneel.memory.attention.link_slots import LinkSlotAttention, Slots

SIZES = [(1, 1, 1, 1), (2, 5, 3, 2), (3, 7, 16, 4)]
"""Batch, steps, slots, heads."""


def made(seed: int = 0) -> torch.Generator:
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def links(slots: int = 6, top_k: int = 3, heads: int = 2, decay: float = 0.0) -> LinkSlotAttention:
    """The same small module every time, in double precision."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LinkSlotAttention(8, slots, top_k, heads, decay).double()


def steps(batch: int, time: int, seed: int = 1) -> Tensor:
    """Inputs `[batch, time, 8]`."""
    return torch.randn(batch, time, 8, generator=made(seed), dtype=torch.float64)


def written(module: LinkSlotAttention, batch: int, seed: int = 2) -> Slots:
    """Slots of which one is left empty if there are two."""
    count = max(1, module.slots - 1)
    return module.write(steps(batch, count, seed), module.empty(batch))


def read_one(module: LinkSlotAttention, x: Tensor, slots: Slots, row: int, at: int) -> Tensor:
    """One step of one row: a head at a time, sorted by hand."""
    width, query, outputs = 8 // module.heads, module.query(x[row, at]), []
    for head in range(module.heads):
        part, scored = slice(head * width, (head + 1) * width), []
        for slot in range(module.slots):
            strength = slots.strength[row, slot].item()
            if strength > 0:
                fit = (query[part] @ slots.keys[row, slot, part]).item() / math.sqrt(width)
                scored.append((fit + math.log(strength), slot))
        best = sorted(scored, reverse=True)[: module.top_k]
        total = sum(math.exp(score) for score, _ in best) + math.exp(module.sink[head].item())
        read = torch.zeros(width, dtype=torch.float64)
        for score, slot in best:
            read = read + math.exp(score) / total * slots.values[row, slot, part]
        outputs.append(read)
    return module.out(torch.cat(outputs))


@pytest.mark.parametrize(("batch", "time", "slots", "heads"), SIZES)
def test_read_agrees_with_the_loop(batch: int, time: int, slots: int, heads: int) -> None:
    """Rows, steps and heads at once give what one of each gives alone."""
    module = links(slots, heads=heads)
    torch.nn.init.normal_(module.sink, generator=made(3))
    x, memory = steps(batch, time), written(module, batch)
    wanted = [[read_one(module, x, memory, b, t) for t in range(time)] for b in range(batch)]
    torch.testing.assert_close(module(x, memory), torch.stack([torch.stack(r) for r in wanted]))


def write_one(module: LinkSlotAttention, rows: list[Tensor]) -> Tensor:
    """Keys of the strongest of the steps of one row, by sorting them all at the end."""
    strength = [module.strength(step).sigmoid().item() for step in rows]
    aged = [s * math.exp(-module.decay * (len(rows) - 1 - t)) for t, s in enumerate(strength)]
    order = sorted(range(len(rows)), key=lambda t: (-aged[t], t))[: module.slots]
    return torch.stack([module.key(rows[t]) for t in order])


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("piece", [1, 2, 5, 12])
def test_slots_hold_the_strongest_whatever_the_pieces(piece: int, decay: float) -> None:
    """Writing in pieces equals sorting the whole past."""
    module, x = links(slots=4, decay=decay), steps(2, 12)
    memory = module.empty(2)
    for part in x.split(piece, 1):
        memory = module.write(part, memory)
    for row in range(2):
        torch.testing.assert_close(memory.keys[row], write_one(module, list(x[row])))


def test_equal_strengths_keep_the_older_steps() -> None:
    """Without decay what is there stays."""
    module, x = links(slots=4), steps(1, 12)
    torch.nn.init.zeros_(module.strength.weight)
    memory = module.empty(1)
    for part in x.split(5, 1):
        memory = module.write(part, memory)
    torch.testing.assert_close(memory.keys, module.key(x[:, :4]))


def test_decay_lets_new_steps_in() -> None:
    """With decay the newest of equal steps win, newest first."""
    module, x = links(slots=4, decay=0.5), steps(1, 12)
    torch.nn.init.zeros_(module.strength.weight)
    memory = module.write(x, module.empty(1))
    torch.testing.assert_close(memory.keys, module.key(x[:, 8:].flip(1)))


def test_empty_slots_give_zero_and_finite_gradients() -> None:
    """Nothing was written: nothing is read, and nothing is NaN."""
    module = links()
    x = steps(2, 3).requires_grad_()
    y = module(x, module.empty(2))
    assert torch.equal(y, torch.zeros_like(y))
    y.sum().backward()
    assert all(bool(w.grad.isfinite().all()) for w in module.parameters() if w.grad is not None)


def test_nothing_is_written_by_reading() -> None:
    """Neither slots nor weights nor buffers change."""
    module, x = links(), steps(2, 5)
    memory = written(module, 2)
    before = [part.clone() for part in memory]
    buffers = {name: value.clone() for name, value in module.state_dict().items()}
    first = module(x, memory)
    module.write(x, memory)
    assert all(torch.equal(a, b) for a, b in zip(before, memory, strict=True))
    assert all(torch.equal(value, module.state_dict()[n]) for n, value in buffers.items())
    assert torch.equal(module(x, memory), first)


def test_at_most_k_slots_are_read() -> None:
    """And the sink takes its share."""
    module, x = links(slots=16, top_k=3), steps(2, 5)
    weights = module.weights(x, written(module, 2))
    assert bool(((weights > 0).sum(-1) <= 3).all())
    assert bool((weights.sum(-1) < 1).all())


def test_gradients_reach_queries_slots_and_strengths() -> None:
    """By finite differences; top_k = all, for at the border of the top k there is no slope."""
    module = links(slots=3, top_k=3)

    def read(x: Tensor, keys: Tensor, values: Tensor, strength: Tensor) -> Tensor:
        return module(x, Slots(keys, values, strength))

    strength = torch.tensor([[0.9, 0.5, 0.2]], dtype=torch.float64)
    inputs = (steps(1, 2), steps(1, 3, 5), steps(1, 3, 6), strength)
    assert torch.autograd.gradcheck(read, [part.requires_grad_() for part in inputs])


def test_gradients_reach_what_was_written_long_ago() -> None:
    """Through the slots to the kept steps alone, and to every weight."""
    module = links(slots=4)
    past, now = steps(1, 20).requires_grad_(), steps(1, 2, 5)
    memory = module.write(past, module.empty(1))
    module(now, memory).square().sum().backward()
    assert past.grad is not None
    touched = (past.grad.abs().sum(-1) > 0).sum()
    assert 1 <= int(touched) <= 4
    for name, weight in module.named_parameters():
        assert weight.grad is not None, name
        assert float(weight.grad.abs().sum()) > 0, name


def test_detached_slots_cut_the_graph() -> None:
    """For truncated backpropagation."""
    module = links()
    memory = module.write(steps(1, 4).requires_grad_(), module.empty(1)).detach()
    assert not any(part.requires_grad for part in memory)


@pytest.mark.parametrize("piece", [1, 3, 8])
def test_no_step_sees_a_later_one(piece: int) -> None:
    """A change at step 7 changes nothing before it."""
    module, x = links(), steps(2, 12)
    changed = x.clone()
    changed[:, 7:] += 1.0
    before, _ = module.unroll(x, piece=piece)
    after, _ = module.unroll(changed, piece=piece)
    assert torch.equal(before[:, :7], after[:, :7])
    assert not torch.equal(before[:, 7:], after[:, 7:])


def test_rows_never_mix() -> None:
    """Each row alone gives what it gives in a batch."""
    module, x = links(), steps(3, 12)
    together, memory = module.unroll(x, piece=4)
    for row in range(3):
        alone, own = module.unroll(x[row : row + 1], piece=4)
        torch.testing.assert_close(alone, together[row : row + 1])
        torch.testing.assert_close(own.keys, memory.keys[row : row + 1])


def test_unroll_may_be_cut_at_pieces() -> None:
    """Two calls with the slots carried equal one."""
    module, x = links(), steps(2, 12)
    whole, end = module.unroll(x, piece=4)
    first, memory = module.unroll(x[:, :8], piece=4)
    second, memory = module.unroll(x[:, 8:], memory, piece=4)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(memory.strength, end.strength)


@pytest.mark.parametrize("start", [0, 3, 4, 5, 11])
def test_an_episode_remembers_nothing_of_the_one_before(start: int) -> None:
    """In one row only; what follows the reset equals the other past being absent."""
    module, x = links(), steps(2, 12)
    resets = torch.zeros(2, 12, dtype=torch.bool)
    resets[0, start] = True
    _, memory = module.unroll(x, resets=resets, piece=4)
    alone = module.write(x[:1, start:], module.empty(1))
    torch.testing.assert_close(memory.keys[:1], alone.keys * (alone.strength > 0)[..., None])
    _, other = module.unroll(x[1:], piece=4)
    torch.testing.assert_close(memory.keys[1:], other.keys)


def test_reading_stops_at_a_reset_inside_a_call() -> None:
    """In that row, from that step on."""
    module, x = links(), steps(2, 5)
    memory, resets = written(module, 2), torch.zeros(2, 5, dtype=torch.bool)
    resets[1, 2] = True
    y, full = module(x, memory, resets), module(x, memory)
    assert torch.equal(y[0], full[0])
    assert torch.equal(y[1, :2], full[1, :2])
    assert torch.equal(y[1, 2:], torch.zeros_like(y[1, 2:]))


def test_half_precision_stays_finite() -> None:
    """The logarithm of a strength is taken in its own precision."""
    module = links().to(torch.bfloat16)
    y, memory = module.unroll(steps(2, 12).to(torch.bfloat16), piece=4)
    assert y.dtype == memory.keys.dtype == torch.bfloat16
    assert bool(y.isfinite().all())


def test_autocast_agrees_roughly() -> None:
    """Inputs and weights of single precision, products in half."""
    module, x = links().float(), steps(2, 12).float()
    wanted, _ = module.unroll(x, piece=4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, memory = module.unroll(x, piece=4)
        found.float().sum().backward()
    torch.testing.assert_close(found.float()[:, :5], wanted[:, :5], atol=0.05, rtol=0.1)
    assert bool(memory.keys.isfinite().all())


def test_bad_input_says_what_was_expected() -> None:
    """Every refusal names the value seen."""
    module = links()
    with pytest.raises(ValueError, match=r"x has shape \(2, 8\)"):
        module(torch.zeros(2, 8), module.empty(2))
    with pytest.raises(ValueError, match=r"slots hold keys \(3, 6, 8\)"):
        module(steps(2, 5), module.empty(3))
    with pytest.raises(ValueError, match="resets has shape"):
        module(steps(2, 5), module.empty(2), torch.zeros(2, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="piece is 0"):
        module.unroll(steps(2, 5), piece=0)
    for wrong in ({"slots": 0}, {"top_k": 0}, {"heads": 3}, {"decay": -1.0}):
        with pytest.raises(ValueError, match="Expected"):
            LinkSlotAttention(**{"dim": 8, "slots": 4, **wrong})
