"""The gate's checks. Each is a frozen dataclass of options that can be called on a candidate."""

from daneel.alignment.checks.action_bounds import ActionBounds
from daneel.alignment.checks.evaluation import EvaluationFloor
from daneel.alignment.checks.properties import Properties, property_files
from daneel.alignment.checks.weights import WeightsFinite, WeightsUnchanged
from daneel.registry import Entry, Registry

CHECKS = Registry(
    "check",
    Entry(
        "weights_finite",
        "daneel.alignment.checks.weights:WeightsFinite",
        "no weight is NaN or infinite",
    ),
    Entry(
        "weights_unchanged",
        "daneel.alignment.checks.weights:WeightsUnchanged",
        "the weights are those that were evaluated (SHA-256)",
    ),
    Entry(
        "action_bounds",
        "daneel.alignment.checks.action_bounds:ActionBounds",
        "actions are finite and in bounds for every observation of the declared box (proved)",
    ),
    Entry(
        "evaluation_floor",
        "daneel.alignment.checks.evaluation:EvaluationFloor",
        "the evaluation exists, is long enough and reaches a floor",
    ),
    Entry(
        "properties",
        "daneel.alignment.checks.properties:Properties",
        "every property in RUN/properties is proved for the network",
    ),
)

__all__ = [
    "CHECKS",
    "ActionBounds",
    "EvaluationFloor",
    "Properties",
    "WeightsFinite",
    "WeightsUnchanged",
    "property_files",
]
