"""The quickest setting that reaches a recall, found on the index's own rows.

Recall of a query is the share of its k hits that score no worse than the k-th of an exact search:
counted by score, so that one of several equal rows is as good as another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes.exact import rescore
from daneel.memory.indexes.keep import Keep
from daneel.memory.indexes.kind import Setting

if TYPE_CHECKING:
    from daneel.memory.indexes.index import TunedIndex

LEVELS = (10, 100, 1000)
"""Numbers of hits that are tuned for; between them the next larger one counts."""

NEAR, FAR = 160, 128
"""Queries of either sort: rows themselves, and points drawn without regard to them."""

WIDEST = 4.0
"""Points drawn without regard to the rows lie up to so many times as far from their middle."""

AT_ONCE = 32
"""Queries asked before it is seen whether the target can still be reached."""

OUTLIERS, FENCE = 0.01, 3.0
"""Share of rows so far from all others that they do not say what near is; and how many ranges of
the middle half below it a score may lie (Tukey 1977), so that of ordinary rows hardly any are."""

MARGIN, UNDER_CONDITION = 0.3, 0.6
"""Part of the allowed loss that is kept in hand, for the queries that were not sampled; under a
condition their hits lie further apart, and differ more from query to query."""


@dataclass(frozen=True)
class Plan:
    """Settings for one number of hits; None is an exact scan."""

    near: Setting | None
    """For a query whose best hit is as near as rows are to each other."""

    far: Setting | None
    """For any other."""

    threshold: float
    """Best score below which a query counts as far."""

    recall: float
    """Measured with `near`."""

    rough: float | None = None
    """The same without scoring candidates again, for kinds that do."""

    @classmethod
    def of(cls, found: dict[str, Any]) -> Plan:
        """The plan that `asdict` wrote."""
        settings = {
            name: None if found[name] is None else Setting(**found[name])
            for name in ("near", "far")
        }
        return cls(**{**found, **settings})


def tune(index: TunedIndex, k: int, keep: Keep | None, seed: int = 0) -> Plan:
    """The plan for k hits among the rows of `keep` (None: all)."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(index.vectors), min(NEAR, len(index.vectors)), replace=False))
    near, far = np.asarray(index.vectors[rows]), _strangers(index.vectors, rng)
    margin = MARGIN if keep is None else UNDER_CONDITION
    target = index.recall + margin * (1 - index.recall)
    truth = _without(rows, *index.scan(near, k + 1, keep))
    found = truth[:, 0][np.isfinite(truth[:, 0])]
    threshold = _fence(found) if len(found) else np.inf
    threshold -= float(_slack(truth[:, :1]).max(initial=0))
    far_truth = index.scan(far, k, keep)[0]
    # A stranger that looks like a row gets the setting for rows, so that has to do for it too.
    alike = far_truth[:, 0] >= threshold
    groups = [(near, truth, rows), (far[alike], far_truth[alike], None)]
    near_setting, recall = _quickest(index, k, keep, groups, target)
    strange = ~alike if not alike.all() else alike
    far_setting, _ = _quickest(index, k, keep, [(far[strange], far_truth[strange], None)], target)
    rough = None
    if index.kind is not None and index.kind.rescored and near_setting is not None:
        scores = _rough_scores(index, near, k, near_setting, keep, rows)
        rough = _recall(scores, truth[:, :k])
    return Plan(near_setting, far_setting, threshold, recall, rough)


def _fence(found: NDArray[np.float32]) -> float:
    """The score below which a query is stranger than rows are to each other."""
    outlier, low, high = np.quantile(found, (OUTLIERS, 0.25, 0.75))
    return float(min(outlier, low - FENCE * (high - low)))


Group = tuple[NDArray[np.float32], NDArray[np.float32], "NDArray[np.int64] | None"]
"""Queries, true scores, and the positions of the queries themselves, which are no hits."""


def _quickest(
    index: TunedIndex, k: int, keep: Keep | None, groups: list[Group], target: float
) -> tuple[Setting | None, float]:
    """The first setting of the ladder that reaches the target on every group, and its recall."""
    for setting in index.ladder():
        lowest = 1.0
        for group in groups:
            lowest = min(lowest, _reached(index, k, keep, group, setting, target))
            if lowest < target:
                break
        else:
            return setting, lowest
    return None, 1.0


def _reached(
    index: TunedIndex, k: int, keep: Keep | None, group: Group, setting: Setting, target: float
) -> float:
    """The recall of a group; 0 as soon as so much is missed that the target is out of reach."""
    queries, truth, rows = group
    wanted = np.isfinite(truth[:, :k]).sum(1)
    allowed, missed = (1 - target) * wanted.sum() + 1e-9, 0
    for start in range(0, len(queries), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        scores, at = index.ask(queries[part], k + (rows is not None), setting, keep)
        found = scores if rows is None else _without(rows[part], scores, at)
        missed += int(wanted[part].sum() - _good(found[:, :k], truth[part, :k]).sum())
        if missed > allowed:
            return 0.0
    return 1 - missed / max(int(wanted.sum()), 1)


def _recall(found: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Mean share of hits at least as good as the last true one."""
    return float(_good(found, truth).sum() / max(int(np.isfinite(truth).sum()), 1))


def _good(found: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.int64]:
    """Hits `[Q]` at least as good as the last true one, at most as many as there are."""
    real = np.isfinite(truth)
    last = np.where(real, truth, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    good = (found >= last - _slack(truth)) & np.isfinite(found)
    return np.minimum(good.sum(1), real.sum(1))


def _slack(truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """What float32 sums in another order may differ by, `[Q, 1]`."""
    return 1e-5 * np.abs(np.where(np.isfinite(truth), truth, 0)).max(axis=1, keepdims=True)


def _without(
    rows: NDArray[np.int64], scores: NDArray[np.float32], positions: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Scores `[Q, k + 1]` sorted again, without that of each query's own row."""
    return -np.sort(-np.where(positions == rows[:, None], -np.inf, scores), axis=1)


def _rough_scores(
    index: TunedIndex,
    queries: NDArray[np.float32],
    k: int,
    setting: Setting,
    keep: Keep | None,
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """True scores of the hits that the index alone would give."""
    _, at = index.ask(queries, k + 1, setting, keep, rescored=False)
    at = np.array([_first(row[row != own], k) for row, own in zip(at, rows, strict=True)])
    return rescore(queries, index.vectors, k, index.metric, at)[0]


def _first(found: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    return np.pad(found[:k], (0, max(0, k - len(found))), constant_values=-1)


def _strangers(vectors: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Queries that follow no cluster: half of mixed coordinates of rows, half gaussian and wide."""
    some = vectors[np.sort(rng.integers(0, len(vectors), 512))].astype(np.float64)
    mixed = rng.permuted(some, axis=0)[: FAR // 2]
    wide = WIDEST ** rng.random((FAR - len(mixed), 1)) * (some.std(0) + 1e-12)
    spread = some.mean(0) + wide * rng.normal(size=wide.shape)
    return np.concatenate([mixed, spread]).astype(np.float32)
