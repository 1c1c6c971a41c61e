"""A contact sheet for each suite's page: every task after some random actions, with its name.

python benchmarks/suite_pictures.py docs/images/suites [SUITE ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from daneel.envs import make_single
from daneel.envs.suites import Skill, load_suite, suite_names

TILE, LABEL, COLUMNS, QUALITY = 120, 15, 7, 78
"""Pixels of a picture's side and of the name under it, pictures in a row, of JPEG."""
STEPS = 5
"""Random decisions before the picture: some robots start folded up outside of the camera's view."""


def main(folder: Path, names: list[str]) -> None:
    """Draws every suite that is named, or all."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Image.Image] = {}
    for name in names or suite_names():
        skills = load_suite(name).skills
        for skill in skills:
            if skill.name not in pictures:
                pictures[skill.name] = picture(skill)
        path = folder / f"{name}.jpg"
        sheet([pictures[skill.name] for skill in skills]).save(path, quality=QUALITY)
        print(f"{path}: {len(skills)} tasks, {path.stat().st_size / 1e3:.0f} kB", flush=True)


def picture(skill: Skill) -> Image.Image:
    """The task a moment after its start, its name below."""
    env = make_single(skill.config(), render=(TILE, TILE))
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(STEPS):
        env.step(env.action_space.sample())
    frame = np.asarray(env.render(), dtype=np.uint8)
    env.close()
    tile = Image.new("RGB", (TILE, TILE + LABEL), "white")
    tile.paste(Image.fromarray(frame), (0, 0))
    write = ImageDraw.Draw(tile)
    write.text((2, TILE + 1), skill.name, fill="black", font=ImageFont.load_default(10))
    return tile


def sheet(tiles: list[Image.Image]) -> Image.Image:
    """The tiles in rows."""
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    page = Image.new("RGB", (columns * (TILE + 4), rows * (TILE + LABEL + 4)), "white")
    for at, tile in enumerate(tiles):
        column, row = at % columns, at // columns
        page.paste(tile, (column * (TILE + 4), row * (TILE + LABEL + 4)))
    return page


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
