"""Networks with memory: one step of a backbone as a network, and what its state can become.

`RecurrentStep` is the step (x, state) -> (y, state) as a flat module, which everything in the
verifier takes: `verify`, `linear_bounds`, properties. `reach` bounds the state over k steps,
`invariant` over any number of them.
"""

from daneel.alignment.verification.recurrent.reach import Reach, invariant, reach, unrolled
from daneel.alignment.verification.recurrent.step import RecurrentStep

__all__ = ["Reach", "RecurrentStep", "invariant", "reach", "unrolled"]
