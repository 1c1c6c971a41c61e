"""A world model by itself: learned from recorded batches, and followed with a policy.

The agent does both inside its own updates (`daneel.agents.pessimist`); these functions are for a
model without an agent: to look at its predictions, or to hand it to one later.

Legend: B sequences, H transitions in each, D latent width, A action width, T imagined steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from daneel.errors import ConfigError, NonFiniteError
from daneel.world_models.averaging import follow, slow_copy
from daneel.world_models.batch import Batch
from daneel.world_models.doubt import PessimisticWorldModel
from daneel.world_models.model import Latents, MultiModalWorldModel, Policy

_WINDOW = 100
"""Updates over which the returned losses are averaged."""


def train_world_model(
    model: MultiModalWorldModel,
    sample: Callable[[], Batch],
    updates: int,
    *,
    to_model: Callable[[Tensor], Tensor] | None = None,
    rewards: bool = True,
    learning_rate: float = 5e-4,
    target_rate: float = 0.01,
) -> dict[str, float]:
    """Learns to predict what follows: latents, and rewards and terminations where there are any.

    Args:
        model: Changed in place.
        sample: Draws a batch, from a replay or from logs (`Logs.replay.sample`).
        updates: Gradient steps.
        to_model: A batch's actions `[B, H, ...]` to the model's form `[B, H, A]`; none if they are
            in it.
        rewards: False for logs without rewards, which a `PessimisticWorldModel` learns from by
            its sensors.
        learning_rate: Of Adam.
        target_rate: Step of the slow encoder, which gives the latents to predict.

    Returns:
        Mean of each term of the loss over the last hundred updates.

    Raises:
        ConfigError: There are no rewards and the model has no other use for sensors.
        NonFiniteError: A loss is NaN or infinite.
    """
    if not rewards and not isinstance(model, PessimisticWorldModel):
        raise ConfigError(
            f"{type(model).__name__} cannot learn without rewards. Expected a model that reads its "
            "sensors back. Make a PessimisticWorldModel."
        )
    slow = slow_copy(model)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    last: list[dict[str, float]] = []
    for update in range(updates):
        batch = sample()
        action = batch.action if to_model is None else to_model(batch.action)
        standardise(model, batch, max(1 / (update + 1), 1e-3))
        terms = prediction_terms(model, slow, batch, action, rewards)
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        optimiser.step()
        follow(slow, model, target_rate)
        last = [*last[-_WINDOW + 1 :], _finite(terms, update)]
    return {name: sum(row[name] for row in last) / len(last) for name in (last or [{}])[0]}


def prediction_terms(
    model: MultiModalWorldModel,
    slow: MultiModalWorldModel,
    batch: Batch,
    action: Tensor,
    rewards: bool,
) -> dict[str, Tensor]:
    """Terms of the loss of one batch, with the latents of the `slow` copy as targets."""
    start = model.infer_window(batch, 0)[:, 0]
    with torch.no_grad():
        target = slow.infer_window(batch, action.shape[1])[:, 1:]
    if rewards:
        return model.loss(batch, action, start, target)
    assert isinstance(model, PessimisticWorldModel)
    return model.sensorimotor_loss(batch, action, start, target)


def standardise(model: MultiModalWorldModel, batch: Batch, rate: float) -> None:
    """Moves the encoder's statistics towards those of a batch."""
    exists = torch.cat([torch.ones_like(batch.mask[:, :1]), batch.mask], 1) > 0
    model.standardise(batch.obs, exists, rate)


@torch.no_grad()
def rollout_policy(
    model: MultiModalWorldModel, policy: Policy, obs: Mapping[str, Tensor], horizon: int
) -> Latents:
    """Follows a policy inside a model from observed starts.

    Args:
        model: World model.
        policy: Latents `[B, D]` to actions `[B, A]` in the model's form.
        obs: First observations by modality `[B, ...]`.
        horizon: T.

    Returns:
        Latents `[B, T + 1, D]`, actions, rewards as the model's `step` gives them, continuations.
    """
    start, _ = model.infer(obs)
    return model.imagine(policy, start, horizon)


def _finite(terms: Mapping[str, Tensor], update: int) -> dict[str, float]:
    found = {name: float(term.detach()) for name, term in terms.items()}
    for name, value in found.items():
        if value != value or abs(value) == float("inf"):
            raise NonFiniteError(
                f"The world model's loss {name!r} became {value} at update {update}. Losses must "
                "stay finite. Pass a lower learning_rate, or look for broken values in the logs."
            )
    return found
