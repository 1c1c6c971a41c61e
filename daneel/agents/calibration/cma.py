"""CMA-ES: covariance matrix adaptation (Hansen 2016, arXiv:1604.00772), by the package `cma`.

For simulators that are not smooth (contact, sticking) and for valleys that least squares does not
leave. The population is simulated in one batch. A few steps of least squares may finish.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from daneel.agents.calibration.least_squares import LeastSquares
from daneel.agents.calibration.method import Ledger, Watch
from daneel.agents.calibration.problem import Fit, Problem, free
from daneel.errors import ConfigError, MissingExtraError


@dataclass(frozen=True)
class Cma:
    """CMA-ES within bounds."""

    generations: int = 100
    """Most generations."""
    population: int = 0
    """Candidates a generation; 0 takes 4 + 3 ln P as its author does."""
    spread: float = 0.2
    """First standard deviation as a share of a parameter's range."""
    seed: int = 1
    """Seed of the search, above 0."""
    polish: int = 10
    """Steps of least squares at the end; 0 leaves the best candidate as it is."""

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ConfigError: A number is out of range.
        """
        if self.generations < 1 or self.seed < 1 or not 0 < self.spread <= 1:
            raise ConfigError(
                f"generations is {self.generations}, seed {self.seed}, spread {self.spread}. "
                "Expected at least 1, at least 1, above 0 up to 1."
            )

    def _options(self) -> dict[str, Any]:
        """What the package wants to know, in its names."""
        sized = {"popsize": self.population} if self.population else {}
        return {
            "bounds": [0.0, 1.0],
            "maxiter": self.generations,
            "seed": self.seed,
            "verbose": -9,
            "tolfun": 1e-9,
            **sized,
        }

    def fit(self, problem: Problem, watch: Watch | None = None) -> Fit:
        """Searches; see `Method`."""
        cma = _package()
        ledger = Ledger(problem, watch)
        ledger.residuals(problem.initial[None])
        span = problem.high - problem.low
        moves = np.flatnonzero(free(problem))
        if not len(moves):
            return ledger.fit(True, "every parameter is fixed")
        start = np.full(max(2, len(moves)), 0.5)  # the package cannot do with one: the other idles
        start[: len(moves)] = (problem.initial - problem.low)[moves] / span[moves]
        search = cma.CMAEvolutionStrategy(start, self.spread, self._options())
        while not search.stop():
            asked = search.ask()
            tried = np.tile(problem.low, (len(asked), 1))
            tried[:, moves] += np.clip(asked, 0.0, 1.0)[:, : len(moves)] * span[moves]
            found = ledger.residuals(tried)
            costs = 0.5 * np.sum(found * found, axis=1)
            search.tell(asked, np.where(np.isfinite(costs), costs, 1e300).tolist())
        reasons = ", ".join(search.stop() or ())
        if self.polish and np.isfinite(ledger.cost):
            _polish(ledger, self.polish)
        return ledger.fit("maxiter" not in reasons, f"CMA-ES stopped: {reasons}")


def _polish(ledger: Ledger, iterations: int) -> None:
    """A few steps of least squares from the best candidate, in the same ledger."""
    LeastSquares(iterations=iterations).search(ledger)


def _package() -> Any:
    try:
        import cma
    except ImportError as error:
        raise MissingExtraError(
            "CMA-ES needs the package cma, which is not installed. Expected the extra "
            "'calibration'. Type `pip install 'daneel[calibration]'`."
        ) from error
    return cma
