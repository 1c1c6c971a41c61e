"""The nearest point of a polyhedron, against trying every active set."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from daneel.alignment.safety import project


def naive(target: np.ndarray, rows: np.ndarray, offsets: np.ndarray) -> np.ndarray | None:
    """The oracle: of all points where some inequalities are equalities, the nearest that is in."""
    best = None
    for count in range(len(target) + 1):
        for active in itertools.combinations(range(len(rows)), count):
            chosen = rows[list(active)]
            short = offsets[list(active)] - chosen @ target
            point = target + np.linalg.pinv(chosen) @ short if active else target
            if (rows @ point < offsets - 1e-9).any():
                continue
            if best is None or np.linalg.norm(point - target) < np.linalg.norm(best - target):
                best = point
    return best


@pytest.mark.parametrize("size", [1, 2, 3])
def test_equals_the_oracle(size: int) -> None:
    """Random polyhedra, many of them empty."""
    rng, empty = np.random.default_rng(size), 0
    for _ in range(150):
        rows = rng.normal(size=(rng.integers(1, 7), size)) * rng.uniform(0.01, 100)
        offsets, target = rng.normal(size=len(rows)), rng.normal(size=size)
        found, expected = project(target, rows, offsets), naive(target, rows, offsets)
        assert (found is None) == (expected is None)
        if found is None or expected is None:
            empty += 1
            continue
        assert np.allclose(found, expected, atol=1e-7)
        assert (rows @ found >= offsets - 1e-8 * (1 + np.abs(rows).sum(1))).all()
    assert empty > 0


def test_inside_nothing_moves_and_a_row_of_zeros_decides() -> None:
    """Degenerate rows come from conditions that no action changes."""
    target = np.array([0.5, 0.5])
    assert project(target, np.eye(2), np.zeros(2)) is target
    assert project(target, np.zeros((1, 2)), np.ones(1)) is None
    moved = project(target, np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([-1.0, 2.0]))
    assert moved is not None and np.allclose(moved, [2.0, 0.5])
