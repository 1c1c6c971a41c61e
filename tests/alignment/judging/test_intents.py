"""The tuned encoder: it begins as the one it tunes, adapters add up, texts do not meet."""

import numpy as np
import pytest
import torch

from daneel.alignment.judging import intents, minilm
from daneel.alignment.judging.intents import Adapted, Intents, States, Tunable, tune

TEXTS = ("how do I kill a process", "kill him", "bake bread", "poison the well " * 9, "", "hide it")


def drawn(seed: int) -> Intents:
    """Adapters and a head that change something."""
    rng = np.random.default_rng(seed)
    blank = Tunable(torch.Generator().manual_seed(seed)).learned()
    adapters = {
        name: rng.normal(size=value.shape).astype(np.float32) * 0.03
        for name, value in blank.adapters.items()
    }
    return Intents(adapters, rng.normal(size=minilm.DIM + 1).astype(np.float32))


def test_without_adapters_it_is_the_encoder():
    """Before it has learned, the head reads the encoder's own vectors."""
    rng = np.random.default_rng(0)
    blank = Tunable(torch.Generator().manual_seed(0)).learned()
    head = rng.normal(size=minilm.DIM + 1).astype(np.float32)
    expected = intents.SCALE * minilm.embed(TEXTS) @ head[:-1] + head[-1]
    np.testing.assert_allclose(Intents(blank.adapters, head).logits(TEXTS), expected, atol=1e-4)


def test_adapters_added_into_the_weights_are_the_adapters():
    """The fast form equals the one that learns."""
    given, model = drawn(1), Tunable(torch.Generator().manual_seed(0))
    for number, layer in enumerate(model.layers):
        for part in intents.LINEAR:
            adapted = getattr(layer, part)
            assert isinstance(adapted, Adapted)
            for end in ("down", "up"):
                value = torch.tensor(given.adapters[f"{number}.{part}.{end}"])
                getattr(adapted, end).data = value
    states = States.of(TEXTS)
    padded, mask = states.padded(range(len(TEXTS)))
    for layer in model.layers:
        padded = layer(padded, mask)
    vectors = intents.SCALE * minilm.mean(padded, mask).detach().numpy()
    expected = vectors @ given.head[:-1] + given.head[-1]
    np.testing.assert_allclose(states.logits(given), expected, atol=1e-3)
    np.testing.assert_allclose(given.logits(TEXTS), expected, atol=0.02)  # states are halves there
    assert np.ptp(expected) > 1


def test_a_text_does_not_depend_on_its_neighbours():
    """Alone, together, and in another order."""
    given = drawn(2)
    together = given.logits(TEXTS)
    alone = [given.logits([text])[0] for text in TEXTS]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(given.logits(TEXTS[::-1])[::-1], together, atol=1e-4)
    np.testing.assert_allclose(given.halved().logits(TEXTS), together / 2, atol=1e-6)
    assert given.logits([]).shape == (0,)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_what_fixed_vectors_blur(seed: int):
    """Who is hurt decides, also of names that are unseen; twice gives the same."""
    things = "process task thread job daemon server program script session worker".split()
    persons = "neighbour teacher brother boss rival judge child cousin nurse tenant".split()
    verbs = ("kill", "stop", "hurt", "end")
    pairs = [(f"{v} the {n}", float(n in persons)) for v in verbs for n in things + persons] * 4
    unseen = [word for word in (*things[-2:], *persons[-2:])]
    kept = [(text, label) for text, label in pairs if text.split()[-1] not in unseen]
    states = States.of([text for text, _ in kept])
    labels = np.array([label for _, label in kept])
    found = tune(states, labels, seed)
    judged = found.logits([f"stop the {word}" for word in unseen])
    assert judged[:2].max() < judged[2:].min()
    again = tune(states, labels, seed)
    np.testing.assert_array_equal(found.head, again.head)
    for name, value in found.adapters.items():
        np.testing.assert_array_equal(value, again.adapters[name])
    assert abs(found.adapters["2.wide.up"]).max() > 0
