"""Rules by likeness: what is close to a request that was missed is refused.

A rule adds a correction to the judge's own logit: kernel logistic regression (Zhu and Hastie 2005)
in the space in which the heads read, embedding and marks. Its basis are the requests that it was
learned from and the safe ones nearest to them, so far from both it is the same for all and the
judge's own logit decides (`fitting`). Harm of a reading x, with l the judge's own logit and z_j the
basis:

    g(x) = l(x) + b + sum_j a_j k(z_j, x)      k(z, x) = exp(-(1 - likeness(z, x)) / width)

A rule matches where g reaches its threshold. The threshold comes from safe requests that were held
out of the fit (`iterate`).

Legend: R readings, M requests of the basis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daneel.alignment.judging.features import USE_DIM
from daneel.alignment.judging.remembered import Seen

KINDS = 3
"""Of marks; the rows of each have unit length."""


@dataclass(frozen=True)
class Learnt:
    """A request that a rule was learned from."""

    text: str
    """The reading that asks for the harm."""
    clause: str
    """Clause that it breaks."""
    missed: bool
    """Whether it was missed; otherwise it was refused, but narrowly."""


@dataclass(frozen=True, eq=False)
class Rule:
    """Refuse what is as close to missed requests as the threshold says."""

    id: str
    """Short name that traces cite."""
    clause: str
    """Most frequent clause of what it covers."""
    examples: tuple[Learnt, ...]
    """What it was learned from; the first rows of the basis."""
    basis: Seen
    """M requests: the examples and the safe requests nearest to them."""
    weights: NDArray[np.float64]
    """a and then b, `[M + 1]`."""
    width: float
    """Of the kernel."""
    threshold: float
    """From here on g is refused."""

    def scores(self, seen: Seen) -> NDArray[np.float64]:
        """How far g of each reading is above the threshold, `[R]`; from 0 on the rule matches."""
        near = kernel(seen, self.basis, self.width)
        return seen.logits + near @ self.weights[:-1] + self.weights[-1] - self.threshold

    def nearest(self, seen: Seen) -> Learnt:
        """The example that the first of some readings is most like."""
        count = len(self.examples)
        near = likeness(seen.rows([0]), self.basis.rows(range(count)))
        return self.examples[int(near[0].argmax())]


def likeness(these: Seen, those: Seen) -> NDArray[np.float64]:
    """Mean of the cosines of both embeddings and of the marks, `[R, R']`."""
    found = np.asarray((these.marked @ those.marked.T).todense()) / KINDS
    for part in (slice(None, USE_DIM), slice(USE_DIM, None)):
        found += _unit(these.embedded[:, part]) @ _unit(those.embedded[:, part]).T
    return found / 3


def kernel(these: Seen, those: Seen, width: float) -> NDArray[np.float64]:
    """`exp(-(1 - likeness) / width)`, `[R, R']`."""
    return np.exp((likeness(these, those) - 1) / width)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Rows of length one; rows of nothing stay as they are."""
    wide = rows.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
