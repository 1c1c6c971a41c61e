"""Properties of a closed loop, each with what must be true everywhere, proved or refuted.

- `verify_steps`: from every state of a box, the next k states stay in another box.
- `verify_barrier`: a quadratic B <= 0 separates the first states from the unsafe ones, for ever
  (Prajna and Jadbabaie 2004, HSCC, in discrete time).
- `verify_lyapunov`: V falls by a factor at every step between two of its levels, so that every
  trajectory of the outer set comes into the inner one and stays.

A verdict `violated` of a certificate refutes the certificate; only that of `verify_steps` shows a
trajectory that is unsafe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from daneel.alignment.safety.cells import Box
from daneel.alignment.safety.closed_loop import ClosedLoop, Forms, reach
from daneel.alignment.safety.plants import Array
from daneel.alignment.safety.proving import Proof, prove_nonpositive
from daneel.alignment.safety.quadratic import Quadratic


def verify_steps(
    loop: ClosedLoop, initial: Box, safe: Box, steps: int, budget: int = 20_000
) -> Proof:
    """From every state of `initial`, the states after 1 .. `steps` decisions are in `safe`."""
    least, most = safe.ends()

    def beyond(low: Array, high: Array) -> Array:
        return np.maximum(least - low, high - most).max(-1)

    def bound(low: Array, high: Array) -> Array:
        hulls = [forms.hull() for forms in reach(loop, Forms.boxes(low, high), steps)]
        return np.max([beyond(*hull) for hull in hulls], axis=0)

    def value(states: Array) -> Array:
        way = loop.rollout(states, steps)[1:]
        return beyond(way, way).max(axis=0)

    return prove_nonpositive(bound, value, *initial.ends(), budget)


def verify_barrier(
    loop: ClosedLoop,
    barrier: Quadratic,
    initial: Box,
    unsafe: Sequence[Box],
    domain: Box,
    budget: int = 200_000,
) -> dict[str, Proof]:
    """The three conditions of a barrier function B.

    Args:
        loop: Plant and policy.
        barrier: B.
        initial: B <= 0 here.
        unsafe: B > 0 in each of these.
        domain: Where B(x) <= 0 implies B(step(x)) <= 0; B > 0 on its edge, or a trajectory could
            leave it unseen: that is the fourth condition.
        budget: Boxes for each condition.
    """
    conditions = {"initial": _at_most(barrier, initial, budget)}
    for number, box in enumerate(unsafe):
        conditions[f"unsafe {number + 1}"] = _above(barrier, box, budget)
    for axis in range(len(domain.low)):
        for side, end in (("low", domain.low), ("high", domain.high)):
            conditions[f"edge {axis + 1} {side}"] = _above_on_side(
                barrier, domain, axis, end[axis], budget
            )
    conditions["kept"] = verify_sublevel(loop, barrier, domain, budget=budget)
    return conditions


def verify_sublevel(
    loop: ClosedLoop, barrier: Quadratic, domain: Box, spare: float = 0.0, budget: int = 200_000
) -> Proof:
    """Every x of `domain` with B(x) <= 0 has B(step(x)) <= -spare."""

    def bound(low: Array, high: Array) -> Array:
        forms = Forms.boxes(low, high)
        after = barrier.over(loop.advance(forms)).upper() + spare
        return np.where(barrier.over(forms).lower() > 0, -np.inf, after)

    def value(states: Array) -> Array:
        return np.where(barrier(states) > 0, -np.inf, barrier(loop.step(states)) + spare)

    return prove_nonpositive(bound, value, *domain.ends(), budget)


def verify_lyapunov(
    loop: ClosedLoop,
    matrix: Array,
    outer: float,
    inner: float,
    domain: Box,
    rate: float = 0.0,
    budget: int = 200_000,
) -> Proof:
    """V(x) = x^T matrix x: V(step(x)) <= (1 - rate) V(x) wherever inner <= V(x) <= outer.

    With `rate` above 0 every trajectory from V <= outer reaches V <= inner within
    log(inner / outer) / log(1 - rate) decisions, if `domain` holds all of V <= outer.
    """
    function = Quadratic(matrix, np.zeros(len(matrix)), 0.0)

    def bound(low: Array, high: Array) -> Array:
        forms = Forms.boxes(low, high)
        now = function.over(forms)
        moot = (now.lower() > outer) | (now.upper() < inner)
        grows = function.over(loop.advance(forms)).minus(now, 1 - rate).upper()
        return np.where(moot, -np.inf, grows)

    def value(states: Array) -> Array:
        now = function(states)
        moot = (now > outer) | (now < inner)
        return np.where(moot, -np.inf, function(loop.step(states)) - (1 - rate) * now)

    return prove_nonpositive(bound, value, *domain.ends(), budget)


def _at_most(function: Quadratic, box: Box, budget: int) -> Proof:
    return prove_nonpositive(
        lambda low, high: function.over(Forms.boxes(low, high)).upper(),
        function,
        *box.ends(),
        budget,
    )


def _above(function: Quadratic, box: Box, budget: int) -> Proof:
    """B > 0 in a box: -B, and a little more, is at most zero."""
    size = 1 + abs(function.constant)
    below = Quadratic(-function.matrix, -function.linear, 1e-9 * size - function.constant)
    return _at_most(below, box, budget)


def _above_on_side(function: Quadratic, box: Box, axis: int, at: float, budget: int) -> Proof:
    """B > 0 on one side of a box, which is a box that is thin in one direction."""
    thin = 1e-6 * (box.high[axis] - box.low[axis])
    low = tuple(at - thin if i == axis else end for i, end in enumerate(box.low))
    high = tuple(at + thin if i == axis else end for i, end in enumerate(box.high))
    return _above(function, replace(box, low=low, high=high), budget)
