"""The data and the small models of `daneel bench memory --parts attention`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from daneel.evaluation.bench import memory_crossmodal as crossmodal
from daneel.evaluation.bench import memory_encoders as encoders
from daneel.evaluation.bench import memory_links as links
from daneel.evaluation.bench import memory_retraining as retraining
from daneel.evaluation.bench import memory_scenes as scenes
from daneel.evaluation.bench.memory_hopfield import CEILING, Load, recalled
from daneel.memory.attention import ClassicalRule, ModernRule
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.multimodal import CrossModalMemory


def random(seed: int = 0) -> np.random.Generator:
    """A generator of its own."""
    return np.random.default_rng(seed)


def test_rules_and_ceiling_see_the_same_probes() -> None:
    """Three patterns of 32 bits: the modern rule and the nearest neighbour make no mistake."""
    rules = {"modern": ModernRule(), "classical": ClassicalRule()}
    right, trials = recalled(Load(3, 32), rules, seed=0, probes=300)
    assert trials == 300
    assert right["modern"] == right[CEILING] == 300
    assert 240 < right["classical"] < 300


def test_streams_ask_for_what_they_told() -> None:
    """Every key once, after the gap, with the value that followed it."""
    data = links.streams(5, 40, torch.Generator().manual_seed(0))
    for tokens, answers in zip(data.tokens.tolist(), data.answers.tolist(), strict=True):
        asked = [at for at, answer in enumerate(answers) if answer != links.IGNORED]
        assert len({tokens[at] for at in asked}) == links.PAIRS
        assert asked[0] >= links.PAIRS * links.BEFORE + 40
        for at in asked:
            told = tokens.index(tokens[at])
            assert told < links.PAIRS * links.BEFORE
            assert tokens[told + 1] - links.KEYS == answers[at]
            assert tokens[at - 1] == links.ASK


@pytest.mark.parametrize("slots", [0, 8])
def test_a_streamed_model_equals_one_call(slots: int) -> None:
    """State and slots are carried over windows."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = links.Recaller("gru", 16, slots).eval()
    tokens = links.streams(2, 40, torch.Generator().manual_seed(0)).tokens
    torch.testing.assert_close(model.streamed(tokens, steps=32), model(tokens))


def test_transcripts_follow_the_rule_of_their_room() -> None:
    """One chunk a room, in order; the same thing seen asks for the same action there."""
    rows = retraining.transcripts(0)
    assert len(rows) == retraining.ROOMS * retraining.PLAN.every
    rules = dict[tuple[int, int], int]()
    for at, (tokens, actions) in enumerate(rows):
        room = int(tokens[0])
        assert room == at // retraining.PLAN.every
        for seen, action in zip(tokens[1:].tolist(), actions[1:].tolist(), strict=True):
            assert rules.setdefault((room, seen), action) == action


def test_scenes_are_split_by_pairs_only() -> None:
    """A tenth of the pairs is held out, and every thing is in both parts."""
    known, held = scenes.split(0.1, random())
    assert len(np.union1d(known, held)) == scenes.SCENES == len(known) + len(held)
    assert abs(len(held) / scenes.SCENES - 0.1) < 0.001
    assert len(np.unique(held // scenes.THINGS)) == scenes.THINGS


def test_showings_have_all_attributes_of_a_scene() -> None:
    """Words say them, tones have their pitch, and colours stand where their thing is."""
    which = random().integers(scenes.SCENES, size=50)
    captions, sounds = scenes.name(which, random(1)), scenes.speak(which, random(2))
    pictures = scenes.draw(which, random(3))
    assert pictures.shape == (50, 3, scenes.EDGE, 2 * scenes.EDGE)
    tones = sounds.reshape(50, 6, scenes.SAMPLES) * np.hanning(scenes.SAMPLES)
    hertz = np.abs(np.fft.rfft(tones, 4096)).argmax(-1) * scenes.RATE / 4096
    for at, pair in enumerate(scenes.attributes(which)):
        for side, (shape, colour, size) in enumerate(pair):
            assert scenes.SHAPES[shape] in captions[at]
            assert scenes.COLOURS[colour] in captions[at]
            assert any(word in captions[at].split() for word in scenes.SIZES[size])
            half = pictures[at, :, :, side * scenes.EDGE : (side + 1) * scenes.EDGE]
            apart = np.abs(half - scenes.RGB[colour][:, None, None]).sum(0)
            assert (apart < 0.6).mean() > 0.02
        wanted = scenes.LOWEST + scenes.APART * pair.ravel()
        assert (np.abs(hertz[at] - wanted) < scenes.APART / 2).all()


def test_training_sees_no_held_scene_and_near_ones() -> None:
    """Half of a batch are neighbours of the other half."""
    known, held = scenes.split(0.1, random())
    which = encoders._batch(known, 192, random(1))
    assert not np.isin(which, held).any()
    shown = scenes.attributes(which).reshape(len(which), 6)
    differ = (shown[:, None] != shown[None]).sum(-1)
    assert ((differ == 1).any(1)).mean() > 0.6


def test_a_short_training_finds_unseen_pairs_across_modalities() -> None:
    """Sixty steps are enough to be far above chance, through the memory itself."""
    known, held = scenes.split(0.1, random())
    model, losses = encoders.train(known, 60, random(1), batch=96)
    assert losses[-1] < losses[0]
    with InMemoryStore(encoders.DIM) as store:
        callables = {name: model.encoder(name) for name in encoders.MODALITIES}
        memory, empty = CrossModalMemory(store, callables), np.empty((3, 0), np.int64)
        stored = crossmodal.stream(memory, empty, 600, random(2))
        assert len(memory) == stored.size == 600
        right, trials = crossmodal.ask(memory, stored, held, "audio", "text", random(3))
    assert trials == len(np.intersect1d(stored[0], held)) > 10
    assert right / trials > 0.2  # chance is one in two hundred
