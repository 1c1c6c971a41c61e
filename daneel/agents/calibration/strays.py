"""Rollouts that no candidate foresees: contact, a blow, a sensor that jumped.

One of them may hold nearly all of the cost, and across its jump the derivatives point nowhere, so
that a fit stands still for the sake of two rollouts in fifty. Least trimmed squares (Rousseeuw
1984, "Least median of squares regression") in its plain form: fit, leave out the rollouts that are
far worse than the others, fit again, until the same ones stay out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from daneel.agents.calibration.method import Method, Watch
from daneel.agents.calibration.problem import Fit, Floats
from daneel.agents.calibration.rollout_problem import RolloutProblem
from daneel.agents.calibration.windows import Windows, choose

FAR = 16.0
"""A stray costs more than so many times the median rollout, or the noise where that is more."""
MOST = 0.2
"""Share of the rollouts that are called strays at most; more of them are the log's usual motion."""
HALF = 0.5
"""Strays are worth a word when they hold more of the cost than this."""
ROUNDS = 3
"""Fits after the first one."""


@dataclass(frozen=True)
class Trimmed:
    """A fit with the rollouts that it was made of."""

    problem: RolloutProblem
    """Of the rollouts that were kept."""
    fit: Fit
    """Found on them."""
    left_out: Windows
    """The others."""


def fit_trimmed(
    problem: RolloutProblem, method: Method, trim: float, watch: Watch | None = None
) -> Trimmed:
    """Fits a problem, and again without the rollouts that are far worse than the others.

    Args:
        problem: All rollouts.
        method: The search.
        trim: Share of the rollouts that may be left out; 0 leaves none out.
        watch: Told of every better candidate.
    """
    out = np.zeros(len(problem.windows), np.bool_)
    fit, kept = method.fit(problem, watch), problem
    for _ in range(ROUNDS):
        found = strays(problem.costs(fit.theta), trim)
        if (found == out).all():
            break
        out = found
        kept = replace(problem, windows=choose(problem.windows, ~out))
        fit = method.fit(kept, watch)
    return Trimmed(kept, fit, choose(problem.windows, out))


def strays(costs: Floats, share: float) -> NDArray[np.bool_]:
    """Rollouts that are far worse than the median one [W], the worst first up to a share of all.

    Args:
        costs: Mean squared residual of each rollout in units of the noise [W].
        share: Of W that may be called so.
    """
    far = costs > FAR * max(1.0, float(np.median(costs)))
    worst = np.argsort(-costs, kind="stable")[: int(share * len(costs))]
    found = np.zeros(len(costs), np.bool_)
    found[worst] = far[worst]
    return found


def describe_strays(problem: RolloutProblem, theta: Floats, names: Sequence[str]) -> str:
    """Says which few rollouts hold most of the cost of a fit; empty when none do.

    Args:
        problem: What was fitted.
        theta: Candidate [P].
        names: Of the logs.
    """
    costs = problem.costs(theta)
    found = strays(costs, MOST)
    share = costs[found].sum() / max(costs.sum(), 1e-300)
    if share <= HALF:
        return ""
    where, many = places(choose(problem.windows, found), names), int(found.sum())
    return (
        f"{many} of {len(costs)} rollouts hold {share:.0%} of the error: {where}. Contact, a blow, "
        "or a sensor that jumped? Cut these times out of the log, or add "
        f"`settings: {{trim: {many / len(costs) + 0.005:.2f}}}` to the parameter file, which lets "
        "the fit leave them out."
    )


def places(windows: Windows, names: Sequence[str]) -> str:
    """Where windows start: `run.csv from 7.5, 8 s; other.csv from 2 s`."""
    seconds: dict[int, list[str]] = {}
    for log, row in zip(windows.log, windows.start, strict=True):
        seconds.setdefault(int(log), []).append(f"{row * windows.dt:.3g}")
    return "; ".join(f"{names[log]} from {', '.join(at)} s" for log, at in seconds.items())
