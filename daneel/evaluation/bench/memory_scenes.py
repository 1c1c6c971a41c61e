"""Scenes of two things that are drawn, spoken in tones, and named in words (row T-2).

A scene is (shape, colour, size) of the thing on the left and of the one on the right. Pairs of
things are split: a tenth is never seen in training, though each thing is. A picture moves, dims and
is noisy; a tone is detuned, of any phase and loudness, and noisy; a caption is said in one of
several ways, in which the right thing may come first.

Legend: N scenes, 2 things, 3 attributes; pictures `[N, 3, 20, 40]`, tones `[N, 384]` at 4 kHz.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring")
COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan", "white", "black")
SIZES = (("small", "little", "tiny"), ("big", "large", "huge"))
COUNTS = (len(SHAPES), len(COLOURS), len(SIZES))
THINGS = int(np.prod(COUNTS))
SCENES = THINGS**2

RGB = np.array(
    [
        [0.9, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.2, 0.9], [0.9, 0.9, 0.1],
        [0.7, 0.1, 0.8], [0.1, 0.8, 0.9], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0],
    ],
    np.float32,
)  # fmt: skip
GROUND, NOISE = 0.5, 0.05
"""Grey behind the things, and the deviation of each pixel."""
EDGE, RADII = 20, np.array([4.4, 7.4], np.float32)
"""Pixels of the square around each thing, and its radius by size."""
RATE, SAMPLES, LOWEST, APART = 4000, 64, 250.0, 125.0
"""Samples a second; samples of each tone; lowest tone and the distance of the next, Hz."""
CAPTIONS = ("a {0} left of a {1}", "a {1} right of a {0}", "left a {0} right a {1}")
WORDS = tuple(
    sorted({"a", "left", "right", "of", *SHAPES, *COLOURS, *(word for s in SIZES for word in s)})
)

Random = np.random.Generator


def attributes(scenes: NDArray[np.int64]) -> NDArray[np.int64]:
    """`[N, 2, 3]` of the numbers `[N]` of scenes."""
    things = np.stack(np.divmod(scenes, THINGS), -1)
    return np.stack(np.unravel_index(things, COUNTS), -1)


def split(held: float, random: Random) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of scenes to train on, and of those held out."""
    order = random.permutation(SCENES)
    cut = round(held * SCENES)
    return np.sort(order[cut:]), np.sort(order[:cut])


def draw(scenes: NDArray[np.int64], random: Random) -> NDArray[np.float32]:
    """Pictures `[N, 3, 20, 40]` in [0, 1]."""
    shape, colour, size = np.moveaxis(attributes(scenes), -1, 0)  # each [N, 2]
    centre = (EDGE - 1) / 2 + random.uniform(-1.0, 1.0, (*shape.shape, 2)).astype(np.float32)
    radius = RADII[size] * random.uniform(0.92, 1.08, size.shape).astype(np.float32)
    axis = np.arange(EDGE, dtype=np.float32)
    down = (axis[:, None] - centre[..., :1, None]) / radius[..., None, None]
    across = (axis - centre[..., 1:, None]) / radius[..., None, None]
    inside = np.take_along_axis(_outlines(down, across), shape[..., None, None, None], 2)
    paint = RGB[colour] * random.uniform(0.85, 1.0, (*colour.shape, 1)).astype(np.float32)
    pixels = np.where(inside, paint[..., None, None], np.float32(GROUND))  # [N, 2, 3, 20, 20]
    noise = random.standard_normal(pixels.shape, np.float32) * np.float32(NOISE)
    return np.concatenate(list(np.moveaxis(np.clip(pixels + noise, 0, 1), 1, 0)), -1)


def _outlines(down: NDArray[np.float32], across: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which pixels each shape covers: `[N, 2, 6, 20, 20]`."""
    down, across = np.broadcast_arrays(down, across)
    high, wide = abs(down), abs(across)
    far, square = np.hypot(down, across), np.maximum(high, wide)
    triangle = (down < 0.8) & (wide < (down + 1) / 1.8)
    ring, cross = (far < 1) & (far > 0.55), (square < 1) & (np.minimum(high, wide) < 0.3)
    return np.stack([far < 1, square < 0.85, triangle, high + wide < 1.1, cross, ring], 2)


def speak(scenes: NDArray[np.int64], random: Random) -> NDArray[np.float32]:
    """Sounds `[N, 384]`: six tones, one for each attribute of each thing, left thing first."""
    values = attributes(scenes).reshape(len(scenes), 6)
    hertz = (LOWEST + APART * values) * random.uniform(0.98, 1.02, values.shape)
    phase = random.uniform(0, 2 * np.pi, values.shape)
    time = np.arange(SAMPLES) / RATE
    waves = np.sin(2 * np.pi * hertz[..., None] * time + phase[..., None])
    loud = random.uniform(0.5, 1.0, (*values.shape, 1))
    noise = 0.1 * random.standard_normal(waves.shape)
    return (loud * waves + noise).reshape(len(scenes), -1).astype(np.float32)


def name(scenes: NDArray[np.int64], random: Random) -> list[str]:
    """Captions in words."""
    ways, sizes = random.integers(len(CAPTIONS), size=len(scenes)), len(SIZES[0])
    said = random.integers(sizes, size=(len(scenes), 2))
    return [
        CAPTIONS[way].format(_thing(pair[0], words[0]), _thing(pair[1], words[1]))
        for way, pair, words in zip(ways, attributes(scenes), said, strict=True)
    ]


def _thing(thing: NDArray[np.int64], word: int) -> str:
    shape, colour, size = thing
    return f"{SIZES[size][word]} {COLOURS[colour]} {SHAPES[shape]}"
