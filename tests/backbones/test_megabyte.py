"""MegaByte: nothing leaks, pieces agree with the whole, fewer FLOPs, long files."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from daneel.backbones import build
from daneel.backbones.byte_lm import ByteLM, ByteModel, bits, score
from daneel.backbones.megabyte import MegaByte

PATCH = 4
across = pytest.mark.parametrize("cross_patch", [False, True])


def make(name: str = "gru", local: str = "gru", *, cross_patch: bool = False) -> MegaByte:
    """A small model in float64."""
    torch.manual_seed(0)
    model = MegaByte.of(
        name, local, patch=PATCH, cross_patch=cross_patch, dims=(16, 8), depths=(1, 1)
    )
    torch.nn.init.normal_(speaks(model))  # it begins at zero
    return model.double().eval()


def speaks(model: MegaByte) -> Tensor:
    """The weights by which the global model speaks to the local one."""
    weight = model.to_local[1].weight
    assert isinstance(weight, Tensor)
    return weight


def text(batch: int, length: int) -> Tensor:
    """Random bytes."""
    return torch.randint(256, (batch, length), generator=torch.Generator().manual_seed(1))


def by_hand(model: MegaByte, data: Tensor) -> Tensor:
    """Logits patch by patch and byte by byte, as the paper's figure 2 reads."""
    rows = []
    for row in data:
        patches = row.reshape(-1, PATCH)
        before = torch.cat([torch.full((1, PATCH), 256), patches[:-1]])
        y, _ = model.global_model(model.global_embedding(before).flatten(1)[None])
        logits, state, last = [], None, torch.tensor([256])
        for patch, context in zip(patches, model.to_local(y)[0], strict=True):
            seen = torch.cat([last, patch[:-1]])
            x = model.local_embedding(seen) + context.reshape(PATCH, -1)
            z, after = model.local_model(x[None], state)
            logits.append(model.head(model.norm(z[0])))
            if model.cross_patch:
                state, last = after, patch[-1:]
        rows.append(torch.cat(logits))
    return torch.stack(rows)


@across
def test_the_batched_form_is_the_loop(cross_patch: bool) -> None:
    """Values and gradients."""
    model, data = make(cross_patch=cross_patch), text(2, 5 * PATCH)
    fast, naive = model(data)[0], by_hand(model, data)
    torch.testing.assert_close(fast, naive, atol=1e-12, rtol=0)
    weights = list(model.parameters())
    ours = torch.autograd.grad(bits(fast, data).mean(), weights)
    loops = torch.autograd.grad(bits(naive, data).mean(), weights)
    for one, other in zip(ours, loops, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


@across
@pytest.mark.parametrize(
    "names", [("gru", "gru"), ("attention", "attention"), ("retention", "gru")]
)
def test_no_byte_leaks_into_logits_up_to_its_own(names: tuple[str, str], cross_patch: bool) -> None:
    """Every byte of three patches is changed in turn; the next logit does change."""
    model, data = make(*names, cross_patch=cross_patch), text(1, 3 * PATCH)
    before = model(data)[0]
    for at in range(data.shape[1]):
        other = data.clone()
        other[0, at] = (other[0, at] + 1) % 256
        after = model(other)[0]
        torch.testing.assert_close(after[:, : at + 1], before[:, : at + 1], atol=1e-12, rtol=0)
        if at + 1 < data.shape[1]:
            assert (after[:, at + 1] - before[:, at + 1]).abs().max() > 1e-9


@across
@pytest.mark.parametrize("pieces", [(1, 2, 3, 4, 5), (4, 4, 7), (15,), (3, 12), (8, 1, 6)])
def test_uneven_pieces_agree_with_the_whole(pieces: tuple[int, ...], cross_patch: bool) -> None:
    """Pieces that end within a patch too."""
    model, data = make(cross_patch=cross_patch), text(2, 15)
    whole = by_hand(model, torch.cat([data, data[:, :1]], 1))[:, :15]
    state, parts = None, []
    for piece in data.split(list(pieces), dim=1):
        logits, state = model(piece, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-12, rtol=0)


@across
@pytest.mark.parametrize("prompt", [0, 3, 4, 6])
def test_greedy_sampling_is_what_the_logits_say(prompt: int, cross_patch: bool) -> None:
    """After prompts that end anywhere, in two calls as in one."""
    model, data = make(cross_patch=cross_patch), text(2, 6)[:, :prompt]
    generator = torch.Generator().manual_seed(0)
    state = model(data)[1] if prompt else None
    written, _ = model.sample(11, generator, batch=2, state=state, temperature=0)
    known = torch.cat([data, written], 1)
    assert torch.equal(model(known)[0][:, prompt:].argmax(-1), written)
    first, middle = model.sample(5, generator, batch=2, state=state, temperature=0)
    second, _ = model.sample(6, generator, batch=2, state=middle, temperature=0)
    assert torch.equal(torch.cat([first, second], 1), written)


@across
def test_a_file_scores_the_same_in_chunks_of_any_size(tmp_path: Path, cross_patch: bool) -> None:
    """Also of sizes that are no multiple of the patch."""
    model, data = make(cross_patch=cross_patch), text(1, 50)
    path = tmp_path / "file"
    path.write_bytes(bytes(data[0].tolist()))
    scores = [score(model, path, chunk=chunk).bits for chunk in (3, 8, 21, 64)]
    assert scores == pytest.approx([bits(model(data)[0], data).sum().item()] * 4, rel=1e-5)


def test_a_million_bytes_are_scored_in_the_memory_of_a_chunk(tmp_path: Path) -> None:
    """The state after a million bytes is as large as after a chunk."""
    torch.manual_seed(0)
    model = MegaByte.of("identity", "identity", patch=PATCH, dims=(8, 4), depths=(1, 1))
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 3_907)
    found = score(model, path, chunk=65_536)
    assert found.bytes == 1_000_192 and 7 < found.bits_per_byte < 9


def flops(model: ByteModel, length: int) -> int:
    """Of a forward pass, as torch counts them."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(text(1, length))
    return counter.get_total_flops()


def test_the_local_model_sees_over_the_border_only_when_told_to() -> None:
    """With a global model that says nothing, the second patch depends on the first or does not."""
    for cross_patch in (False, True):
        model, data = make(cross_patch=cross_patch), text(1, 2 * PATCH)
        torch.nn.init.zeros_(speaks(model))
        other = data.clone()
        other[0, PATCH - 1] = (data[0, PATCH - 1] + 1) % 256
        moved = (model(data)[0] - model(other)[0])[:, PATCH:].abs().max().item()
        assert (moved > 1e-6) is cross_patch


def test_it_costs_a_fraction_of_a_flat_model_of_its_global_width() -> None:
    """The global model runs on a fourth of the steps, the local one is narrow."""
    torch.manual_seed(0)
    small = MegaByte.of("attention", "attention", patch=4, dims=(64, 32), depths=(3, 1))
    flat = ByteLM(build("attention", 64, 3))
    assert flops(flat, 256) > 1.8 * flops(small, 256)


def test_a_patch_that_does_not_divide_the_width_is_refused() -> None:
    """Both numbers are named."""
    with pytest.raises(ValueError, match=r"patch is 5 .* width 16"):
        MegaByte(build("identity", 16), build("identity", 8), patch=5)


def test_a_state_of_another_model_is_refused() -> None:
    """Rows and patch are compared."""
    model = make()
    _, state = model(text(2, 5))
    with pytest.raises(ValueError, match=r"state\['patch'\] has the shape \(2, 4\)"):
        model(text(3, 5), state)
