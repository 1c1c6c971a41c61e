"""Training in chunks: exact gradients against full backpropagation, and memory against length."""

import pytest
import torch
from torch import nn

from daneel.backbones import build
from daneel.backbones.footprint import Footprint, peak_rss
from daneel.backbones.rwkv import RWKV
from daneel.backbones.streaming import TokenModel, train_streaming
from tests.backbones.hand_made import NAMES, far, generator

VOCABULARY, WIDTH, STEPS = 11, 8, 29


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("places", [2, 32])
def test_exact_mode_is_full_backpropagation(name, places):
    """With few or many kept states, gradients equal those of one pass over the whole sequence."""
    model, tokens = _model(name), _tokens()
    logits, state = model(tokens)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())
    loss.backward()
    expected = _take_gradients(model)
    streamed = train_streaming(model, tokens, 4, exact=True, places=places)
    assert streamed.loss == pytest.approx(float(loss.detach()), rel=1e-10)
    found = _take_gradients(model)
    assert all(far(found[key], expected[key]) <= 1e-8 for key in expected)
    follow, _ = model(tokens[:, :3], streamed.state)
    assert far(follow, model(tokens[:, :3], state)[0]) <= 1e-9


def test_exact_mode_gives_the_gradient_of_the_first_state():
    """As full backpropagation into a state that was carried in."""
    model, tokens = _model("delta"), _tokens()
    _, before = model(tokens[:, :5])
    leaf = {key: value.detach() for key, value in before.items()}
    for value in leaf.values():
        value.requires_grad_(value.is_floating_point())
    logits, _ = model(tokens, leaf)
    nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten()).backward()
    streamed = train_streaming(model, tokens, 7, exact=True, state=before)
    assert streamed.state_gradient is not None
    for key, value in streamed.state_gradient.items():
        grad = leaf[key].grad
        assert grad is not None
        assert far(value, grad) <= 1e-8


def test_truncated_mode_is_backpropagation_cut_at_each_chunk():
    """Gradients of each chunk alone, from the carried state, weighted by its length."""
    model, tokens = _model("gru"), _tokens()
    state, total = None, 0.0
    for piece in tokens.split(10, 1):
        logits, state = model(piece, state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), piece.flatten())
        (loss * piece.shape[1] / STEPS).backward()
        state = {key: value.detach() for key, value in state.items()}
        total += float(loss.detach()) * piece.shape[1] / STEPS
    expected = _take_gradients(model)
    streamed = train_streaming(model, tokens, 10)
    found = _take_gradients(model)
    assert streamed.loss == pytest.approx(total, rel=1e-10)
    assert streamed.state_gradient is None
    assert all(far(found[key], expected[key]) <= 1e-10 for key in expected)


@pytest.mark.parametrize("exact", [False, True])
def test_rwkv_learns_by_its_own_method(exact):
    """`RWKV.train_streaming` lowers the loss on a text that repeats."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        core = RWKV(WIDTH, 1, heads=2)
        embed, head = nn.Embedding(4, WIDTH), nn.Linear(WIDTH, 4)
    tokens = torch.tensor([[0, 1, 2, 3] * 16], dtype=torch.uint8)
    weights = [*core.parameters(), *embed.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, 2e-2)
    losses = [
        core.train_streaming(
            tokens, 16, embed=embed, head=head, exact=exact, optimizer=optimizer
        ).loss
        for _ in range(12)
    ]
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize(
    "tokens", [torch.zeros(3), torch.zeros(1, 0, dtype=torch.int64), torch.zeros(1, 4)]
)
def test_bad_tokens_are_refused(tokens):
    """Tokens are integers [B, T]."""
    with pytest.raises(ValueError, match="tokens has shape"):
        train_streaming(_model("gru"), tokens, 4)


def test_chunks_have_at_least_one_step():
    """A chunk of nothing is refused."""
    with pytest.raises(ValueError, match="chunk is 0"):
        train_streaming(_model("gru"), _tokens(), 0)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["forward", "truncated", "exact"])
def test_memory_does_not_grow_with_the_sequence(mode):
    """Sixteen times as many tokens, within 2 % of the peak memory.

    What an allocator keeps for later only ever adds to a peak: the least of three tells the need.
    """
    short, long = (
        min(peak_rss(Footprint("retention", tokens, 512, mode, dim=32)) for _ in range(3))
        for tokens in (4096, 65_536)
    )
    assert long <= 1.02 * short


def test_an_unknown_mode_is_refused():
    """The message names the modes."""
    with pytest.raises(ValueError, match="forward, truncated, exact"):
        Footprint("gru", 8, mode="both")  # pyright: ignore[reportArgumentType]


def _model(name: str) -> TokenModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        core = build(name, WIDTH, 2)
        model = TokenModel(nn.Embedding(VOCABULARY, WIDTH), core, nn.Linear(WIDTH, VOCABULARY))
    return model.double()


def _tokens() -> torch.Tensor:
    return torch.randint(VOCABULARY, (2, STEPS), generator=generator())


def _take_gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    """The gradients, which are cleared."""
    found = {k: p.grad.clone() for k, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found
