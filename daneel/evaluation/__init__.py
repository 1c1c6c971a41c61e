"""Statistics, evaluation, evidence, curves, reports and benches."""

from daneel.evaluation import alignment_figures, card, curves, plot, report
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
from daneel.training import agent_weights

__all__ = [
    "Evaluation",
    "Evidence",
    "Interval",
    "agent_weights",
    "alignment_figures",
    "bootstrap_interval",
    "card",
    "curves",
    "describe",
    "evaluate",
    "iqm",
    "load_evaluation",
    "nested_bootstrap",
    "plot",
    "report",
    "save_evaluation",
    "stratified_bootstrap",
    "wilson_interval",
]
