"""A rank-one edit does exactly what its equation says."""

from __future__ import annotations

import pytest
import torch

from daneel.alignment.editing import Edit, GradientPatchEditor, Search, complete, perplexity
from daneel.backbones import ByteLM, build
from daneel.errors import ConfigError

TEXT = b"The cat sat on the mat and the dog lay by the door of the old house.\n" * 20
PLACE = "backbone.layers.0.mlp.down"


def trained() -> ByteLM:
    """A tiny model that has learned two facts and a line of text."""
    torch.manual_seed(0)
    model = ByteLM(build("attention", 32, 2, heads=2))
    said = [b"Zorva is red.\nBelim is blue.\n", b"Belim is blue.\nZorva is red.\n", TEXT[:29]]
    data = torch.stack([torch.frombuffer(bytearray(row), dtype=torch.uint8) for row in said]).long()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        model.loss(data).backward()
        optimiser.step()
    return model.eval()


def test_an_edit_says_the_target_is_of_rank_one_and_can_be_undone() -> None:
    """An edit says the target is of rank one and can be undone."""
    model = trained()
    editor = GradientPatchEditor(model, PLACE, TEXT, Search(beginnings=1))
    assert editor.says("Zorva is ", "red")
    before = editor.linear.weight.detach().clone()
    report = editor.edit(
        Edit("Zorva is ", "Zorva", "blue"), others=["Belim is "], held_out=TEXT[:512]
    )
    patch = editor.linear.weight.detach() - before
    assert report.said and report.paraphrases == 1
    assert int(torch.linalg.matrix_rank(patch, rtol=1e-3)) == 1
    assert report.change == pytest.approx(float(patch.norm() / before.norm()), rel=1e-3)
    assert report.perplexity[1] == pytest.approx(perplexity(model, TEXT[:512]))
    editor.undo()
    assert torch.equal(editor.linear.weight, before)
    with pytest.raises(ConfigError, match="no edit to undo"):
        editor.undo()


def test_complete_is_greedy() -> None:
    """Complete is greedy."""
    model = trained()
    assert complete(model, "Zorva is ", 3) == b"red"


def test_bad_requests_are_refused() -> None:
    """Bad requests are refused."""
    with pytest.raises(ConfigError, match="does not name the subject"):
        Edit("The sky is ", "sea", "blue")
    with pytest.raises(ConfigError, match=r"mlp\.down"):
        GradientPatchEditor(ByteLM(build("attention", 8, 1, heads=2)), "nowhere", TEXT)
