"""Which structure a model should have, chosen by cross-validation on the training logs alone.

A recipe may name structures, the simplest first; each adds to the recipe or changes it:

    structures:
      plain: {}
      stribeck: {parameters: {elbow_rise: {targets: joint/elbow/stribeck, low: 0, high: 0.5}}}
      measured: {settings: {measured_torque: true}}

Every structure is fitted to some of the logs and rolled out on the others, in turn. The simplest is
taken whose error is within one standard error of the best: the rule of Breiman, Friedman, Olshen
and Stone 1984, "Classification and regression trees", section 3.4.3, with the standard error of the
difference to the best over folds. S structures, K folds, H horizons.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from daneel import config
from daneel.agents.calibration.horizons import HORIZONS, horizon_errors
from daneel.agents.calibration.logs import Log, cut
from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.agents.calibration.recipe import Recipe, Settings
from daneel.agents.calibration.windows import cut_windows
from daneel.errors import unknown_name

AUTO = "auto"
"""Asks for the choice by cross-validation, in the place of a structure's name."""
PARTS = ("parameters", "fixed", "settings", "method")
"""Keys of a recipe that a structure may add to."""
FOLDS = 3
EVERY = 0.2
"""Seconds between the rollouts that score a structure."""

Say = Callable[[str], None]
Score = Callable[[Recipe, Sequence[Log], Sequence[Log]], float]
"""Fits a recipe to the first logs; the logarithm of its error on the others, inf if unstable."""


@dataclass(frozen=True)
class Choice:
    """What cross-validation says."""

    names: tuple[str, ...]
    """The structures, the simplest first [S]."""
    scores: Floats
    """Logarithm of the error on logs that were not fitted, one column a fold [S, K]."""

    @property
    def errors(self) -> dict[str, float]:
        """Geometric mean over the folds of each structure's error."""
        means = np.exp(self.scores.mean(axis=1))
        return {name: float(mean) for name, mean in zip(self.names, means, strict=True)}

    @property
    def best(self) -> str:
        """The simplest structure within one standard error of the smallest error."""
        if not np.isfinite(self.scores).all(axis=1).any():
            raise CalibrationError(
                "Every structure blows up on logs that it was not fitted to. Expected a stable "
                "one. Shorten the horizon, or narrow the bounds."
            )
        means = np.where(np.isfinite(self.scores).all(axis=1), self.scores.mean(axis=1), np.inf)
        least = int(np.argmin(means))
        for at, name in enumerate(self.names):
            apart = self.scores[at] - self.scores[least]
            if not np.isfinite(apart).all():
                continue
            error = float(np.std(apart, ddof=1)) / math.sqrt(len(apart)) if len(apart) > 1 else 0.0
            if float(apart.mean()) <= error:
                return name
        return self.names[least]


def structures(recipe: Recipe) -> Mapping[str, Mapping[str, Any]]:
    """The structures that a recipe names.

    Raises:
        CalibrationError: It names none, or one changes what no structure may.
    """
    given = recipe.tree.get("structures")
    if not isinstance(given, Mapping) or not given:
        raise CalibrationError(
            f"{recipe.origin} names no structures to choose from. Expected `structures:` with one "
            "`name: {parameters: ...}` a line, the simplest first. Add them, or leave out "
            "`--structure`."
        )
    for name, changes in given.items():
        for key in changes or {}:
            if key not in PARTS:
                raise CalibrationError(
                    f"Structure {name!r} in {recipe.origin} has the key {key!r}. Expected "
                    f"{', '.join(PARTS)}. Mend the file."
                )
    return {str(name): changes or {} for name, changes in given.items()}


def with_structure(recipe: Recipe, name: str) -> Recipe:
    """The recipe with one of its structures.

    Raises:
        UnknownNameError: It has none of this name.
    """
    known = structures(recipe)
    if name not in known:
        raise unknown_name("structure", name, [*known, AUTO], "They stand in the recipe.")
    tree = {key: value for key, value in recipe.tree.items() if key != "structures"}
    tree["structure"] = {"chosen": name}
    for part, changes in known[name].items():
        tree[part] = {**(tree.get(part) or {}), **changes}
    changed = known[name].get("settings") or {}
    settings = config.from_dict(Settings, {**config.to_dict(recipe.settings), **changed})
    return replace(recipe, tree=tree, settings=settings)


def choose_structure(
    recipe: Recipe,
    logs: Sequence[Log],
    name: str = AUTO,
    *,
    folds: int = FOLDS,
    score: Score | None = None,
    say: Say | None = None,
) -> Recipe:
    """The recipe with the structure of this name, or with the one that cross-validation chooses.

    Args:
        recipe: With its `structures`.
        logs: What may be used for fitting.
        name: A structure, or "auto".
        folds: See `cross_validate`, as for the rest.
        score: How a structure is scored.
        say: Told how each structure went.
    """
    if name != AUTO:
        return with_structure(recipe, name)
    choice = cross_validate(recipe, logs, folds, score, say)
    found = with_structure(recipe, choice.best)
    about = {"chosen": choice.best, "errors": choice.errors, "folds": choice.scores.shape[1]}
    return replace(found, tree={**found.tree, "structure": about})


def cross_validate(
    recipe: Recipe,
    logs: Sequence[Log],
    folds: int = FOLDS,
    score: Score | None = None,
    say: Say | None = None,
) -> Choice:
    """Fits every structure to some logs and scores it on the others, in turn.

    Args:
        recipe: With its `structures`.
        logs: What may be used for fitting; logs that are held out for a test are none of these.
        folds: K; a single log is cut into as many pieces.
        score: How a structure is scored; the error of rollouts over two seconds when left out.
        say: Told how each structure went.

    Raises:
        CalibrationError: The recipe has no structures, or the logs are too short to be parted.
    """
    names = tuple(structures(recipe))
    parts, score = _parts(logs, folds), score or rollout_score
    scores = np.empty((len(names), len(parts)))
    for row, name in enumerate(names):
        variant = with_structure(recipe, name)
        for column, held in enumerate(parts):
            rest = [log for part in parts if part is not held for log in part]
            scores[row, column] = score(variant, rest, held)
        if say is not None:
            say(f"{name}: {np.exp(scores[row].mean()):.4g} on logs that were not fitted")
    return Choice(names, scores)


def _parts(logs: Sequence[Log], folds: int) -> list[list[Log]]:
    """Logs dealt to the folds in turn; fewer logs than two are cut into pieces."""
    if folds < 2:
        raise CalibrationError(f"folds is {folds}. Expected at least 2.")
    if len(logs) > 1:
        return [list(logs[at::folds]) for at in range(min(folds, len(logs)))]
    edges = np.linspace(0, len(logs[0].q), folds + 1).astype(int)
    return [[cut(logs[0], slice(a, b))] for a, b in itertools.pairwise(edges)]


def rollout_score(recipe: Recipe, train: Sequence[Log], held: Sequence[Log]) -> float:
    """Mean logarithm over the horizons of the error in rad; inf if a rollout blows up."""
    problem = recipe.problem(train)
    fit = recipe.method().fit(problem)
    length = min(len(log.q) - 1 for log in held) * held[0].dt
    kept = [horizon for horizon in HORIZONS if horizon <= length] or [length]
    windows = cut_windows(held, max(kept), EVERY, recipe.settings.measured_torque)
    values = problem.parameters.nominal(fit.theta)
    errors = horizon_errors(problem.simulator, values, windows, kept).rmse
    return float(np.mean(np.log(np.maximum(errors, 1e-12))))
