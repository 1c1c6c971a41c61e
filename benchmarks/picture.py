"""The README's picture: a trained agent in six moments of an episode, and how it learned.

python benchmarks/picture.py RUN docs/images/NAME.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from daneel.evaluation import curves
from daneel.training import load_agent, run_episodes

MOMENTS = 6
SIZE = (300, 300)


def main(run: Path, picture: Path) -> None:
    """Films one episode of `run` and draws it above the run's curve."""
    agent, config, which = load_agent(run)
    (episode,) = run_episodes(agent, config.env, 1, config.seed, render=SIZE)
    assert episode.frames is not None
    last = min(len(episode.frames), 120) - 1
    moments = np.linspace(0, last, MOMENTS).astype(int)
    figure = plt.figure(figsize=(9, 4.6), dpi=130, layout="constrained")
    grid = figure.add_gridspec(2, MOMENTS, height_ratios=[1, 1.5])
    for column, moment in enumerate(moments):
        axes = figure.add_subplot(grid[0, column])
        axes.imshow(episode.frames[moment])
        axes.set_axis_off()
    _draw_curve(figure.add_subplot(grid[1, :]), run, config.env.id)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture)
    print(f"{picture}: {which} of {run}, episode return {episode.return_:.0f}")


def _draw_curve(axes: Axes, run: Path, task: str) -> None:
    records = curves.load_metrics(run)
    evaluations = [record for record in records if curves.EVAL_RETURNS in record]
    steps = [record["step"] for record in evaluations]
    returns = np.array([record[curves.EVAL_RETURNS] for record in evaluations])
    axes.fill_between(steps, returns.min(1), returns.max(1), alpha=0.2, color="#00796b", lw=0)
    axes.plot(steps, returns.mean(1), "o-", color="#00796b", ms=4)
    count = returns.shape[1]
    axes.set(xlabel="environment steps", ylabel="return", title=f"{task}, one seed")
    axes.text(
        0.99, 0.05, f"mean and range of {count} episodes", transform=axes.transAxes, ha="right"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(bottom=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
