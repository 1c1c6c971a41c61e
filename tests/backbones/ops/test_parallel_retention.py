"""Short sequences of retention: the parallel form against the loop, on both sides of its limit."""

from __future__ import annotations

import pytest
import torch

from daneel.backbones import ops
from daneel.backbones.ops.parallel_retention import SHORT
from daneel.backbones.ops.retention import retention_naive


@pytest.mark.parametrize("steps", [2, 3, 33, SHORT - 1, SHORT, SHORT + 1])
@pytest.mark.parametrize("loss", ["output", "state", "both"])
@pytest.mark.parametrize("carried", [False, True])
def test_value_and_gradients_are_the_loops(steps: int, loss: str, carried: bool) -> None:
    """Whichever of the two results is used, and whether a state comes in."""
    generator = torch.Generator().manual_seed(steps)
    inputs = [
        torch.randn(2, steps, 3, width, generator=generator, dtype=torch.float64)
        for width in (4, 4, 5)
    ]
    state = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    found, expected = [], []
    for function, kept in ((ops.retention, found), (retention_naive, expected)):
        leaves = [x.clone().requires_grad_() for x in [*inputs, *([state] if carried else [])]]
        before = leaves[3] if carried else None
        output, after = function(*leaves[:3], state=before)
        used = {"output": [output], "state": [after], "both": [output, after]}[loss]
        torch.cat([(x * x.detach().cos()).flatten() for x in used]).sum().backward()
        kept += [output, after, *(x.grad for x in leaves)]
    for one, other in zip(found, expected, strict=True):
        present = [x for x in (one, other) if x is not None]
        if len(present) < 2:  # what does not matter has no gradient, or one of zero
            assert all(x.abs().max() == 0 for x in present)
        else:
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_tables_that_are_kept_are_not_those_of_other_calls() -> None:
    """Another scale, other rates or another length never read what was kept for these."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 20, 2, 4, generator=generator) for _ in range(3))
    for rates in (None, torch.tensor([-0.1, -2.0])):
        for scale in (1.0, 0.3):
            for steps in (20, 7):
                cut = (q[:, :steps], k[:, :steps], v[:, :steps], rates)
                found = ops.retention(*cut, scale=scale)[0]
                expected = retention_naive(*cut, scale=scale)[0]
                torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
