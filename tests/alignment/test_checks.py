"""Each check: holds, violated with a witness, unknown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from daneel.alignment.checks import (
    CHECKS,
    ActionBounds,
    EvaluationFloor,
    WeightsFinite,
    WeightsUnchanged,
)
from daneel.errors import ConfigError
from tests.alignment.candidates import candidate, evaluation_of, linear, network


def test_every_registered_check_runs_on_a_good_candidate() -> None:
    """All hold but one: without properties there is nothing to prove."""
    for name in CHECKS.names():
        finding = CHECKS.load(name)()(candidate())
        expected = "unknown" if name == "properties" else "holds"
        assert (finding.check, finding.verdict) == (name, expected)
        assert finding.detail


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_weight_that_is_not_finite_is_named(value: float) -> None:
    """A weight that is not finite is named."""
    actor = network(nn.Tanh())
    with torch.no_grad():
        linear(actor, 3).weight[1, 5] = value
    finding = WeightsFinite()(candidate(actor))
    assert finding.verdict == "violated"
    assert finding.witness == {"tensor": "3.weight", "index": [1, 5], "value": str(value)}


def test_broken_weights_of_the_actor_count_when_the_record_is_clean() -> None:
    """Broken weights of the actor count when the record is clean."""
    actor = network(nn.Tanh())
    clean = {key: value.clone() for key, value in actor.state_dict().items()}
    linear(actor, 0).bias.data[0] = torch.nan
    assert WeightsFinite()(candidate(actor, weights=clean)).verdict == "violated"


def test_no_weights_at_all_are_not_a_pass() -> None:
    """No weights at all are not a pass."""
    assert WeightsFinite()(candidate(nn.Tanh(), weights={})).verdict == "unknown"


def test_one_changed_bit_after_the_evaluation_is_noticed() -> None:
    """One changed bit after the evaluation is noticed."""
    judged = candidate()
    weight = judged.weights["0.weight"]
    weight[0, 0] = torch.nextafter(weight[0, 0], torch.tensor(9.0))
    finding = WeightsUnchanged()(judged)
    assert finding.verdict == "violated"
    assert finding.witness is not None
    assert finding.witness["evaluated"] != finding.witness["candidate"]


@pytest.mark.parametrize("evaluation", [None, {}, {"weights_sha256": ""}])
def test_without_a_recorded_hash_nothing_is_known(evaluation) -> None:
    """Without a recorded hash nothing is known."""
    assert WeightsUnchanged()(candidate(evaluation=evaluation)).verdict == "unknown"


def test_an_actor_without_squashing_is_violated_with_a_witness() -> None:
    """An actor without squashing is violated with a witness."""
    actor = network()
    linear(actor, -1).bias.data.fill_(0.9)
    finding = ActionBounds()(candidate(actor))
    assert finding.verdict == "violated"
    assert finding.witness is not None and finding.figure == finding.witness["excess"] > 0


def test_an_actor_that_cannot_be_proved_is_unknown_and_says_by_how_much() -> None:
    """Small weights: never out of bounds, but only a squashed network is tight enough to prove."""
    actor = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    with torch.no_grad():
        linear(actor, 0).weight.fill_(9.0)
        linear(actor, 2).weight.copy_(torch.tensor([[1.0, -1.0] * 4, [0.0] * 8]))
        linear(actor, 2).bias.zero_()
    finding = ActionBounds()(candidate(actor))
    assert (finding.verdict, finding.witness) == ("unknown", None)
    assert finding.figure == pytest.approx(-7.0, abs=1e-3)
    assert "clamp" in finding.detail


def test_clamps_and_units_are_proved_to_the_last_bit() -> None:
    """Clamps and units are proved to the last bit."""
    units = nn.Linear(2, 2)
    with torch.no_grad():
        units.weight.copy_(torch.eye(2) * 3)
        units.bias.zero_()
    limit = np.full(2, 3, np.float32)
    for last in ([nn.Hardtanh(-3, 3)], [nn.Tanh(), units]):
        finding = ActionBounds()(candidate(network(*last), action_low=-limit, action_high=limit))
        assert finding.verdict == "holds", finding.detail


def test_one_rounding_step_out_of_bounds_is_a_violation() -> None:
    """One rounding step out of bounds is a violation."""
    actor = network(nn.Hardtanh(-1, float(np.nextafter(np.float32(1), np.float32(2)))))
    linear(actor, 3).bias.data.fill_(5.0)
    finding = ActionBounds()(candidate(actor))
    assert finding.verdict == "violated"
    assert finding.figure == pytest.approx(2.0**-23)


def test_a_layer_without_a_bound_is_unknown_and_named() -> None:
    """A layer without a bound is unknown and named."""
    actor = network(nn.Tanh(), nn.Dropout())
    finding = ActionBounds()(candidate(actor))
    assert finding.verdict == "unknown" and "Dropout" in finding.detail


def test_finite_logits_hold_for_discrete_actions() -> None:
    """Finite logits hold for discrete actions."""
    finding = ActionBounds()(candidate(network(), action_low=None, action_high=None))
    assert finding.verdict == "holds" and finding.figure is not None and finding.figure > 0


def test_a_wrong_number_of_actions_is_not_a_pass() -> None:
    """A wrong number of actions is not a pass."""
    one = np.ones(1, np.float32)
    finding = ActionBounds()(candidate(action_low=-one, action_high=one))
    assert finding.verdict == "unknown" and "1 action dimension" in finding.detail


@pytest.mark.parametrize(
    ("floor", "verdict"), [(None, "holds"), (10.0, "holds"), (10.5, "violated")]
)
def test_the_floor_is_the_mean_of_the_episodes(floor: float | None, verdict: str) -> None:
    """The floor is the mean of the episodes."""
    finding = EvaluationFloor(floor=floor)(candidate())
    assert (finding.verdict, finding.figure) == (verdict, 10.0)


@pytest.mark.parametrize(
    "changes",
    [{"returns": [1.0] * 4}, {"returns": [1.0] * 5 + [None]}, {"returns": None}, {"returns": []}],
)
def test_too_few_or_broken_episodes_are_unknown(changes) -> None:
    """Too few or broken episodes are unknown."""
    judged = candidate()
    judged = candidate(judged.actor, evaluation=evaluation_of(judged.actor, **changes))
    assert EvaluationFloor()(judged).verdict == "unknown"
    assert EvaluationFloor()(candidate(evaluation=None)).verdict == "unknown"


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: EvaluationFloor(episodes=0), "episodes"),
        (lambda: EvaluationFloor(floor=float("nan")), "floor"),
        (lambda: ActionBounds(samples=-1), "samples"),
    ],
)
def test_options_that_make_no_sense_are_refused(make, field: str) -> None:
    """Options that make no sense are refused."""
    with pytest.raises(ConfigError, match=field):
        make()
