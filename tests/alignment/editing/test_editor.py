"""Edits of a small trained model: said, local, of rank one, taken back bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from daneel.alignment.editing import (
    Fact,
    GradientPatchEditor,
    Place,
    Search,
    complete,
    locate,
    perplexity,
)
from daneel.alignment.interpretability.planted import TokenNetwork
from daneel.alignment.interpretability.sites import Site, recorded
from daneel.backbones import build
from daneel.errors import ConfigError

PEOPLE, OBJECTS = 10, 6


def prompt(person: int, relation: int) -> tuple[int, int, int]:
    """A full stop, who, and what is asked."""
    return (0, 1 + person, 1 + PEOPLE + relation)


def facts() -> list[Fact]:
    """Each person has two objects."""
    return [
        Fact(prompt(p, r), 1, (1 + PEOPLE + 2 + (3 * p + 2 * r + p * r) % OBJECTS,))
        for p in range(PEOPLE)
        for r in range(2)
    ]


def text() -> Tensor:
    """Every fact once."""
    return torch.tensor([[*fact.prompt, *fact.target] for fact in facts()])


@pytest.fixture(scope="module")
def model() -> TokenNetwork:
    """A model that knows all of it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = TokenNetwork(1 + PEOPLE + 2 + OBJECTS, build("attention", 32, 2, heads=2))
    optimiser = torch.optim.Adam(made.parameters(), 1e-2)
    for _ in range(120):
        loss = F.cross_entropy(made(text()[:, :-1])[:, -1], text()[:, -1])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert all(complete(made, fact.prompt) == fact.target for fact in facts())
    return made.eval()


def other_object(fact: Fact) -> Fact:
    """The same prompt with an object that is not true."""
    base = 1 + PEOPLE + 2
    return Fact(fact.prompt, fact.subject, (base + (fact.target[0] - base + 1) % OBJECTS,))


def test_an_edit_is_said_stays_local_and_is_taken_back(model: TokenNetwork) -> None:
    """An edit is said, stays local and is taken back."""
    place = locate(model, facts())[0]
    editor = GradientPatchEditor(model, place, [text()])
    before = editor.weight.detach().clone()
    asked = facts()[6]
    others = [fact for fact in facts() if fact.prompt != asked.prompt]
    report = editor.edit(other_object(asked), others=others, held_out=[text()])
    assert report.said and report.kept >= 0.9 and report.perplexity[1] > report.perplexity[0]
    assert complete(model, asked.prompt) == other_object(asked).target
    patch = (editor.weight - before).detach()
    sizes = torch.linalg.svdvals(patch)
    assert float(sizes[1]) < 1e-4 * float(sizes[0])  # rank one
    editor.undo()
    assert torch.equal(editor.weight, before) and complete(model, asked.prompt) == asked.target


def test_the_patch_maps_the_key_to_a_value_that_says_the_object(model: TokenNetwork) -> None:
    """W' k is the value that was found; other keys of the text hardly move."""
    place = next(p for p in locate(model, facts()) if p.token == "last")
    editor = GradientPatchEditor(model, place, [text()], search=Search(ridge=1e-6))
    asked = facts()[3]
    site = Site(place.module, "input")
    with torch.no_grad(), recorded(model, [site]) as kept:
        model(text()[:, :-1])
    keys = kept[site][:, -1]
    before = editor.weight.detach().clone()
    editor.edit(other_object(asked))
    moved = (keys @ (editor.weight - before).T).norm(dim=1).detach()
    editor.undo()
    assert int(moved.argmax()) == 3
    assert float(moved[3]) > 5 * float(moved[[i for i in range(len(moved)) if i != 3]].median())


def test_causal_tracing_finds_the_only_layer_that_matters(model: TokenNetwork) -> None:
    """A layer whose MLP is silenced brings nothing back, at either token."""
    quiet = TokenNetwork(1 + PEOPLE + 2 + OBJECTS, build("attention", 32, 2, heads=2)).eval()
    quiet.load_state_dict(model.state_dict())
    weight = quiet.get_submodule("backbone.layers.0.mlp.down").weight
    assert isinstance(weight, Tensor)
    with torch.no_grad():
        weight.zero_()
    effects = {(p.module, p.token): p.effect for p in locate(quiet, facts())}
    assert effects["backbone.layers.0.mlp.down", "subject"] == pytest.approx(0, abs=1e-5)
    assert effects["backbone.layers.0.mlp.down", "last"] == pytest.approx(0, abs=1e-5)
    assert max(effects.values()) == effects["backbone.layers.1.mlp.down", "last"] > 0.1


def test_perplexity_of_a_uniform_model_is_its_vocabulary() -> None:
    """Perplexity of a uniform model is its vocabulary."""

    class Uniform(torch.nn.Module):
        def forward(self, rows: Tensor) -> Tensor:
            return torch.zeros(*rows.shape, 7)

    assert perplexity(Uniform(), torch.zeros(2, 5, dtype=torch.long)) == pytest.approx(7)


def test_what_cannot_be_edited_is_refused(model: TokenNetwork) -> None:
    """What cannot be edited is refused."""
    with pytest.raises(ConfigError, match="subject ends at 3"):
        Fact((0, 1, 2), 3, (4,))
    with pytest.raises(ConfigError, match=r"mlp\.down"):
        GradientPatchEditor(model, Place("nowhere", "last", 0.0), [text()])
    with pytest.raises(ConfigError, match="no edit to undo"):
        GradientPatchEditor(model, locate(model, facts())[0], [text()]).undo()
    with pytest.raises(ConfigError, match="0 pairs"):
        locate(model, facts()[:1])
