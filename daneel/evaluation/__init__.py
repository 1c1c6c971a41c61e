"""Statistics, evaluation, evidence, curves, reports and benches."""

from daneel.evaluation.evaluate import (
    Evaluation,
    describe,
    evaluate,
    load_evaluation,
    save_evaluation,
)
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import (
    Interval,
    bootstrap_interval,
    iqm,
    nested_bootstrap,
    stratified_bootstrap,
    wilson_interval,
)

__all__ = [
    "Evaluation",
    "Evidence",
    "Interval",
    "bootstrap_interval",
    "describe",
    "evaluate",
    "iqm",
    "load_evaluation",
    "nested_bootstrap",
    "save_evaluation",
    "stratified_bootstrap",
    "wilson_interval",
]
