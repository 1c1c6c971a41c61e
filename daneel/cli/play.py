"""`daneel play`: film a trained agent."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from daneel.agents import Agent
from daneel.cli.eval import named
from daneel.envs import EnvConfig, make_single, write_video
from daneel.errors import ConfigError, RenderError
from daneel.training import EpisodeResult, load_agent, run_episodes

FALLBACK_FPS = 30.0
MAX_FPS = 60.0
NO_VIDEO = 2


@dataclass(frozen=True)
class Options:
    """Run episodes without exploration and write them to one video."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run folder."""

    video: Path | None = None
    """The .mp4 to write; RUN/videos/play.mp4 when left out."""

    episodes: int = 1
    """How many episodes, one after the other."""

    env: str | None = None
    """Play in this environment instead of where it was trained."""

    which: str | None = None
    """Checkpoint: released, latest or step-N; the released one where there is one, else the
    latest."""

    seed: int = 0
    """Seed of the episodes: same seed, same episodes."""

    size: tuple[int, int] = (360, 480)
    """Height and width in pixels."""

    max_steps: int | None = None
    """Cut an episode after this many decisions."""

    json: bool = False
    """Print one JSON object."""

    def __post_init__(self) -> None:
        """Checks numbers and the kind of file.

        Raises:
            ConfigError: One is outside its range.
        """
        if self.episodes < 1:
            raise ConfigError(f"episodes is {self.episodes}. Expected at least 1.")
        if self.video is not None and self.video.suffix != ".mp4":
            raise ConfigError(
                f"video is {str(self.video)!r}. Expected a name that ends in .mp4. "
                f"Type `daneel play {self.run} --video {self.video.with_suffix('.mp4')}`."
            )


def run(options: Options) -> int:
    """Plays and films; without a renderer it still plays, and says what to type to see it."""
    agent, trained, which = load_agent(options.run, options.which)
    env = replace(trained.env, num_envs=1)
    if options.env is not None:
        env = EnvConfig(id=options.env, action_repeat=trained.env.action_repeat)
    print(f"{env.id}, {named(which)} of {options.run}", file=sys.stderr)
    try:
        results = _play(agent, env, options, render=options.size)
    except RenderError as error:
        _report(_play(agent, env, options, render=None), None, which, options)
        print(f"No video was written. {error}", file=sys.stderr)
        return NO_VIDEO
    path = options.video or options.run / "videos" / "play.mp4"
    write_video(_frames(results), path, _fps(env))
    _report(results, path, which, options)
    return 0


def _play(
    agent: Agent, env: EnvConfig, options: Options, render: tuple[int, int] | None
) -> list[EpisodeResult]:
    return run_episodes(
        agent, env, options.episodes, options.seed, render=render, max_steps=options.max_steps
    )


def _frames(results: Sequence[EpisodeResult]) -> list[np.ndarray]:
    return [frame for result in results for frame in result.frames or ()]


def _fps(env: EnvConfig) -> float:
    """Frames a second at which a decision lasts as long as in the simulation, within reason."""
    world = make_single(env)
    try:
        return min(float(world.metadata.get("render_fps", FALLBACK_FPS)), MAX_FPS)
    finally:
        world.close()


def _report(
    results: Sequence[EpisodeResult], path: Path | None, which: str, options: Options
) -> None:
    if options.json:
        episodes = [
            {"return": r.return_, "length": r.length, "success": r.success, "seed": r.seed}
            for r in results
        ]
        video = None if path is None else str(path)
        print(json.dumps({"video": video, "checkpoint": which, "episodes": episodes}))
        return
    for at, result in enumerate(results, start=1):
        success = {True: ", success", False: ", no success", None: ""}[result.success]
        print(f"episode {at}: return {result.return_:,.1f}, {result.length} decisions{success}")
    if path is not None:
        print(path)
