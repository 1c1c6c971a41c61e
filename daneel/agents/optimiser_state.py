"""Optimiser state as a plain tree, in the order of the parameters."""

from __future__ import annotations

from torch import Tensor
from torch.optim import Optimizer

from daneel.errors import CheckpointError


def pack_optimiser(optimiser: Optimizer) -> list[dict[str, Tensor]]:
    """The moments and step counts of each parameter; empty before its first step."""
    parameters = (p for group in optimiser.param_groups for p in group["params"])
    return [{key: value.clone() for key, value in optimiser.state[p].items()} for p in parameters]


def unpack_optimiser(optimiser: Optimizer, state: list[dict[str, Tensor]]) -> None:
    """Restores what `pack_optimiser` returned.

    Raises:
        CheckpointError: the state is of other parameters.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    if len(parameters) != len(state):
        raise CheckpointError(
            f"The checkpoint holds optimiser state of {len(state)} parameters, the agent has "
            f"{len(parameters)}. Expected a checkpoint of the same configuration. "
            "Type `daneel train` to begin another run."
        )
    optimiser.state.clear()
    for parameter, saved in zip(parameters, state, strict=True):
        moments = saved.get("exp_avg")
        if moments is not None and moments.shape != parameter.shape:
            raise CheckpointError(
                f"The checkpoint holds optimiser moments of shape {tuple(moments.shape)} for a "
                f"parameter of shape {tuple(parameter.shape)}. Expected the same configuration. "
                "Type `daneel train` to begin another run."
            )
        if saved:
            optimiser.state[parameter] = {
                key: value.to(value.device if key == "step" else parameter.device).clone()
                for key, value in saved.items()
            }
