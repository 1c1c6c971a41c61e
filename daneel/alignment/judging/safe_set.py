"""Harmless requests on which rules are checked, in folds: a rule meets them held out of its fit.

What a rule refuses of the requests that it was fitted on says little, since the fit pushed it off
them. So each fold is scored by a fit that saw no request of its groups, and the threshold is taken
from these scores (cross-fitting). Groups are counted, not requests: requests of one template fall
together.

Legend: S requests, R their readings, F folds.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from daneel.alignment.judging.grammar import Example
from daneel.alignment.judging.remembered import Readings
from daneel.errors import ConfigError

FOLDS = 5

Score = Callable[[NDArray[np.bool_]], NDArray[np.float64]]
"""Fits on the readings that `[R]` keeps and scores all, `[R]`."""


class SafeSet:
    """Safe requests with their readings.

    Args:
        given: The requests; those of one template are one group, a text is a group of its own.
        readings: What reads them.
    """

    def __init__(self, given: Sequence[Example | str], readings: Readings) -> None:
        """Read every request.

        Raises:
            ConfigError: There is none.
        """
        if not given:
            raise ConfigError(
                "The safe set is empty. Expected harmless requests, on which every rule is "
                "checked. Generate some: `grammar.generate(grammar.load_grammar(), 2, rng)`."
            )
        self.texts = [item if isinstance(item, str) else item.text for item in given]
        names = [item if isinstance(item, str) else item.template for item in given]
        known = {name: number for number, name in enumerate(dict.fromkeys(names))}
        self.groups = np.array([known[name] for name in names], np.int64)
        self._folds = np.array([zlib.crc32(name.encode()) % FOLDS for name in names], np.int64)
        self.seen, self._rows = readings.all_of(self.texts)

    def readings_of(self, requests: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Rows of the readings that some requests `[S]` have."""
        chosen = [self._rows[request] for request in np.flatnonzero(requests)]
        return np.unique(np.concatenate([np.zeros(0, np.int64), *chosen]))

    def held_out(self, score: Score) -> NDArray[np.float64]:
        """Worst score of every request, `[S]`, by a fit that saw no reading of its fold."""
        worst = np.full(len(self.texts), -np.inf)
        for fold in np.unique(self._folds):
            inside = np.flatnonzero(self._folds == fold)
            kept = np.ones(len(self.seen.texts), bool)
            kept[np.concatenate([self._rows[request] for request in inside])] = False
            found = score(kept)
            worst[inside] = [found[self._rows[request]].max() for request in inside]
        return worst

    def threshold(
        self, worst: NDArray[np.float64], allowed: NDArray[np.bool_], budget: float
    ) -> float:
        """The lowest score at which few enough groups have a request that is newly refused.

        Args:
            worst: What `held_out` found, `[S]`.
            allowed: Which requests are not refused without the rule, `[S]`.
            budget: Share of all groups.
        """
        count = int(self.groups.max(initial=-1)) + 1
        highest = np.full(count, -np.inf)
        np.maximum.at(highest, self.groups[allowed], worst[allowed])
        spent = int(budget * count)
        if spent >= count:
            return -np.inf
        return float(np.nextafter(np.sort(highest)[::-1][spent], np.inf))
