"""The language-model bench: same data for all, sizes that match, records."""

from pathlib import Path

import pytest
import torch

from daneel.backbones import build
from daneel.backbones.byte_lm import ByteLM
from daneel.evaluation.bench import lm, lm_models
from daneel.evaluation.bench.lm import Options, Trained

SMALL = Options(
    names=("attention", "gru"), seeds=(0,), steps=3, batch=2, length=16, dim=16, depth=1
)
DATA = torch.arange(2_000).remainder(64).to(torch.uint8)


def test_batches_depend_on_the_seed_alone() -> None:
    """And are pieces of the text."""
    once, again = (torch.stack(list(lm.batches(DATA, 1, SMALL))) for _ in range(2))
    other = torch.stack(list(lm.batches(DATA, 2, SMALL)))
    assert torch.equal(once, again) and not torch.equal(once, other)
    assert once.shape == (3, 2, 16)
    steps = once.long().diff(dim=-1).remainder(64)
    assert (steps == 1).all()


def test_models_have_about_the_size_of_attention() -> None:
    """Whatever is in their layers."""
    target = lm_models.size(ByteLM(build("attention", 64, 2)))
    for name in ("gru", "retention", "mamba2"):
        assert lm_models.size(lm_models.matched(name, 64, 2, target)()) == pytest.approx(
            target, rel=0.12
        )


def test_megabyte_costs_a_third_of_the_flat_model_or_less() -> None:
    """At the bench's own sizes."""
    options = Options()
    made = lm_models.patched(options.dim, options.depth)
    flops = {name: lm.flops(make(), options) for name, make in made.items()}
    assert flops[lm.FLAT] >= 3 * flops[lm.MEGABYTE]


def test_a_training_is_the_same_twice(tmp_path: Path) -> None:
    """Same seed, same bits; the curve has a point a step."""
    later = tmp_path / "later"
    later.write_bytes(bytes(DATA[:100].tolist()))
    make = lm_models.models(["gru"], SMALL.dim, SMALL.depth)["gru"]
    once, again = (lm.train(make, DATA, later, 0, SMALL) for _ in range(2))
    assert once.bits == again.bits and 4 < once.bits < 9
    assert [bytes_seen for bytes_seen, _ in once.curve] == [32, 64, 96]


def test_the_learning_rate_rises_and_falls() -> None:
    """To its peak after a tenth, down to a tenth of it."""
    shares = [lm.share_of_lr(step, 100) for step in range(100)]
    assert shares[0] == pytest.approx(0.1) and max(shares) == pytest.approx(1)
    assert shares[-1] == pytest.approx(0.1, abs=0.01)


def test_ratios_are_taken_seed_by_seed() -> None:
    """By hand, with the bars of rows C-1 and C-4."""

    def trained(bits: float, flops: float) -> Trained:
        return Trained(bits, 100, flops, 1.0, 1.0)

    found = {
        "attention": {seed: trained(2.0 + seed, 1.0) for seed in range(3)},
        "gru": {seed: trained(2.2 + seed, 1.0) for seed in range(3)},
        lm.FLAT: {seed: trained(2.0, 9.0) for seed in range(3)},
        lm.MEGABYTE: {seed: trained(2.08, 3.0) for seed in range(3)},
    }
    records = {(item.measure, item.subject): item for item in lm.records(found, Options())}
    ratio = records[lm.TO_ATTENTION, "gru"]
    assert ratio.figure == pytest.approx((1.1 + 3.2 / 3 + 1.05) / 3) and ratio.met is False
    assert ratio.interval is not None
    assert records[lm.RATIO_BITS, lm.MEGABYTE].figure == pytest.approx(1.04)
    assert records[lm.RATIO_BITS, lm.MEGABYTE].met is True
    assert records[lm.RATIO_FLOPS, lm.MEGABYTE].met is True
