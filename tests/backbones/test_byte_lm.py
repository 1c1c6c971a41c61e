"""The byte model over a backbone: convention, state, scoring, sampling."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from daneel.backbones import Backbone, State, build
from daneel.backbones.byte_lm import START, ByteLM, bits, score


class Decay(Backbone):
    """A running mean with a learned map: the smallest core with memory."""

    def __init__(self, dim: int) -> None:
        """One square map."""
        super().__init__()
        self.dim, self.map = dim, nn.Linear(dim, dim)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        resets: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Step by step."""
        s = torch.zeros_like(x[:, 0]) if state is None else state["s"]
        steps = []
        for one in x.unbind(1):
            s = 0.7 * s + one
            steps.append(s)
        return x + self.map(torch.stack(steps, 1)), {"s": s}


def text(batch: int, length: int, seed: int = 0) -> Tensor:
    """Random bytes."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (batch, length), generator=generator, dtype=torch.uint8)


def make(name: str = "decay") -> ByteLM:
    """A small model in float64."""
    torch.manual_seed(0)
    return ByteLM(Decay(16) if name == "decay" else build(name, 16, 1)).double().eval()


@pytest.mark.parametrize("name", ["decay", "identity", "attention", "gru", "retention"])
def test_a_text_in_uneven_pieces_is_the_text_at_once(name: str) -> None:
    """Logits of each piece with the state of the one before."""
    model, data = make(name), text(2, 23)
    whole, _ = model(data)
    state, parts = None, []
    for piece in data.split([1, 7, 2, 13], dim=1):
        logits, state = model(piece, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-9, rtol=0)


def test_a_byte_changes_no_logit_up_to_its_own() -> None:
    """And does change the next one."""
    model, data = make(), text(1, 12)
    other = data.clone()
    other[0, 5] += 1
    before, after = model(data)[0], model(other)[0]
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.allclose(before[:, 6], after[:, 6])


def test_the_loss_is_bits_and_the_gradient_reaches_every_weight() -> None:
    """Eight bits where all bytes are alike likely."""
    model, data = make(), text(2, 9)
    torch.testing.assert_close(bits(torch.zeros(2, 9, 256), data), torch.full((2, 9), 8.0))
    model.loss(data).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    assert model.embedding.weight.grad is not None
    assert model.embedding.weight.grad[START].abs().sum() > 0


@pytest.mark.parametrize("chunk", [1, 5, 64])
def test_a_file_scores_the_same_in_chunks_of_any_size(tmp_path: Path, chunk: int) -> None:
    """By hand from the logits of the whole file."""
    model, data = make(), text(1, 37)
    path = tmp_path / "file"
    path.write_bytes(data.numpy().tobytes())
    found = score(model, path, chunk=chunk)
    expected = bits(model(data)[0], data).sum().item()
    assert found.bytes == 37 and found.bits == pytest.approx(expected, rel=1e-5)
    assert found.bits_per_byte == pytest.approx(expected / 37, rel=1e-5)
    assert score(model, path, chunk=chunk, limit=10).bytes == 10


def test_a_bounded_context_begins_anew(tmp_path: Path) -> None:
    """Every ten bytes: as ten rows of their own."""
    model, data = make(), text(1, 40)
    path = tmp_path / "file"
    path.write_bytes(data.numpy().tobytes())
    rows = data.reshape(4, 10)
    expected = bits(model(rows)[0], rows).sum().item()
    assert score(model, path, chunk=5, context=10).bits == pytest.approx(expected, rel=1e-5)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """There is nothing to divide by."""
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is empty"):
        score(make(), tmp_path / "file")


def test_greedy_sampling_is_what_the_logits_say() -> None:
    """Each byte is the likeliest after those before it, in two calls as in one."""
    model, generator = make(), torch.Generator().manual_seed(0)
    written, _ = model.sample(9, generator, batch=2, temperature=0)
    assert torch.equal(model(written)[0].argmax(-1), written)
    first, state = model.sample(4, generator, batch=2, temperature=0)
    second, _ = model.sample(5, generator, batch=2, state=state, temperature=0)
    assert torch.equal(torch.cat([first, second], 1), written)


def test_the_same_generator_writes_the_same_text() -> None:
    """And a prompt's state is gone on from."""
    model = make()
    _, state = model(text(2, 6))
    once, again = (
        model.sample(8, torch.Generator().manual_seed(3), batch=2, state=state)[0] for _ in range(2)
    )
    assert torch.equal(once, again) and once.shape == (2, 8)


def test_it_learns_an_alternation() -> None:
    """From eight bits a byte to nearly none."""
    torch.manual_seed(0)
    model, data = ByteLM(Decay(16)), torch.tensor([[65, 66] * 16])
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(80):
        optimiser.zero_grad()
        model.loss(data).backward()
        optimiser.step()
    assert model.loss(data).item() < 0.5


@pytest.mark.parametrize("data", [torch.zeros(3), torch.zeros(2, 0).long(), torch.zeros(2, 3)])
def test_what_are_not_bytes_is_refused(data: Tensor) -> None:
    """Rank, length and dtype, with what was seen."""
    with pytest.raises(ValueError, match=r"data is torch\..*Expected whole numbers \[B, T\]"):
        make()(data)


def test_a_state_of_other_rows_is_refused() -> None:
    """Both numbers are named."""
    model = make()
    _, state = model(text(2, 4))
    with pytest.raises(ValueError, match="state has 2 rows, but data has 3"):
        model(text(3, 4), state)
